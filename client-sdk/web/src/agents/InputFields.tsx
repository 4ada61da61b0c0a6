// A form for what an agent or a playbook is given.
import { useId } from 'react';
import { useT } from '../app/i18n';
import type { InputFault, Texts } from './inputs';
import { messages } from './messages';
import type { Input } from './model';

interface InputFieldsProps {
  inputs: readonly Input[];
  texts: Texts;
  faults: Readonly<Record<string, InputFault>>;
  onChange: (texts: Texts) => void;
}

export function InputFields({ inputs, texts, faults, onChange }: InputFieldsProps) {
  const t = useT(messages);
  const id = useId();
  return inputs.map((input) => {
    const { key, type, required, description } = input;
    const fault = faults[key];
    const field = {
      id: `${id}-${key}`,
      className: 'input',
      value: texts[key] ?? '',
      required,
      'aria-invalid': fault !== undefined || undefined,
      'aria-describedby': `${id}-${key}-about`,
      onChange: ({ target }: { target: { value: string } }) => {
        onChange({ ...texts, [key]: target.value });
      },
    };
    return (
      <div key={key} className="field">
        <label htmlFor={field.id}>
          <code>{key}</code> {required && <span className="muted small">{t('required')}</span>}
        </label>
        {type === 'boolean' ? (
          <select {...field}>
            <option value="" />
            <option value="true">{t('yes')}</option>
            <option value="false">{t('no')}</option>
          </select>
        ) : type === 'number' ? (
          <input {...field} inputMode="decimal" />
        ) : (
          <textarea
            {...field}
            rows={type === 'json' ? 2 : 1}
            placeholder={type === 'json' ? 'JSON' : undefined}
          />
        )}
        <span id={`${id}-${key}-about`} className={fault === undefined ? 'hint' : 'fault'}>
          {fault === undefined ? description : t(`input_${fault}`)}
        </span>
      </div>
    );
  });
}
