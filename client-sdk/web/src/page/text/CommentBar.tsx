// What one is offered for a selected text besides its format: to comment on it.
import { useEditorState, type Editor } from '@tiptap/react';
import type * as Y from 'yjs';
import { usePageT } from '../messages';
import { useCanComment } from '../model/commentMarks';
import { usePage } from '../model/session';
import { commentOnSelection } from './commented';

interface CommentBarProps {
  editor: Editor;
  fragment: Y.XmlFragment;
  blockId: string;
}

/** Above a text that one may only read and comment on. */
export function CommentBar(props: CommentBarProps) {
  const t = usePageT();
  const isPossible = useIsPossible(props.editor);
  if (!isPossible) return null;
  return (
    <div className="format-bar" role="toolbar" aria-label={t('comment')}>
      <CommentButton {...props} />
    </div>
  );
}

export function CommentButton({ editor, fragment, blockId }: CommentBarProps) {
  const t = usePageT();
  const { marks } = usePage();
  const isPossible = useIsPossible(editor);
  if (!isPossible) return null;
  return (
    <button
      type="button"
      className="format format-comment"
      title={`${t('commentOnText')} (Ctrl+Alt+M)`}
      tabIndex={-1}
      onMouseDown={(event) => {
        event.preventDefault(); // the text keeps its selection
        commentOnSelection(editor.state, fragment, blockId, marks);
      }}
    >
      {t('comment')}
    </button>
  );
}

function useIsPossible(editor: Editor): boolean {
  const { marks, branch } = usePage();
  // What is only proposed is not in the page, which comments are on.
  const canComment = useCanComment(marks) && branch === null;
  const isSelected = useEditorState({ editor, selector: ({ editor: now }) => !now.state.selection.empty });
  return canComment && isSelected;
}
