// What somebody wrote and no server took: kept in this browser, and to be read where the document is not shown.
import { channel, plainText, readBlocks, readTitle } from '@ionflux/client';
import { useEffect, useState } from 'react';
import * as Y from 'yjs';
import { client } from '../connection';
import { useT } from '../i18n';
import { unsavedMessages } from './messages';

interface Kept {
  id: string;
  title: string;
  text: string;
}

export default function Unsaved() {
  const t = useT(unsavedMessages);
  const [kept, setKept] = useState<readonly Kept[]>([]);
  useEffect(() => {
    let isCurrent = true;
    readAllKept().then(
      (found) => {
        if (isCurrent) setKept(found);
      },
      () => undefined, // without a store in this browser nothing is kept in it
    );
    return () => {
      isCurrent = false;
    };
  }, []);
  if (kept.length === 0) return null;
  return (
    <section className="unsaved" aria-label={t('title')}>
      <h3>{t('title')}</h3>
      <p className="muted small">{t('more')}</p>
      {kept.map(({ id, title, text }) => (
        <details key={id} open={kept.length === 1}>
          <summary>{title || t('untitled')}</summary>
          <pre tabIndex={0} aria-label={title || t('untitled')}>
            {text}
          </pre>
        </details>
      ))}
    </section>
  );
}

async function readAllKept(): Promise<Kept[]> {
  const found: Kept[] = [];
  for (const copy of await client.documents.unsaved()) {
    const doc = await client.documents.readCopy(copy);
    const text = copy.document.startsWith('channel:') ? messagesIn(doc) : wordsIn(doc);
    if (text !== '') found.push({ id: copy.id, title: readTitle(doc) ?? '', text });
    doc.destroy();
  }
  return found;
}

function messagesIn(doc: Y.Doc): string {
  return channel
    .readMessages(doc)
    .filter(({ deleted }) => !deleted)
    .map((message) => channel.textOf(message))
    .join('\n');
}

function wordsIn(doc: Y.Doc): string {
  return readBlocks(doc)
    .flatMap((block) => textsIn(block.content))
    .join('\n\n');
}

/** All texts of a block's content, whatever its type is. */
function textsIn(value: unknown): string[] {
  if (value instanceof Y.XmlFragment) return [plainText(value)].filter(Boolean);
  if (typeof value === 'string') return [value];
  if (value instanceof Map) return [...value.values()].flatMap(textsIn);
  if (typeof value === 'object' && value !== null) return Object.values(value).flatMap(textsIn);
  return [];
}
