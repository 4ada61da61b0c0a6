// A text, and the rich texts that blocks of other types have beside their fields.
import { richTextOf } from '@ionflux/client';
import type * as Y from 'yjs';
import { usePageT, type PageKey } from '../messages';
import { usePage } from '../model/session';
import { RichText } from '../text/RichText';
import type { BodyProps } from './BlockBody';

export function TextBlock({ block, isLive, focus }: BodyProps<'text'>) {
  return <BlockText id={block.id} fragment={block.content.doc} isLive={isLive} focus={focus} label="text" />;
}

interface BlockTextProps {
  id: string;
  fragment: Y.XmlFragment | null;
  isLive: boolean;
  focus?: boolean;
  label: PageKey;
  path?: readonly string[];
}

export function BlockText({ id, fragment, isLive, focus = false, label, path }: BlockTextProps) {
  const t = usePageT();
  const { doc, edit } = usePage();
  return (
    <RichText
      blockId={id}
      fragment={fragment}
      make={() => edit(() => richTextOf(doc, id, path))}
      label={t(label)}
      placeholder={label === 'text' ? t('writeHere') : t(label)}
      isLive={isLive}
      focus={focus}
    />
  );
}
