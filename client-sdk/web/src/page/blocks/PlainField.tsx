// A field of a block that is written as a whole, when one leaves it: typing in it is nobody else's matter yet.
import { useRef, useState } from 'react';

interface PlainFieldProps {
  value: string;
  label: string;
  placeholder?: string;
  type?: 'text' | 'url' | 'number' | 'date';
  className?: string;
  readOnly?: boolean;
  autoFocus?: boolean;
  /** Returns what is wrong with a value, null if nothing is. */
  check?: (value: string) => string | null;
  onCommit: (value: string) => void;
  onLeave?: (() => void) | undefined;
}

export function PlainField(props: PlainFieldProps) {
  const {
    value,
    label,
    placeholder,
    type = 'text',
    className = 'input',
    readOnly,
    check,
    onCommit,
    onLeave,
  } = props;
  const [draft, setDraft] = useState<string | null>(null);
  const isGivenUp = useRef(false);
  const fault = draft === null ? null : (check?.(draft) ?? null);
  const leave = () => {
    if (draft !== null && draft !== value && fault === null && !isGivenUp.current) onCommit(draft);
    if (fault === null || isGivenUp.current) setDraft(null);
    isGivenUp.current = false;
    onLeave?.();
  };
  return (
    <span className="plain-field">
      <input
        className={className}
        type={type}
        value={draft ?? value}
        aria-label={label}
        placeholder={placeholder ?? label}
        readOnly={readOnly}
        autoFocus={props.autoFocus}
        aria-invalid={fault !== null || undefined}
        title={fault ?? undefined}
        onChange={(event) => {
          setDraft(event.target.value);
        }}
        onBlur={leave}
        onKeyDown={(event) => {
          if (event.key === 'Escape') isGivenUp.current = true;
          if (event.key === 'Escape' || event.key === 'Enter') event.currentTarget.blur();
          if (event.key === 'Escape') event.stopPropagation();
        }}
      />
      {fault !== null && (
        <span className="fault small" role="alert">
          {fault}
        </span>
      )}
    </span>
  );
}
