// Light, dark, or as the system is: kept in this browser, told to the styles by an attribute.
import { useSyncExternalStore } from 'react';

export type Theme = 'system' | 'light' | 'dark';

const KEY = 'ionflux.theme';
const listeners = new Set<() => void>();

export function chosenTheme(): Theme {
  const kept = localStorage.getItem(KEY);
  return kept === 'light' || kept === 'dark' ? kept : 'system';
}

export function applyTheme(theme: Theme): void {
  document.documentElement.dataset.theme = theme;
}

export function chooseTheme(theme: Theme): void {
  localStorage.setItem(KEY, theme);
  applyTheme(theme);
  for (const listener of listeners) listener();
}

export function useTheme(): Theme {
  return useSyncExternalStore(listen, chosenTheme);
}

/** Tell whether dark colours are shown now, whoever chose them; for libraries that have two modes. */
export function useIsDark(): boolean {
  const theme = useTheme();
  const isSystemDark = useSyncExternalStore(listenToSystem, () => systemQuery().matches);
  return theme === 'system' ? isSystemDark : theme === 'dark';
}

function listen(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function systemQuery(): MediaQueryList {
  return matchMedia('(prefers-color-scheme: dark)');
}

function listenToSystem(listener: () => void): () => void {
  const query = systemQuery();
  query.addEventListener('change', listener);
  return () => {
    query.removeEventListener('change', listener);
  };
}
