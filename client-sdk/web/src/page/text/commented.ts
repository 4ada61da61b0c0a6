// Marks in a text what is commented on. Where that is is said by Yjs relative positions, so it is read anew when others
// write; what one writes oneself is followed by ProseMirror until then.
import { Extension } from '@tiptap/core';
import { Plugin, PluginKey, type EditorState } from '@tiptap/pm/state';
import { Decoration, DecorationSet } from '@tiptap/pm/view';
import {
  absolutePositionToRelativePosition,
  relativePositionToAbsolutePosition,
  ySyncPluginKey,
  type ProsemirrorBinding,
} from '@tiptap/y-tiptap';
import * as Y from 'yjs';
import type { CommentMarks } from '../model/commentMarks';

interface CommentedOptions {
  fragment: Y.XmlFragment | null;
  blockId: string;
  marks: CommentMarks | null;
}

const key = new PluginKey<DecorationSet>('commented');

/** The marks of comments in one text; a click on one opens its thread. */
export const Commented = Extension.create<CommentedOptions>({
  name: 'commented',
  addOptions: () => ({ fragment: null, blockId: '', marks: null }),
  addKeyboardShortcuts() {
    const { fragment, blockId, marks } = this.options;
    return {
      'Mod-Alt-m': ({ editor }) => {
        if (!fragment || !marks?.canComment()) return false;
        return commentOnSelection(editor.state, fragment, blockId, marks);
      },
    };
  },
  addProseMirrorPlugins() {
    const { fragment, blockId, marks } = this.options;
    return fragment && marks ? [pluginOf(fragment, blockId, marks)] : [];
  },
});

function pluginOf(fragment: Y.XmlFragment, blockId: string, marks: CommentMarks): Plugin<DecorationSet> {
  return new Plugin<DecorationSet>({
    key,
    state: {
      init: () => DecorationSet.empty,
      apply: (transaction, shown, _before, after) => {
        const sync = transaction.getMeta(ySyncPluginKey) as { isChangeOrigin?: boolean } | undefined;
        if (transaction.getMeta(key) === true || sync?.isChangeOrigin)
          return draw(after, fragment, marks, blockId);
        return shown.map(transaction.mapping, transaction.doc);
      },
    },
    props: {
      decorations: (state) => key.getState(state),
      handleClick: (_view, _place, { target }) => {
        const mark = target instanceof Element ? target.closest('[data-thread]') : null;
        const threadId = mark?.getAttribute('data-thread');
        if (threadId) marks.open(threadId);
        return false;
      },
    },
    view: (view) => {
      const redraw = () => {
        view.dispatch(view.state.tr.setMeta(key, true));
      };
      const stop = marks.listen(redraw);
      return { destroy: stop };
    },
  });
}

function draw(
  state: EditorState,
  fragment: Y.XmlFragment,
  marks: CommentMarks,
  blockId: string,
): DecorationSet {
  const binding = bindingOf(state);
  const { doc } = fragment;
  if (!binding || !doc) return DecorationSet.empty;
  const place = (position: Y.RelativePosition): number | null => {
    try {
      return relativePositionToAbsolutePosition(doc, fragment, position, binding.mapping);
    } catch {
      return null; // a position in what is not shown
    }
  };
  const found: Decoration[] = [];
  for (const { threadId, start, end, isChosen } of marks.ofBlock(blockId)) {
    const [from, to] = [place(start), place(end)];
    if (from === null || to === null || from >= to) continue;
    found.push(
      Decoration.inline(from, Math.min(to, state.doc.content.size), {
        nodeName: 'mark',
        class: isChosen ? 'commented chosen' : 'commented',
        ...(threadId !== null && { 'data-thread': threadId }),
      }),
    );
  }
  return DecorationSet.create(state.doc, found);
}

/** Begins a comment on what is selected. Whether anything was. */
export function commentOnSelection(
  state: EditorState,
  fragment: Y.XmlFragment,
  blockId: string,
  marks: CommentMarks,
): boolean {
  const binding = bindingOf(state);
  const { from, to } = state.selection;
  const quote = state.doc.textBetween(from, to, '\n', '\ufffc');
  if (!binding || quote.trim() === '') return false;
  const position = (place: number, side: number): Y.RelativePosition => {
    const rough = absolutePositionToRelativePosition(place, fragment, binding.mapping) as Y.RelativePosition;
    const found = fragment.doc && Y.createAbsolutePositionFromRelativePosition(rough, fragment.doc);
    return found ? Y.createRelativePositionFromTypeIndex(found.type, found.index, side) : rough;
  };
  marks.begin({ blockId, quote, range: { start: position(from, 0), end: position(to, -1) } });
  return true;
}

function bindingOf(state: EditorState): ProsemirrorBinding | null {
  const sync = ySyncPluginKey.getState(state) as { binding?: ProsemirrorBinding | null } | undefined;
  return sync?.binding ?? null;
}
