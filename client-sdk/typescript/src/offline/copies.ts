// The copies of documents in this browser: y-indexeddb keeps their content, this keeps account of them.
//
// A copy goes only when the server has said that it saved everything in it, or when somebody who was told says so.
import { IndexeddbPersistence, clearDocument } from 'y-indexeddb';
import * as Y from 'yjs';
import { UnsavedChangesError } from '../errors.js';
import { type Observable, Value } from '../observable.js';
import { type Account } from './account.js';
import { type CopyRow, type Registry, type SetAside, unsavedOf } from './registry.js';

/** So many copies are kept of documents that are not open. */
const KEPT = 200;
const PATIENCE_MS = 5_000;
/** Where y-indexeddb has a document's updates. */
const UPDATES = 'updates';

/** A copy with changes in it that the server has not said to have saved. */
export interface UnsavedCopy {
  readonly id: string;
  readonly document: string;
  readonly unsaved: number;
}

/** A copy that the server refused to merge, with what only it holds. */
export interface SetAsideCopy extends SetAside, UnsavedCopy {}

export class Copies {
  readonly #registry: Promise<Registry | null>;
  readonly #account: Account;
  readonly #server: string;
  readonly #open = new Set<string>();
  readonly #setAside = new Value<readonly SetAsideCopy[]>([]);

  constructor(registry: Promise<Registry | null>, account: Account, server: string) {
    this.#registry = registry;
    this.#account = account;
    this.#server = server;
  }

  /** Copies that were set aside with changes in them that no server has. */
  get setAside(): Observable<readonly SetAsideCopy[]> {
    return this.#setAside;
  }

