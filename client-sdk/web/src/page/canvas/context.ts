// What the blocks of the canvas share: which one is edited here, and who else is where.
import { createContext } from 'react';
import type { Peer, Publish } from '../model/presence';

export interface CanvasState {
  editing: string | null;
  /** Block id -> those whose caret or selection is there. */
  visitors: ReadonlyMap<string, readonly Peer[]>;
  begin: (id: string) => void;
  /** Tells others where the blocks are that one resizes. */
  moving: Publish['moving'];
  /** Whether nothing can be read from here: a block is a sheet with its type then, which costs nothing to draw. */
  isFar: boolean;
}

export const CanvasContext = createContext<CanvasState>({
  editing: null,
  visitors: new Map(),
  begin: () => undefined,
  moving: () => undefined,
  isFar: false,
});
