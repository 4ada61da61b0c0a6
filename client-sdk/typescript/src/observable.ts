// A value that changes, in the shape that React's useSyncExternalStore takes.

/** A value that can be read at any time, and whose changes are told. */
export interface Observable<T> {
  /** The value now. The same object until it changes. */
  get(): T;
  /** Calls the listener after each change, until the function that comes back is called. */
  subscribe(listener: () => void): () => void;
}

/** An observable that its owner sets. */
export class Value<T> implements Observable<T> {
  readonly #listeners = new Set<() => void>();
  readonly #isEqual: (one: T, other: T) => boolean;
  #value: T;

  constructor(value: T, isEqual: (one: T, other: T) => boolean = Object.is) {
    this.#value = value;
    this.#isEqual = isEqual;
  }

  readonly get = (): T => this.#value;

  readonly subscribe = (listener: () => void): (() => void) => {
    const own = (): void => {
      listener();
    };
    this.#listeners.add(own);
    return () => {
      this.#listeners.delete(own);
    };
  };

  set(value: T): void {
    if (this.#isEqual(value, this.#value)) return;
    this.#value = value;
    for (const listener of [...this.#listeners]) listener();
  }
}

/** Resolves with the first value for which the condition holds, which may be the present one. */
export function until<T>(
  observable: Observable<T>,
  condition: (value: T) => boolean,
  signal?: AbortSignal,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const look = (): void => {
      const value = observable.get();
      if (!condition(value)) return;
      end();
      resolve(value);
    };
    const stop = observable.subscribe(look);
    const abort = (): void => {
      end();
      reject(signal?.reason as Error);
    };
    const end = (): void => {
      stop();
      signal?.removeEventListener('abort', abort);
    };
    signal?.addEventListener('abort', abort);
    if (signal?.aborted) abort();
    else look();
  });
}
