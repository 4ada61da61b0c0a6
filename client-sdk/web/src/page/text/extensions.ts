// What a rich text may consist of: the nodes and marks of a stock Tiptap editor, those that the server knows too.
import { Extension, type Extensions } from '@tiptap/core';
import Highlight from '@tiptap/extension-highlight';
import Image from '@tiptap/extension-image';
import { TaskItem, TaskList } from '@tiptap/extension-list';
import Mention from '@tiptap/extension-mention';
import { TableKit } from '@tiptap/extension-table';
import type { Plugin } from '@tiptap/pm/state';
import StarterKit from '@tiptap/starter-kit';
import type { SuggestionOptions } from '@tiptap/suggestion';
import { yCursorPlugin, ySyncPlugin } from '@tiptap/y-tiptap';
import type { Awareness } from 'y-protocols/awareness';
import type * as Y from 'yjs';

const KindOfMention = Mention.extend({
  addAttributes() {
    return { ...this.parent?.(), kind: { default: null } };
  },
});

/** The schema of texts; `suggestion` is the list that opens behind an `@`. */
export function textExtensions(suggestion?: Partial<SuggestionOptions>): Extensions {
  return [
    StarterKit.configure({ undoRedo: false, link: { openOnClick: false, autolink: true } }),
    TaskList,
    TaskItem.configure({ nested: true }),
    KindOfMention.configure({ HTMLAttributes: { class: 'mention' }, ...(suggestion ? { suggestion } : {}) }),
    TableKit.configure({ table: { resizable: false } }),
    Image,
    Highlight,
  ];
}

interface LiveOptions {
  fragment: Y.XmlFragment | null;
  awareness: Awareness | null;
  undo: Y.UndoManager | null;
}

/** Binds an editor to a text of the page. Undo is the page's, so it goes back over blocks and texts alike. */
export const Live = Extension.create<LiveOptions>({
  name: 'live',
  addOptions: () => ({ fragment: null, awareness: null, undo: null }),
  addKeyboardShortcuts() {
    const { undo } = this.options;
    const redo = () => {
      undo?.redo();
      return true;
    };
    return {
      'Mod-z': () => {
        undo?.undo();
        return true;
      },
      'Mod-Shift-z': redo,
      'Mod-y': redo,
    };
  },
  addProseMirrorPlugins() {
    const { fragment, awareness } = this.options;
    if (!fragment || !awareness) return [];
    return [
      ySyncPlugin(fragment) as Plugin,
      yCursorPlugin(awareness, { cursorBuilder, selectionBuilder }) as Plugin,
    ];
  },
});

interface CursorUser {
  name?: string;
  color?: string;
  kind?: string;
}

function cursorBuilder(user: CursorUser): HTMLElement {
  const caret = document.createElement('span');
  caret.className = user.kind === 'agent' ? 'caret caret-agent' : 'caret';
  caret.style.setProperty('--who', user.color ?? '#888888');
  const label = document.createElement('span');
  label.className = 'caret-name';
  label.textContent = user.name ?? '';
  caret.append('\u2060', label, '\u2060');
  return caret;
}

function selectionBuilder(user: CursorUser): { class: string; style: string } {
  return { class: 'caret-selection', style: `--who: ${user.color ?? '#888888'}` };
}
