// What the keyboard and the clipboard do on the canvas while no text is edited.
import { copyBlocks, deleteBlock, pasteBlocks, placeBlock, plainText, type Block } from '@ionflux/client';
import { useCallback, useMemo } from 'react';
import { useBring } from '../model/bring';
import { usePage } from '../model/session';
import { restack, type Direction } from './stack';

const CLIP = 'application/x-ionflux-blocks';
const STACK: Readonly<Record<string, Direction>> = {
  ']': 'forward',
  '[': 'backward',
  '}': 'front',
  '{': 'back',
};

interface KeysOptions {
  selected: readonly string[];
  editing: string | null;
  begin: (id: string) => void;
  end: () => void;
  select: (ids: readonly string[]) => void;
  middle: () => { x: number; y: number };
}

export function useActions(selected: readonly string[]) {
  const page = usePage();
  const { doc, store, edit, stamp } = page;
  return useMemo(
    () => ({
      remove: () => {
        edit(() => {
          for (const id of selected) if (store.block(id)) deleteBlock(doc, id, stamp());
        });
      },
      duplicate: () => edit(() => pasteBlocks(doc, copyBlocks(doc, selected), { stamp: stamp() })),
      stack: (direction: Direction) => {
        edit(() => {
          for (const [id, zIndex] of restack(store, selected, direction)) placeBlock(doc, id, { zIndex });
        });
      },
    }),
    [doc, store, edit, stamp, selected],
  );
}

export function useKeys({ selected, editing, begin, end, select, middle }: KeysOptions) {
  const page = usePage();
  const bring = useBring();
  const actions = useActions(selected);
  const { doc, store, edit, stamp, undo, canWrite } = page;

  const onKeyDown = useCallback(
    (event: React.KeyboardEvent) => {
      if (event.key === 'Escape') {
        if (editing === null) select([]);
        else end();
        return;
      }
      if (editing !== null || isField(event.target)) return;
      const isCommand = event.ctrlKey || event.metaKey;
      const key = event.key.toLowerCase();
      const run = (action: () => void) => {
        event.preventDefault();
        action();
      };
      if (isCommand && key === 'a')
        run(() => {
          select(store.order());
        });
      else if (!canWrite) return;
      else if (isCommand && key === 'z')
        run(() => {
          if (event.shiftKey) undo.redo();
          else undo.undo();
        });
      else if (isCommand && key === 'y')
        run(() => {
          undo.redo();
        });
      else if (selected.length === 0) return;
      else if (isCommand && key === 'd')
        run(() => {
          select(actions.duplicate());
        });
      else if (key === 'delete' || key === 'backspace') run(actions.remove);
      else if (key === 'enter' && selected[0] !== undefined && selected.length === 1) {
        const [id] = selected;
        run(() => {
          begin(id);
        });
      } else {
        const direction = isCommand ? undefined : STACK[event.key];
        if (direction)
          run(() => {
            actions.stack(direction);
          });
      }
    },
    [editing, selected, canWrite, actions, begin, end, select, store, undo],
  );

  const onCopy = useCallback(
    (event: React.ClipboardEvent) => {
      if (editing !== null || selected.length === 0 || isField(event.target)) return;
      event.preventDefault();
      event.clipboardData.setData(CLIP, toBase64(copyBlocks(doc, selected)));
      event.clipboardData.setData(
        'text/plain',
        selected
          .map((id) => wordsOf(store.block(id)))
          .filter(Boolean)
          .join('\n\n'),
      );
      if (event.type === 'cut' && canWrite) actions.remove();
    },
    [editing, selected, doc, store, canWrite, actions],
  );

  const onPaste = useCallback(
    (event: React.ClipboardEvent) => {
      if (editing !== null || !canWrite || isField(event.target)) return;
      event.preventDefault();
      const copied = event.clipboardData.getData(CLIP);
      if (copied === '') bring.data(event.clipboardData, { place: middle() });
      else select(edit(() => pasteBlocks(doc, fromBase64(copied), { stamp: stamp() })));
    },
    [editing, canWrite, bring, middle, select, edit, doc, stamp],
  );

  return { onKeyDown, onCopy, onCut: onCopy, onPaste };
}

function isField(target: EventTarget): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || target.closest('input, textarea, select, .drop') !== null)
  );
}

function wordsOf(block: Block | null): string {
  if (!block?.isReadable) return '';
  const { content } = block;
  if ('doc' in content) return content.doc ? plainText(content.doc) : '';
  if ('url' in content) return content.url ?? '';
  return '';
}

function toBase64(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
