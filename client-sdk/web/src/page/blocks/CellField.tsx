// A cell of a table: what stands there, by the type of its column, and a field to write it.
import type { Cell, ColumnType } from '@ionflux/client';
import { memo, useState } from 'react';
import { usePageT } from '../messages';
import { useNames } from '../model/names';
import { PlainField } from './PlainField';
import { cellText } from './tableRows';

interface CellFieldProps {
  value: Cell | undefined;
  type: ColumnType;
  label: string;
  readOnly: boolean;
  /** Null empties the cell. */
  onChange: (value: Cell | null) => void;
}

export const CellField = memo(
  function CellField(props: CellFieldProps) {
    return (
      <div role="cell" className={`cell cell-${props.type}`}>
        <Field {...props} />
      </div>
    );
  },
  (before, after) =>
    before.type === after.type &&
    before.label === after.label &&
    before.readOnly === after.readOnly &&
    cellText(before.value) === cellText(after.value) &&
    typeof before.value === typeof after.value,
);

function Field({ value, type, label, readOnly, onChange }: CellFieldProps) {
  const t = usePageT();
  const [isOpen, setOpen] = useState(false);
  if (type === 'checkbox') {
    return (
      <input
        type="checkbox"
        checked={value === true}
        disabled={readOnly}
        aria-label={label}
        onChange={(event) => {
          onChange(event.target.checked);
        }}
      />
    );
  }
  if (type === 'person')
    return <Person value={value} label={label} readOnly={readOnly} onChange={onChange} />;
  const text = cellText(value);
  if (readOnly || !isOpen) {
    const shown =
      type === 'url' && /^https?:\/\//.test(text) ? (
        <a href={text} target="_blank" rel="noopener noreferrer nofollow">
          {text}
        </a>
      ) : type === 'select' && text !== '' ? (
        text.split(', ').map((word) => (
          <span key={word} className="tag">
            {word}
          </span>
        ))
      ) : (
        text
      );
    if (readOnly) return <span className="cell-text">{shown}</span>;
    return (
      <div
        className="cell-text cell-open"
        role="button"
        tabIndex={0}
        aria-label={`${label}: ${text}`}
        onClick={(event) => {
          if (!(event.target instanceof HTMLAnchorElement)) setOpen(true);
        }}
        onKeyDown={(event) => {
          if (event.key === 'Enter' || event.key === 'F2') {
            event.preventDefault();
            setOpen(true);
          }
        }}
      >
        {shown}
      </div>
    );
  }
  return (
    <PlainField
      className="cell-input"
      value={type === 'date' ? text.slice(0, 10) : text}
      label={label}
      placeholder=""
      type={type === 'number' || type === 'date' ? type : 'text'}
      autoFocus
      check={(written) => (written.length > 5000 ? t('tooLong') : null)}
      onCommit={(written) => {
        onChange(parse(written, type));
      }}
      onLeave={() => {
        setOpen(false);
      }}
    />
  );
}

function parse(written: string, type: ColumnType): Cell | null {
  const text = written.trim();
  if (text === '') return null;
  if (type === 'number') return Number.isFinite(Number(text)) ? Number(text) : null;
  if (type !== 'select' || !text.includes(',')) return written;
  return text
    .split(',')
    .map((word) => word.trim())
    .filter(Boolean);
}

function Person({ value, label, readOnly, onChange }: Omit<CellFieldProps, 'type'>) {
  const names = useNames();
  const id = cellText(value);
  const people = names.all.filter(({ kind }) => kind === 'user');
  const known = names.of(id) ?? people.find((person) => person.id === id)?.label;
  if (readOnly) return <span className="cell-text">{known ?? id}</span>;
  return (
    <select
      className="cell-input"
      aria-label={label}
      value={id}
      onChange={(event) => {
        onChange(event.target.value || null);
      }}
    >
      <option value="" />
      {id !== '' && !people.some((person) => `user:${person.id}` === id) && (
        <option value={id}>{known ?? id}</option>
      )}
      {people.map((person) => (
        <option key={person.id} value={`user:${person.id}`}>
          {person.label}
        </option>
      ))}
    </select>
  );
}
