// What was read from the API, by a key, shared by all views that show it and read anew when it changed.
import { everyItem } from '@ionflux/client';
import { useEffect, useRef } from 'react';
import { create } from 'zustand';

interface Entry {
  data?: unknown;
  error?: Error;
}

interface Reader {
  load: () => Promise<unknown>;
  users: number;
  /** The number of the newest attempt: an older answer that comes late is not shown. */
  attempt: number;
}

export interface Resource<T> {
  data: T | undefined;
  error: Error | undefined;
}

const useEntries = create<Record<string, Entry>>(() => ({}));
const readers = new Map<string, Reader>();

/** Read something once for all that show it. The key says what it is; other keys are other things. */
export function useResource<T>(key: string, load: () => Promise<T>): Resource<T> {
  const latest = useRef(load);
  useEffect(() => {
    latest.current = load;
  });
  useEffect(() => {
    const reader = readers.get(key) ?? { load: () => latest.current(), users: 0, attempt: 0 };
    reader.load = () => latest.current();
    reader.users += 1;
    readers.set(key, reader);
    if (reader.users === 1) void read(key, reader);
    return () => {
      reader.users -= 1;
    };
  }, [key]);
  const entry = useEntries((entries) => entries[key]);
  return { data: entry?.data as T | undefined, error: entry?.error };
}

/** Read anew whatever is shown under keys that begin so; what is not shown is read when it is next. */
export async function refresh(prefix: string): Promise<void> {
  const found = [...readers].filter(([key, reader]) => key.startsWith(prefix) && reader.users > 0);
  await Promise.all(found.map(([key, reader]) => read(key, reader)));
}

/** Show something at once, before the server has said so. */
export function assume<T>(key: string, change: (data: T) => T): void {
  const entry = useEntries.getState()[key];
  if (entry?.data !== undefined) useEntries.setState({ [key]: { data: change(entry.data as T) } });
}

/** Read a list to its end. */
export async function readAll<T>(
  read: (cursor: string | undefined) => Promise<{ items: T[]; next_cursor: string | null }>,
): Promise<T[]> {
  const items: T[] = [];
  for await (const item of everyItem(read)) items.push(item);
  return items;
}

async function read(key: string, reader: Reader): Promise<void> {
  reader.attempt += 1;
  const { attempt } = reader;
  let entry: Entry;
  try {
    entry = { data: await reader.load() };
  } catch (error) {
    entry = {
      ...useEntries.getState()[key],
      error: error instanceof Error ? error : new Error(String(error)),
    };
  }
  if (attempt === reader.attempt) useEntries.setState({ [key]: entry });
}
