// What an agent or a playbook is given: reading the fields of a form by the types that are asked for. Pure.
import type { Input } from './model';

export type Texts = Readonly<Record<string, string>>;

/** What comes of a form: values, or what is wrong by field. */
export interface ReadInputs {
  values: Record<string, unknown>;
  faults: Record<string, InputFault>;
}
export type InputFault = 'required' | 'number' | 'json';

/** Return the values of a form; fields that are empty are left out. */
export function readInputs(inputs: readonly Input[], texts: Texts): ReadInputs {
  const read: ReadInputs = { values: {}, faults: {} };
  for (const { key, type, required } of inputs) {
    const text = (texts[key] ?? '').trim();
    if (text === '') {
      if (required) read.faults[key] = 'required';
    } else if (type === 'number') {
      const value = Number(text.replace(',', '.'));
      if (Number.isNaN(value)) read.faults[key] = 'number';
      else read.values[key] = value;
    } else if (type === 'boolean') {
      read.values[key] = text === 'true';
    } else if (type === 'json') {
      const value = parseJson(text);
      if (value === undefined) read.faults[key] = 'json';
      else read.values[key] = value;
    } else {
      read.values[key] = text;
    }
  }
  return read;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
