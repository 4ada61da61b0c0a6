// Which changes of a document the server has not yet said to have saved.
//
// The provider's own count starts anew at each connection, and can reach zero early then: what was queued while
// there was no connection is answered, too. So the changes themselves are matched with what left on the socket,
// and this with the server's receipts, which come in the order of the edits, each after its commit.

interface Change {
  readonly number: number;
  readonly update: Uint8Array;
  isSent: boolean;
  isRefused: boolean;
}

/** Up to which change, or for which one alone, the next receipt counts; null for an edit that is no change of ours. */
type Awaited = { upTo: number } | { only: Change } | null;

export class Receipts {
  readonly #changed: () => void;
  #changes: Change[] = [];
  #awaited: Awaited[] = [];
  #number = 0;
  #earlier = 0;
  #isEarlierRefused = false;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /** How many changes have no receipt. */
  get unsaved(): number {
    return this.#earlier + this.#changes.length;
  }

  /** Of these, how many were made since the document is open. */
  get own(): number {
    return this.#changes.length;
  }

  /** Of these, how many were in the copy that the document was read from. */
  get earlier(): number {
    return this.#earlier;
  }

  /** Whether the server has refused some of them, and not taken them since. */
  get isRefused(): boolean {
    return this.#isEarlierRefused || this.#changes.some((change) => change.isRefused);
  }

  /** So many changes without receipt were in the copy that the document was read from. */
  addEarlier(count: number): void {
    this.#earlier += count;
    this.#changed();
  }

  /** Somebody changed the document here. */
  change(update: Uint8Array): void {
    this.#number += 1;
    this.#changes.push({ number: this.#number, update, isSent: false, isRefused: false });
    this.#changed();
  }

  /** A new socket: what left on the old one gets no receipt any more. */
  restart(): void {
    this.#awaited = [];
    for (const change of this.#changes) change.isSent = false;
  }

  /** The answer to the server's question left: whatever it lacked, so all changes so far are in it. */
  sentAnswer(): void {
    this.#awaited.push({ upTo: this.#number });
  }

  /** An update left. */
  sentUpdate(update: Uint8Array): void {
    const change = this.#changes.find((one) => !one.isSent && isEqual(one.update, update));
    if (change) change.isSent = true;
    this.#awaited.push(change ? { only: change } : null);
  }

  /** The server saved the oldest edit that it has not answered, or refused it. */
  received(isSaved: boolean): void {
    const awaited = this.#awaited.shift();
    if (!awaited) return;
    if ('only' in awaited) this.#settle((change) => change === awaited.only, isSaved);
    else {
      this.#settle((change) => change.number <= awaited.upTo, isSaved);
      if (isSaved) this.#earlier = 0;
      this.#isEarlierRefused = !isSaved && this.#earlier > 0;
    }
    this.#changed();
  }

  #settle(isMeant: (change: Change) => boolean, isSaved: boolean): void {
    if (isSaved) this.#changes = this.#changes.filter((change) => !isMeant(change));
    else for (const change of this.#changes) if (isMeant(change)) change.isRefused = true;
  }
}

function isEqual(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}
