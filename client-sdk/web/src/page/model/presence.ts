// Who is on the page and where: carets in texts, pointers and selections on the canvas, and what agents do.
import { useEffect, useMemo, useState } from 'react';
import type { Awareness } from 'y-protocols/awareness';
import * as Y from 'yjs';
import { blocksOf } from '@ionflux/client';
import { usePage, type PageSession } from './session';

/** Somebody on the page. Name, colour and kind are the server's, see docs/protocol.md. */
export interface Peer {
  readonly clientId: number;
  readonly id: string;
  readonly name: string;
  readonly kind: string;
  readonly color: string;
  readonly avatarUrl: string | null;
  /** The block that their caret is in, or that an agent types into. */
  readonly blockId: string | null;
  readonly pointer: { x: number; y: number } | null;
  readonly selected: readonly string[];
  readonly status: string | null;
  /** Blocks that they are dragging or resizing on the canvas, where they are meanwhile. */
  readonly moving: ReadonlyMap<string, Moving>;
}

/** Where a block is while it is dragged; its size only where that changes. */
export interface Moving {
  readonly x: number;
  readonly y: number;
  readonly width?: number;
  readonly height?: number;
}

interface State {
  user?: { id?: unknown; name?: unknown; kind?: unknown; color?: unknown; avatar_url?: unknown };
  cursor?: { head?: unknown } | null;
  block_id?: unknown;
  pointer?: { x?: unknown; y?: unknown } | null;
  selected?: unknown;
  status?: unknown;
  moving?: unknown;
}

const QUIET_MS = 60;

/** All others on the page, told anew at most about sixteen times a second. */
export function usePeers(): readonly Peer[] {
  const { doc, awareness } = usePage();
  const [peers, setPeers] = useState<readonly Peer[]>(() => readPeers(doc, awareness));
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | null = null;
    const read = () => {
      timer = null;
      setPeers(readPeers(doc, awareness));
    };
    const changed = () => {
      timer ??= setTimeout(read, QUIET_MS);
    };
    read();
    awareness.on('change', changed);
    return () => {
      awareness.off('change', changed);
      if (timer !== null) clearTimeout(timer);
    };
  }, [doc, awareness]);
  return peers;
}

export function readPeers(doc: Y.Doc, awareness: Awareness): Peer[] {
  const peers: Peer[] = [];
  for (const [clientId, value] of awareness.getStates()) {
    const state = value as State;
    const { user } = state;
    if (clientId === awareness.clientID || typeof user?.name !== 'string') continue;
    peers.push({
      clientId,
      id: text(user.id) ?? String(clientId),
      name: user.name,
      kind: text(user.kind) ?? 'user',
      color: text(user.color) ?? '#888888',
      avatarUrl: text(user.avatar_url),
      blockId: text(state.block_id) ?? blockOfCaret(doc, state.cursor?.head),
      pointer: readPoint(state.pointer),
      selected: Array.isArray(state.selected) ? state.selected.filter((id) => typeof id === 'string') : [],
      status: text(state.status),
      moving: readMoving(state.moving),
    });
  }
  return peers.sort((left, right) => left.clientId - right.clientId);
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function readPoint(value: State['pointer']): Peer['pointer'] {
  const { x, y } = value ?? {};
  return typeof x === 'number' && typeof y === 'number' ? { x, y } : null;
}

const STILL: Peer['moving'] = new Map();

function readMoving(value: unknown): Peer['moving'] {
  if (typeof value !== 'object' || value === null) return STILL;
  const found = new Map<string, Moving>();
  for (const [id, place] of Object.entries(value).slice(0, MOST_TOLD)) {
    const { x, y, width, height } = (place ?? {}) as Record<string, unknown>;
    if (!isNumber(x) || !isNumber(y)) continue;
    found.set(id, { x, y, ...(isNumber(width) && isNumber(height) && { width, height }) });
  }
  return found.size > 0 ? found : STILL;
}

function isNumber(value: unknown): value is number {
  return Number.isFinite(value);
}

/** Returns the block that a caret is in. Anybody can say anything of theirs. */
function blockOfCaret(doc: Y.Doc, head: unknown): string | null {
  if (typeof head !== 'object' || head === null) return null;
  try {
    const position = Y.createAbsolutePositionFromRelativePosition(
      Y.createRelativePositionFromJSON(head),
      doc,
    );
    let type: Y.AbstractType<unknown> | null = position?.type ?? null;
    while (type?._item) {
      const parent: unknown = type._item.parent;
      if (parent === blocksOf(doc)) return type._item.parentSub;
      type = parent instanceof Y.AbstractType ? (parent as Y.AbstractType<unknown>) : null;
    }
  } catch {
    return null; // a caret that is none
  }
  return null;
}

/** What one tells others of what one does on the canvas. None of it is in the document. */
export interface Publish {
  selected: (ids: readonly string[]) => void;
  pointer: (point: { x: number; y: number } | null) => void;
  /** Where the blocks are that one drags or resizes; none once they are dropped, and written down. */
  moving: (places: ReadonlyMap<string, Moving>) => void;
}

export function usePublish(): Publish {
  const page = usePage();
  const publish = useMemo(() => publisher(page), [page]);
  useEffect(
    () => () => {
      publish.moving(STILL); // whoever leaves in the middle of it drops nothing
    },
    [publish],
  );
  return publish;
}

/** Of how many blocks one tells others. */
const MOST_TOLD = 50;

function publisher({ awareness }: PageSession): Publish {
  let timer: ReturnType<typeof setTimeout> | null = null;
  let waiting: Record<string, unknown> = {};
  const tell = () => {
    timer = null;
    const told = awareness.getLocalState();
    if (told !== null) awareness.setLocalState({ ...told, ...waiting });
    waiting = {};
  };
  const soon = (field: string, value: unknown) => {
    waiting[field] = value;
    timer ??= setTimeout(tell, QUIET_MS);
  };
  let isMoving = false;
  return {
    selected: (ids) => {
      awareness.setLocalStateField('selected', ids.slice(0, MOST_TOLD));
    },
    pointer: (point) => {
      soon('pointer', point && { x: Math.round(point.x), y: Math.round(point.y) });
    },
    moving: (places) => {
      if (places.size === 0 && !isMoving) return;
      isMoving = places.size > 0;
      soon('moving', isMoving ? Object.fromEntries([...places].slice(0, MOST_TOLD)) : null);
    },
  };
}
