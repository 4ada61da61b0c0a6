// The order of what lies over each other: pure.
import type { PageStore } from '../model/store';

export type Direction = 'front' | 'back' | 'forward' | 'backward';

/** Returns the new depth of each block that is moved in the stack; their order among themselves stays. */
export function restack(store: PageStore, ids: readonly string[], direction: Direction): Map<string, number> {
  const moved = new Set(ids);
  const depths = store.order().flatMap((id): [string, number][] => {
    const block = store.block(id);
    return block ? [[id, block.place.zIndex]] : [];
  });
  const others = depths.filter(([id]) => !moved.has(id)).map(([, depth]) => depth);
  const mine = depths.filter(([id]) => moved.has(id)).sort(([, left], [, right]) => left - right);
  const [lowest, highest] = [mine[0]?.[1] ?? 0, mine[mine.length - 1]?.[1] ?? 0];
  const step = stepFor(direction, lowest, highest, others);
  return new Map(mine.map(([id, depth]) => [id, depth + step]));
}

function stepFor(direction: Direction, lowest: number, highest: number, others: readonly number[]): number {
  if (others.length === 0) return 0;
  switch (direction) {
    case 'front':
      return Math.max(0, Math.max(...others) + 1 - lowest);
    case 'back':
      return Math.min(0, Math.min(...others) - 1 - highest);
    case 'forward': {
      const above = others.filter((depth) => depth >= highest);
      return above.length > 0 ? Math.min(...above) + 1 - lowest : 0;
    }
    case 'backward': {
      const below = others.filter((depth) => depth <= lowest);
      return below.length > 0 ? Math.max(...below) - 1 - highest : 0;
    }
  }
}
