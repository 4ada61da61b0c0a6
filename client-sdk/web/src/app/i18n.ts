// English and Portuguese. Each folder has its messages; a message may have `{places}`, and a plural twin:
// with a `count`, `key_one` is taken for one and `key` for the rest.
import { useMemo, useSyncExternalStore } from 'react';

export type Language = 'en' | 'pt';
export interface Messages<Key extends string = string> {
  en: Record<Key, string>;
  pt: Record<Key, string>;
}
export type Values = Record<string, string | number>;
export type Translate<Key extends string> = (key: Key, values?: Values) => string;

const KEY = 'ionflux.language';
const listeners = new Set<() => void>();

export function chosenLanguage(): Language {
  const kept = localStorage.getItem(KEY);
  if (kept === 'en' || kept === 'pt') return kept;
  return navigator.language.toLowerCase().startsWith('pt') ? 'pt' : 'en';
}

export function chooseLanguage(language: Language): void {
  localStorage.setItem(KEY, language);
  document.documentElement.lang = language;
  for (const listener of listeners) listener();
}

export function useLanguage(): Language {
  return useSyncExternalStore(listen, chosenLanguage);
}

export function useT<Key extends string>(messages: Messages<Key>): Translate<Key> {
  const language = useLanguage();
  return useMemo(() => translator(messages, language), [messages, language]);
}

export function translator<Key extends string>(messages: Messages<Key>, language: Language): Translate<Key> {
  const words: Partial<Record<string, string>> = messages[language];
  return (key, values) => {
    const text = (values?.count === 1 ? words[`${key}_one`] : undefined) ?? words[key] ?? key;
    return values ? text.replace(/\{(\w+)\}/g, (all, name: string) => String(values[name] ?? all)) : text;
  };
}

function listen(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
