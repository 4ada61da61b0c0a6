// A text of YAML with numbered lines; those with something wrong in them are marked.
import { useImperativeHandle, useMemo, useRef, type KeyboardEvent, type Ref } from 'react';
import { flushSync } from 'react-dom';
import type { ConfigFault } from './model';

export interface YamlFieldHandle {
  /** Put the caret at a place; lines and columns begin at 1. */
  goTo: (line: number, column: number) => void;
}

interface YamlFieldProps {
  ref: Ref<YamlFieldHandle>;
  label: string;
  value: string;
  onChange: (value: string) => void;
  faults: readonly ConfigFault[];
}

export function YamlField({ ref, label, value, onChange, faults }: YamlFieldProps) {
  const field = useRef<HTMLTextAreaElement>(null);
  const lines = useMemo(() => value.split('\n'), [value]);
  const marked = useMemo(() => new Map(faults.map((fault) => [fault.line, fault.detail])), [faults]);

  useImperativeHandle(ref, () => ({
    goTo: (line, column) => {
      const before = value.split('\n').slice(0, line - 1);
      const at = before.reduce((sum, text) => sum + text.length + 1, 0) + column - 1;
      field.current?.focus();
      field.current?.setSelectionRange(at, at);
    },
  }));

  // Tab indents, as YAML wants it; Escape and then Tab leaves the field.
  const isLeaving = useRef(false);
  const press = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    if (event.key === 'Tab' && !event.shiftKey && !isLeaving.current) {
      event.preventDefault();
      const { currentTarget: target } = event;
      const { selectionStart: start, selectionEnd: end } = target;
      // At once: the next key may come before the next frame, and would go to the end of the text.
      flushSync(() => {
        onChange(`${value.slice(0, start)}  ${value.slice(end)}`);
      });
      target.setSelectionRange(start + 2, start + 2);
    }
    isLeaving.current = event.key === 'Escape';
  };

  return (
    <div className="yaml-field">
      <ol aria-hidden="true">
        {lines.map((_, index) => (
          <li
            key={index}
            className={marked.has(index + 1) ? 'wrong' : undefined}
            title={marked.get(index + 1)}
          >
            {index + 1}
          </li>
        ))}
      </ol>
      <textarea
        ref={field}
        aria-label={label}
        aria-invalid={faults.length > 0 || undefined}
        spellCheck={false}
        autoCapitalize="off"
        wrap="off"
        rows={Math.max(12, lines.length)}
        value={value}
        onChange={(event) => {
          onChange(event.target.value);
        }}
        onKeyDown={press}
      />
    </div>
  );
}
