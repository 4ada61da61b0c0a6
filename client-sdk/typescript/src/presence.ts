// Who is here: the entries of a document's awareness, typed, with the `user` that the server vouches for.
import { type Awareness } from 'y-protocols/awareness';
import { type Observable, Value } from './observable.js';

/** Who somebody is; the server writes it, nobody can pretend. */
export interface PresentUser {
  /** The principal, for instance `user:{uuid}`. */
  readonly id: string;
  readonly name: string;
  readonly kind: 'user' | 'agent' | 'system';
  /** `#rrggbb`, the same for one principal everywhere. */
  readonly color: string;
  readonly colorLight: string;
  readonly avatar_url: string | null;
  /** Of an agent at work: its run, and whose rights it has. */
  readonly run_id?: string;
  readonly acts_for?: string;
}

export interface Present {
  /** The Yjs client id: one for each open copy of the document. */
  readonly clientId: number;
  readonly user: PresentUser;
  /** What its client shows besides, for instance its cursor. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** The others in a document, in the order of their client ids. */
export class Presence implements Observable<readonly Present[]> {
  readonly #awareness: Awareness;
  readonly #others = new Value<readonly Present[]>([]);

  constructor(awareness: Awareness) {
    this.#awareness = awareness;
    awareness.on('change', () => {
      this.#others.set(this.#read());
    });
  }

  readonly get = (): readonly Present[] => this.#others.get();
  readonly subscribe = (listener: () => void): (() => void) => this.#others.subscribe(listener);

  /** Shows a field of one's own to the others; undefined withdraws it. */
  show(field: string, value: unknown): void {
    this.#awareness.setLocalStateField(field, value);
  }

  #read(): Present[] {
    const others: Present[] = [];
    for (const [clientId, { user, ...fields }] of this.#awareness.getStates()) {
      // Before the server has seen an entry it has no user.
      if (clientId === this.#awareness.clientID || !isUser(user)) continue;
      others.push({ clientId, user, fields });
    }
    return others.sort((one, other) => one.clientId - other.clientId);
  }
}

function isUser(value: unknown): value is PresentUser {
  return typeof value === 'object' && value !== null && 'id' in value && 'kind' in value;
}
