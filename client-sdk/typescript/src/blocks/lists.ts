// Lists within a content: entries by their ids, each with an order key. Arrays would lose what two people move.

import { keyAtEnd, keyBehind } from './order.js';

interface Ordered {
  readonly order: string | null;
}

/** Returns entries in their order; those without a usable key come last, by their ids. */
export function inOrder<T extends Ordered>(entries: ReadonlyMap<string, T>): [id: string, entry: T][] {
  return [...entries].sort(([leftId, left], [rightId, right]) => {
    if (left.order !== right.order) {
      if (left.order === null) return 1;
      if (right.order === null) return -1;
      return left.order < right.order ? -1 : 1;
    }
    return leftId < rightId ? -1 : 1;
  });
}

/**
 * Returns the key for a place in a list: behind the entry `after`, at the beginning (null), or at the end
 * (undefined, or an entry that has no key of its own). `moving` is the entry that goes there, if it is in the list.
 */
export function orderFor(
  entries: ReadonlyMap<string, Ordered>,
  after?: string | null,
  moving?: string,
): string {
  const keys: string[] = [];
  for (const [id, { order }] of entries) if (id !== moving && order !== null) keys.push(order);
  if (after === null) return keyBehind(null, keys);
  const order = after === undefined ? null : (entries.get(after)?.order ?? null);
  return order === null ? keyAtEnd(keys) : keyBehind(order, keys);
}
