// What this browser keeps of IONFLUX besides the copies themselves: which copies there are, and what waits to be sent.
import { type DBSchema, type IDBPDatabase, openDB } from 'idb';

/** Why a copy is not used any more, but kept. */
export interface SetAside {
  readonly code: string;
  readonly why: string;
  readonly at: string;
}

/** A document's copy in this browser. Its content is in a database of its own, written by y-indexeddb. */
export interface CopyRow {
  readonly database: string;
  readonly server: string;
  readonly account: string;
  readonly document: string;
  readonly usedAt: number;
  /** How many changes without receipt each page that had it open has counted. */
  readonly unsaved: Readonly<Record<string, number>>;
  readonly setAside?: SetAside;
}

/** A request that waits to be sent, or that was refused. Its id gives the order. */
export interface OutboxRow {
  readonly id?: number;
  readonly server: string;
  readonly account: string;
  readonly method: string;
  readonly path: string;
  readonly body: string | null;
  readonly key: string;
  readonly at: string;
  readonly refusal?: { readonly status: number; readonly code: string; readonly why: string };
}

interface Schema extends DBSchema {
  accounts: { key: string; value: string };
  copies: { key: string; value: CopyRow };
  outbox: { key: number; value: OutboxRow };
}

export type Registry = IDBPDatabase<Schema>;

/** Opens it. Null where the browser keeps nothing: there is no IndexedDB, or it may not be used. */
export async function openRegistry(): Promise<Registry | null> {
  if (typeof indexedDB === 'undefined') return null;
  try {
    return await openDB<Schema>('ionflux', 1, {
      upgrade: (database) => {
        database.createObjectStore('accounts');
        database.createObjectStore('copies', { keyPath: 'database' });
        database.createObjectStore('outbox', { keyPath: 'id', autoIncrement: true });
      },
      blocking: (_current, _blocked, event) => {
        (event.target as IDBDatabase).close();
      },
    });
  } catch {
    return null;
  }
}

/** How many changes of a copy have no receipt. */
export function unsavedOf(row: CopyRow): number {
  return Object.values(row.unsaved).reduce((sum, count) => sum + count, 0);
}
