// The pieces that all settings are made of.
import { useState, type ReactNode } from 'react';
import { useT } from '../i18n';
import { sayFault } from '../toasts';
import { messages } from './messages';

export function Part({ title, more, children }: { title: string; more?: string; children: ReactNode }) {
  return (
    <section className="settings-part" aria-label={title}>
      <h2>{title}</h2>
      {more !== undefined && <p className="muted small">{more}</p>}
      {children}
    </section>
  );
}

interface SelectProps<Value extends string> {
  label: string;
  name?: string;
  value?: Value;
  options: readonly (readonly [Value, string])[];
  isLabelHidden?: boolean;
  isDisabled?: boolean;
  onChoose?: (value: Value) => void;
}

export function Select<Value extends string>(props: SelectProps<Value>) {
  const { label, name, value, options, isLabelHidden = false, isDisabled = false, onChoose } = props;
  return (
    <label className="field short">
      <span className={isLabelHidden ? 'visually-hidden' : undefined}>{label}</span>
      <select
        className="input"
        name={name}
        disabled={isDisabled}
        {...(onChoose ? { value } : { defaultValue: value })}
        onChange={(event) => onChoose?.(event.target.value as Value)}
      >
        {options.map(([each, text]) => (
          <option key={each} value={each}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

/** A button whose work may be refused; it asks first where it says so. */
export function Act(props: {
  label: string;
  ask?: string;
  isDangerous?: boolean;
  run: () => Promise<unknown>;
}) {
  const [isBusy, setIsBusy] = useState(false);
  const act = async () => {
    if (props.ask !== undefined && !confirm(props.ask)) return;
    setIsBusy(true);
    try {
      await props.run();
    } catch (error) {
      sayFault(error);
    } finally {
      setIsBusy(false);
    }
  };
  return (
    <button
      type="button"
      className={props.isDangerous ? 'button danger' : 'button'}
      disabled={isBusy}
      onClick={() => void act()}
    >
      {props.label}
    </button>
  );
}

/** What is told once: a key, a secret. */
export function Secret({ text }: { text: string }) {
  const t = useT(messages);
  return (
    <div className="secret" role="status">
      <span className="small">{t('told_once')}</span>
      <code>{text}</code>
      <Act label={t('copy')} run={() => navigator.clipboard.writeText(text)} />
    </div>
  );
}
