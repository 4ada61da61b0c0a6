// Who types where, and who is here: from presence, and into it.
import { useEffect, useMemo, useRef, useSyncExternalStore } from 'react';
import type { Awareness } from 'y-protocols/awareness';

/** Somebody who is here, as the server says who they are. */
export interface Present {
  id: string;
  name: string;
  kind: string;
  color: string;
  typing: boolean | { thread_id: string };
}

const QUIET_MILLISECONDS = 5000;

/** Return who is here besides oneself, each once. */
export function usePresent(awareness: Awareness | null, me: string): Present[] {
  const store = useMemo(() => presentStore(awareness, me), [awareness, me]);
  return useSyncExternalStore(store.subscribe, store.get);
}

/** Return what to call when a key was pressed, and when nothing is being typed any more. */
export function useTyping(awareness: Awareness | null, threadId: string | null) {
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const calls = useMemo(() => {
    const stop = () => {
      clearTimeout(timer.current);
      if (awareness?.getLocalState()?.typing) awareness.setLocalStateField('typing', null);
    };
    const type = () => {
      clearTimeout(timer.current);
      timer.current = setTimeout(stop, QUIET_MILLISECONDS);
      if (!awareness?.getLocalState()?.typing) {
        awareness?.setLocalStateField('typing', threadId === null ? true : { thread_id: threadId });
      }
    };
    return { type, stop };
  }, [awareness, threadId]);
  useEffect(() => calls.stop, [calls]);
  return calls;
}

/** Tell whether somebody types in a thread, or in the channel itself (null). */
export function typesIn({ typing }: Present, threadId: string | null): boolean {
  if (typeof typing === 'boolean') return typing && threadId === null;
  return typing.thread_id === threadId;
}

function presentStore(awareness: Awareness | null, me: string) {
  let people = read();
  function read(): Present[] {
    const found = new Map<string, Present>();
    for (const state of awareness?.getStates().values() ?? []) {
      const present = asPresent(state);
      if (present === null || present.id === me) continue;
      const other = found.get(present.id);
      found.set(present.id, other && !present.typing ? other : present);
    }
    return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }
  return {
    get: () => people,
    subscribe: (listener: () => void) => {
      const look = () => {
        const now = read();
        if (JSON.stringify(now) === JSON.stringify(people)) return;
        people = now;
        listener();
      };
      look();
      awareness?.on('change', look);
      return () => awareness?.off('change', look);
    },
  };
}

function asPresent(state: Record<string, unknown>): Present | null {
  const user = state.user as Record<string, unknown> | null | undefined;
  if (typeof user !== 'object' || user === null || typeof user.id !== 'string') return null;
  const typing = state.typing as { thread_id?: unknown } | boolean | null | undefined;
  const threadId = typeof typing === 'object' && typing !== null ? typing.thread_id : undefined;
  return {
    id: user.id,
    name: typeof user.name === 'string' ? user.name : '',
    kind: typeof user.kind === 'string' ? user.kind : 'user',
    color: typeof user.color === 'string' && /^#[0-9a-f]{6}$/i.test(user.color) ? user.color : '#888888',
    typing: typeof threadId === 'string' ? { thread_id: threadId } : typing === true,
  };
}
