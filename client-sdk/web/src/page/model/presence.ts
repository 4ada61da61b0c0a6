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
}

interface State {
  user?: { id?: unknown; name?: unknown; kind?: unknown; color?: unknown; avatar_url?: unknown };
  cursor?: { head?: unknown } | null;
  block_id?: unknown;
  pointer?: { x?: unknown; y?: unknown } | null;
  selected?: unknown;
  status?: unknown;
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

/** Tells others what one has selected, and where one's pointer is on the canvas. */
export function usePublish(): { selected: (ids: readonly string[]) => void; pointer: PointerTeller } {
  const page = usePage();
  return useMemo(() => publisher(page), [page]);
}

type PointerTeller = (point: { x: number; y: number } | null) => void;

function publisher({ awareness }: PageSession) {
  let timer: ReturnType<typeof setTimeout> | null = null;
  let latest: { x: number; y: number } | null = null;
  const tell = () => {
    timer = null;
    awareness.setLocalStateField('pointer', latest);
  };
  return {
    selected: (ids: readonly string[]) => {
      awareness.setLocalStateField('selected', ids.slice(0, 50));
    },
    pointer: (point: { x: number; y: number } | null) => {
      latest = point && { x: Math.round(point.x), y: Math.round(point.y) };
      timer ??= setTimeout(tell, QUIET_MS);
    },
  };
}
