// The open documents of a client, each once, for as long as somebody uses it or something of it is unsaved.
import type * as Y from 'yjs';
import { type Observable } from '../observable.js';
import { type Copies, type SetAsideCopy, type UnsavedCopy } from '../offline/copies.js';
import { LiveDocument, type Surroundings } from './live.js';

/** How long a document that nobody uses stays open: people go back and forth. */
const GRACE_MS = 3_000;

interface Entry {
  readonly live: LiveDocument;
  uses: number;
  leave: (() => void) | null;
}

export class Documents {
  readonly #around: Omit<Surroundings, 'ended'>;
  readonly #entries = new Map<string, Entry>();
  readonly #closing = new Set<Promise<void>>();

  constructor(around: Omit<Surroundings, 'ended'>) {
    this.#around = around;
    void this.#sendWhatIsLeft();
  }

  /**
   * Opens a document, `page:{id}`, `channel:{id}` or `inbox:{id}`: the same object for the same name. Each use ends
   * with its `release()`. After a refusal that is final a new call gives a new object, without the old content.
   */
  open(name: string): LiveDocument {
    const entry = this.#entries.get(name) ?? this.#begin(name);
    entry.uses += 1;
    entry.leave?.();
    return entry.live;
  }

  /** Copies with changes that no server has, which were set aside when the server refused to merge them. */
  get setAside(): Observable<readonly SetAsideCopy[]> | null {
    return this.#copies?.setAside ?? null;
  }

  /** Copies with changes that the server has not said to have saved: they are sent when it takes them. */
  unsaved(): Promise<readonly UnsavedCopy[]> {
    return this.#copies?.unsaved() ?? Promise.resolve([]);
  }

  /** Reads what a copy holds, as a document that is connected to nothing. */
  readCopy(copy: UnsavedCopy): Promise<Y.Doc> {
    if (!this.#copies) return Promise.reject(new Error('This client keeps no copies.'));
    return this.#copies.read(copy.id);
  }

  async discardSetAside(copy: SetAsideCopy): Promise<void> {
    await this.#copies?.discard(copy.id);
  }

  /** Closes all documents and throws their copies away, for a browser that is not one's own. */
  async forgetCopies(options: { evenUnsaved?: boolean } = {}): Promise<void> {
    await this.close();
    await this.#copies?.forgetAll(options);
  }

  /** Closes all documents. What is unsaved stays in the copies. */
  async close(): Promise<void> {
    for (const { live, leave } of [...this.#entries.values()]) {
      leave?.();
      this.#end(live);
    }
    await Promise.all(this.#closing);
  }

  get #copies(): Copies | null {
    return this.#around.copies;
  }

  #begin(name: string): Entry {
    const around: Surroundings = {
      ...this.#around,
      ended: (document) => {
        if (this.#entries.get(name)?.live === document) this.#entries.delete(name);
      },
    };
    const live = new LiveDocument(name, around, () => {
      this.#release(entry);
    });
    const entry: Entry = { live, uses: 0, leave: null };
    this.#entries.set(name, entry);
    return entry;
  }

  #release(entry: Entry): void {
    const { live } = entry;
    entry.uses -= 1;
    if (entry.uses > 0 || entry.leave) return;
    if (this.#entries.get(live.name) !== entry) {
      this.#end(live); // its copy is over, and this was the last look at it
      return;
    }
    let isOver = false;
    const leave = (): void => {
      if (!live.isSettled) return; // until the last change is saved
      entry.leave?.();
      this.#end(live);
    };
    const timer = setTimeout(() => {
      isOver = true;
      leave();
    }, GRACE_MS);
    const unsubscribe = live.status.subscribe(() => {
      if (isOver) leave();
    });
    entry.leave = () => {
      clearTimeout(timer);
      unsubscribe();
      entry.leave = null;
    };
  }

  #end(live: LiveDocument): void {
    if (this.#entries.get(live.name)?.live === live) this.#entries.delete(live.name);
    const closing = live.close().finally(() => {
      this.#closing.delete(closing);
    });
    this.#closing.add(closing);
  }

  /** Sends what an earlier page left unsaved in the copies, also of documents that nobody opens now. */
  async #sendWhatIsLeft(): Promise<void> {
    if (!this.#copies) return;
    for (const { document } of await this.#copies.unsaved()) this.open(document).release();
    await this.#copies.tidy();
  }
}