  /** Reads a document's copy into it and keeps what changes from now on. Null where nothing can be kept. */
  async load(document: string, doc: Y.Doc): Promise<Copy | null> {
    const [registry, account] = await Promise.all([this.#registry, this.#account.id()]);
    if (!registry || account === null) return null;
    const found = (await this.#rows(registry, account)).find(
      (row) => row.document === document && !row.setAside,
    );
    const row: CopyRow = {
      database: found?.database ?? `ionflux/${this.#server}/${account}/${document}/${crypto.randomUUID()}`,
      server: this.#server,
      account,
      document,
      usedAt: Date.now(),
      unsaved: found?.unsaved ?? {},
    };
    this.#open.add(row.database);
    try {
      await registry.put('copies', row);
      const persistence = new IndexeddbPersistence(row.database, doc);
      if (!(await settlesInTime(persistence.whenSynced))) throw new Error('The copy could not be read.');
      return new Copy(registry, row, persistence, () => this.#open.delete(row.database));
    } catch {
      this.#open.delete(row.database);
      return null; // full, or broken: the document lives on without
    }
  }

  /** Copies in use that hold changes which the server does not have yet. */
  async unsaved(): Promise<UnsavedCopy[]> {
    const [registry, account] = await Promise.all([this.#registry, this.#account.id()]);
    if (!registry || account === null) return [];
    const rows = await this.#rows(registry, account);
    this.#showSetAside(rows);
    return rows
      .filter((row) => !row.setAside && unsavedOf(row) > 0)
      .map((row) => ({ id: row.database, document: row.document, unsaved: unsavedOf(row) }));
  }

  /** Takes a copy out of use for good. With changes that only it has it is kept, and shown in `setAside`. */
  async putAside(copy: Copy, why: SetAside): Promise<void> {
    const registry = await this.#registry;
    await copy.close();
    if (!registry) return;
    const row = await registry.get('copies', copy.row.database);
    if (!row) return;
    if (unsavedOf(row) === 0) await this.#delete(registry, row.database);
    else await registry.put('copies', { ...row, setAside: why });
    this.#showSetAside(await this.#rows(registry, row.account));
  }

  /** Reads what a copy holds, as a document that is connected to nothing. */
  async read(id: string): Promise<Y.Doc> {
    const doc = new Y.Doc();
    const persistence = new IndexeddbPersistence(id, doc);
    await persistence.whenSynced;
    await persistence.destroy();
    return doc;
  }

  /** Throws a copy away that was set aside. */
  async discard(id: string): Promise<void> {
    const registry = await this.#registry;
    const row = await registry?.get('copies', id);
    if (!registry || !row?.setAside) return;
    await this.#delete(registry, id);
    this.#showSetAside(await this.#rows(registry, row.account));
  }

  /** Throws all copies of the account away. Throws UnsavedChangesError where changes would be lost. */
  async forgetAll(options: { evenUnsaved?: boolean } = {}): Promise<void> {
    const [registry, account] = await Promise.all([this.#registry, this.#account.id()]);
    if (!registry || account === null) return;
    const rows = await this.#rows(registry, account);
    const unsaved = rows.find((row) => unsavedOf(row) > 0);
    if (unsaved && !options.evenUnsaved) throw new UnsavedChangesError(unsaved.document, unsavedOf(unsaved));
    for (const row of rows) await this.#delete(registry, row.database);
    this.#showSetAside([]);
  }

  /** Makes room: drops the copies of documents that were not used for longest, if they are saved. */
  async tidy(): Promise<void> {
    const [registry, account] = await Promise.all([this.#registry, this.#account.id()]);
    if (!registry || account === null) return;
    const idle = (await this.#rows(registry, account))
      .filter((row) => !this.#open.has(row.database) && unsavedOf(row) === 0)
      .sort((one, other) => other.usedAt - one.usedAt);
    for (const row of idle.slice(KEPT)) await this.#delete(registry, row.database);
  }

  async #rows(registry: Registry, account: string): Promise<CopyRow[]> {
    const rows = await registry.getAll('copies');
    return rows.filter((row) => row.server === this.#server && row.account === account);
  }

  async #delete(registry: Registry, database: string): Promise<void> {
    await clearDocument(database);
    await registry.delete('copies', database);
  }

  #showSetAside(rows: CopyRow[]): void {
    const shown = rows.flatMap((row) =>
      row.setAside
        ? [{ ...row.setAside, id: row.database, document: row.document, unsaved: unsavedOf(row) }]
        : [],
    );
    if (shown.length > 0 || this.#setAside.get().length > 0) this.#setAside.set(shown);
  }
}

/** One document's copy while the document is open. */
export class Copy {
  readonly #registry: Registry;
  readonly #session = crypto.randomUUID();
  readonly #closed: () => void;
  readonly #isFull = new Value(false);
  readonly #isWriting = new Value(false);
  #hasMore = false;
  #writing: Promise<void> = Promise.resolve();

  constructor(
    registry: Registry,
    readonly row: CopyRow,
    readonly persistence: IndexeddbPersistence,
    closed: () => void,
  ) {
    this.#registry = registry;
    this.#closed = closed;
    const fail = (): void => {
      this.#isFull.set(true);
    };
    persistence.db?.addEventListener('error', fail);
    persistence.db?.addEventListener('abort', fail);
  }

  /** How many changes without receipt it held when it was read. */
  get earlier(): number {
    return unsavedOf(this.row);
  }

  /** Whether something could not be written: the copy does not hold everything any more. */
  get isFull(): Observable<boolean> {
    return this.#isFull;
  }

  /** Whether a change is on its way into the copy: a page that ends now may take it along. */
  get isWriting(): Observable<boolean> {
    return this.#isWriting;
  }

  /** Watches the change that the document is telling of on its way into the copy. */
  follow(): void {
    if (this.#isWriting.get()) {
      this.#hasMore = true;
      return;
    }
    this.#isWriting.set(true);
    // Not before y-indexeddb, which hears of the change in this turn too, has begun to write it.
    queueMicrotask(this.#awaitWritten);
  }

  readonly #awaitWritten = (): void => {
    this.#hasMore = false;
    const over = (): void => {
      if (this.#hasMore && !this.#isFull.get()) this.#awaitWritten();
      else this.#isWriting.set(false);
    };
    try {
      // Transactions that write come one after another: what was begun before this one is over when it is.
      const transaction = this.persistence.db?.transaction(UPDATES, 'readwrite');
      if (!transaction) throw new Error('The copy is closed.');
      transaction.objectStore(UPDATES).get(0);
      transaction.addEventListener('complete', over);
      transaction.addEventListener('abort', over);
    } catch {
      this.#isWriting.set(false);
    }
  };

  /** Notes how many changes of this page, and of those from earlier, have no receipt. */
  note(own: number, earlier: number): void {
    this.#writing = this.#writing.then(() => this.#write(own, earlier)).catch(() => undefined);
  }

  async close(): Promise<void> {
    await this.#writing;
    await this.persistence.destroy();
    this.#closed();
  }

  async #write(own: number, earlier: number): Promise<void> {
    const transaction = this.#registry.transaction('copies', 'readwrite');
    const row = await transaction.store.get(this.row.database);
    if (row) {
      // What was there when this page read it is saved with it; what another page has counted since is its own.
      const others = Object.entries(row.unsaved).filter(
        ([session, count]) =>
          session !== this.#session && (earlier > 0 || count !== this.row.unsaved[session]),
      );
      const unsaved = Object.fromEntries(own > 0 ? [...others, [this.#session, own]] : others);
      await transaction.store.put({ ...row, unsaved });
    }
    await transaction.done;
  }
}

/** Whether a promise is kept before patience ends. */
async function settlesInTime(promise: Promise<unknown>): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => {
      resolve(false);
    }, PATIENCE_MS);
  });
  const isKept = await Promise.race([promise.then(() => true), timeout]);
  clearTimeout(timer);
  return isKept;
}
