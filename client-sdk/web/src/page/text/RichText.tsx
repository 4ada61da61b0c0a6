// A rich text of the page: shown, or an editor that everybody types into together.
import { EditorContent, useEditor } from '@tiptap/react';
import { getSchema } from '@tiptap/core';
import { useEffect, useMemo, useState } from 'react';
import * as Y from 'yjs';
import { useNames } from '../model/names';
import { usePage } from '../model/session';
import { usePageT } from '../messages';
import { Live, textExtensions } from './extensions';
import { Commented } from './commented';
import { CommentBar, CommentButton } from './CommentBar';
import { FormatBar } from './FormatBar';
import { mentionList } from './mentionList';
import { usePaste } from './paste';
import { readPastedHtml } from './pastedHtml';
import { StaticText } from './StaticText';
import { findUnknown } from './unknown';

const schema = getSchema(textExtensions());

interface RichTextProps {
  /** The block that the text is of. */
  blockId: string;
  /** Null where no text was written yet; `make` then begins one. */
  fragment: Y.XmlFragment | null;
  make: () => Y.XmlFragment;
  label: string;
  placeholder?: string;
  isLive: boolean;
  focus?: boolean;
}

export function RichText(props: RichTextProps) {
  const { blockId, fragment, make, label, placeholder, isLive, focus = false } = props;
  const t = usePageT();
  const { canWrite } = usePage();
  const unknown = useUnknown(isLive ? fragment : null);
  if (!isLive) return <StaticText fragment={fragment} placeholder={placeholder} />;
  if (unknown !== null) {
    return (
      <div className="kept-text">
        <p className="note">{t('unknownText', { name: unknown })}</p>
        <StaticText fragment={fragment} />
      </div>
    );
  }
  if (fragment === null) {
    if (!canWrite) return <StaticText fragment={null} placeholder={placeholder} />;
    return (
      <button type="button" className="prose placeholder begin-text" onClick={make}>
        {placeholder ?? label}
      </button>
    );
  }
  return (
    <LiveText
      blockId={blockId}
      fragment={fragment}
      label={label}
      placeholder={placeholder ?? ''}
      focus={focus}
    />
  );
}

interface LiveTextProps {
  blockId: string;
  fragment: Y.XmlFragment;
  label: string;
  placeholder: string;
  focus: boolean;
}

function LiveText({ blockId, fragment, label, placeholder, focus }: LiveTextProps) {
  const { awareness, undo, canWrite, marks } = usePage();
  const { latest } = useNames();
  const [isFocused, setFocused] = useState(false);
  const paste = usePaste();
  const editor = useEditor(
    {
      extensions: [
        ...textExtensions(mentionList(latest)),
        // Tiptap lets the last one see a change first: what is commented on is found once the text is in step.
        Commented.configure({ fragment, blockId, marks }),
        Live.configure({ fragment, awareness, undo }),
      ],
      injectCSS: false,
      editable: canWrite,
      autofocus: focus ? 'end' : false,
      shouldRerenderOnTransaction: false,
      editorProps: {
        attributes: { class: 'prose', role: 'textbox', 'aria-multiline': 'true', 'aria-label': label },
        handlePaste: (view, event) => paste(view, event),
        transformPastedHTML: readPastedHtml,
      },
      onFocus: () => {
        setFocused(true);
      },
      onBlur: () => {
        setFocused(false);
      },
    },
    // An editor that is made anew takes the caret from who is typing: what else changes is told to the one there is.
    [fragment, awareness, undo, latest, blockId, marks],
  );
  useEffect(() => {
    editor.setEditable(canWrite, false);
  }, [editor, canWrite]);
  return (
    <div className="live-text" data-placeholder={placeholder}>
      {canWrite && isFocused && (
        <FormatBar editor={editor}>
          <CommentButton editor={editor} fragment={fragment} blockId={blockId} />
        </FormatBar>
      )}
      {!canWrite && <CommentBar editor={editor} fragment={fragment} blockId={blockId} />}
      <EditorContent editor={editor} />
    </div>
  );
}

/**
 * Follows whether a text has anything unknown in it. What others write is looked at before any editor that shows the
 * text sees it: it would delete what it does not know.
 */
function useUnknown(fragment: Y.XmlFragment | null): string | null {
  const first = useMemo(() => (fragment ? findUnknown(fragment, schema) : null), [fragment]);
  const [found, setFound] = useState<{ in: Y.XmlFragment | null; name: string | null }>({
    in: null,
    name: null,
  });
  useEffect(() => {
    const doc = fragment?.doc;
    if (!fragment || !doc) return undefined;
    const look = (transaction: Y.Transaction) => {
      if (transaction.local || !touches(transaction, fragment)) return;
      const name = findUnknown(fragment, schema);
      setFound((known) => (known.in === fragment && known.name === name ? known : { in: fragment, name }));
    };
    doc.on('beforeObserverCalls', look);
    return () => {
      doc.off('beforeObserverCalls', look);
    };
  }, [fragment]);
  return found.in === fragment ? found.name : first;
}

function touches(transaction: Y.Transaction, fragment: Y.XmlFragment): boolean {
  for (const changed of transaction.changed.keys()) {
    let type: unknown = changed;
    while (type instanceof Y.AbstractType) {
      if (type === fragment) return true;
      type = type._item?.parent;
    }
  }
  return false;
}
