// Which view an address shows. Addresses are the only state of where somebody is.
import { useMemo, useSyncExternalStore } from 'react';

export type Place =
  | { view: 'start' | 'sign-in' | 'sign-up' | 'forgot' | 'account' | 'unknown' }
  | { view: 'home' | 'trash' | 'notifications'; workspaceId: string }
  | { view: 'page'; workspaceId: string; pageId: string }
  | { view: 'channel'; workspaceId: string; channelId: string }
  | { view: 'agents'; workspaceId: string; rest: string[] }
  | { view: 'settings'; workspaceId: string; section: string };

const listeners = new Set<() => void>();

export function readPlace(path: string): Place {
  const [first, workspaceId, kind, id, ...rest] = path.split('/').filter(Boolean).map(decode);
  if (first === undefined) return { view: 'start' };
  if (first === 'sign-in' || first === 'sign-up' || first === 'forgot') return { view: first };
  if (first === 'account') return { view: first };
  if (first !== 'w') return { view: 'unknown' };
  if (workspaceId === undefined) return { view: 'start' };
  if (kind === undefined) return { view: 'home', workspaceId };
  if (kind === 'p' && id !== undefined) return { view: 'page', workspaceId, pageId: id };
  if (kind === 'c' && id !== undefined) return { view: 'channel', workspaceId, channelId: id };
  if (kind === 'agents') return { view: 'agents', workspaceId, rest: id === undefined ? [] : [id, ...rest] };
  if (kind === 'settings') return { view: 'settings', workspaceId, section: id ?? 'profile' };
  if (kind === 'trash' || kind === 'notifications') return { view: kind, workspaceId };
  return { view: 'unknown' };
}

export const paths = {
  home: (workspaceId: string) => `/w/${workspaceId}`,
  page: (workspaceId: string, pageId: string) => `/w/${workspaceId}/p/${pageId}`,
  channel: (workspaceId: string, channelId: string) => `/w/${workspaceId}/c/${channelId}`,
  agents: (workspaceId: string, ...rest: string[]) => ['/w', workspaceId, 'agents', ...rest].join('/'),
  settings: (workspaceId: string, section = 'profile') => `/w/${workspaceId}/settings/${section}`,
  trash: (workspaceId: string) => `/w/${workspaceId}/trash`,
  notifications: (workspaceId: string) => `/w/${workspaceId}/notifications`,
};

export function navigate(path: string, how: 'push' | 'replace' = 'push'): void {
  if (path === location.pathname + location.search + location.hash) return;
  if (how === 'push') history.pushState(null, '', path);
  else history.replaceState(null, '', path);
  for (const listener of listeners) listener();
}

export function usePath(): string {
  return useSyncExternalStore(listen, () => location.pathname);
}

export function usePlace(): Place {
  const path = usePath();
  return useMemo(() => readPlace(path), [path]);
}

function listen(listener: () => void): () => void {
  listeners.add(listener);
  addEventListener('popstate', listener);
  return () => {
    listeners.delete(listener);
    removeEventListener('popstate', listener);
  };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
