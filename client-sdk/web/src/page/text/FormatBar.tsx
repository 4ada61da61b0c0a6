// What one may do with the selected text, above the editor that has the focus; below it on a phone.
import type { Editor } from '@tiptap/react';
import { useEditorState } from '@tiptap/react';
import type { ReactNode } from 'react';
import { usePageT, type PageKey } from '../messages';

interface Format {
  name: PageKey;
  sign: string;
  isOn: (editor: Editor) => boolean;
  run: (editor: Editor) => void;
}

const FORMATS: readonly Format[] = [
  mark('bold', 'B', (editor) => editor.chain().focus().toggleBold().run()),
  mark('italic', 'I', (editor) => editor.chain().focus().toggleItalic().run()),
  mark('strike', 'S', (editor) => editor.chain().focus().toggleStrike().run()),
  mark('code', '<>', (editor) => editor.chain().focus().toggleCode().run()),
  mark('highlight', 'H', (editor) => editor.chain().focus().toggleHighlight().run()),
  ...([1, 2, 3] as const).map((level): Format => ({
    name: `heading${level}`,
    sign: `H${level}`,
    isOn: (editor) => editor.isActive('heading', { level }),
    run: (editor) => editor.chain().focus().toggleHeading({ level }).run(),
  })),
  mark('bulletList', '•', (editor) => editor.chain().focus().toggleBulletList().run()),
  mark('orderedList', '1.', (editor) => editor.chain().focus().toggleOrderedList().run()),
  mark('taskList', '☑', (editor) => editor.chain().focus().toggleTaskList().run()),
  mark('blockquote', '❝', (editor) => editor.chain().focus().toggleBlockquote().run()),
  mark('codeBlock', '{ }', (editor) => editor.chain().focus().toggleCodeBlock().run()),
  mark('table', '▦', (editor) =>
    editor.chain().focus().insertTable({ rows: 3, cols: 3, withHeaderRow: true }).run(),
  ),
];

function mark(name: PageKey, sign: string, run: (editor: Editor) => unknown): Format {
  return { name, sign, isOn: (editor) => editor.isActive(name), run };
}

export function FormatBar({ editor, children }: { editor: Editor; children?: ReactNode }) {
  const t = usePageT();
  const on = useEditorState({
    editor,
    selector: ({ editor: current }) => FORMATS.map((format) => (format.isOn(current) ? '1' : '0')).join(''),
  });
  return (
    <div className="format-bar" role="toolbar" aria-label={t('formatting')}>
      {children}
      {FORMATS.map((format, index) => (
        <button
          key={format.name}
          type="button"
          className={`format format-${format.name}`}
          title={t(format.name)}
          aria-label={/\d/.test(format.sign) ? `${format.sign} ${t(format.name)}` : t(format.name)}
          aria-pressed={on[index] === '1'}
          tabIndex={-1}
          onMouseDown={(event) => {
            event.preventDefault(); // the text keeps its focus and selection
            format.run(editor);
          }}
        >
          {format.sign}
        </button>
      ))}
    </div>
  );
}
