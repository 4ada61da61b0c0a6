// A live document while a component shows it, and what is known of how it is kept.
import type { DocumentStatus, IonfluxClient, LiveDocument } from '@ionflux/client';
import { useCallback, useEffect, useMemo, useSyncExternalStore } from 'react';
import * as Y from 'yjs';
import { useClient } from '../app/client';

/** A document that is open, and why an earlier copy of it was given up. */
export interface Opened {
  live: LiveDocument | null;
  refusal: string | null;
}

/** After these a copy is over: the document is opened anew, without what the server would not take. */
const FINAL = new Set(['epoch_ended', 'rule_violated']);
const CLOSED: Opened = { live: null, refusal: null };
const CONNECTING: DocumentStatus = {
  kind: 'connecting',
  unsaved: 0,
  isKept: false,
  canWrite: false,
  server: '',
};

/** Open a document for as long as the component is there. */
export function useLive(name: string): Opened {
  const client = useClient();
  const store = useMemo(() => openingStore(client, name), [client, name]);
  return useSyncExternalStore(store.subscribe, store.get);
}

export function useStatus(live: LiveDocument | null): DocumentStatus {
  const subscribe = useCallback(
    (listener: () => void) => live?.status.subscribe(listener) ?? nothing,
    [live],
  );
  return useSyncExternalStore(subscribe, () => live?.status.get() ?? CONNECTING);
}

function openingStore(client: IonfluxClient, name: string) {
  let opened = CLOSED;
  return {
    get: () => opened,
    subscribe: (listener: () => void) => {
      let leave = nothing;
      const open = (refusal: string | null) => {
        const live = client.documents.open(name);
        const stop = live.status.subscribe(() => {
          const { code = '', kind, why } = live.status.get();
          if (kind !== 'refused' || !FINAL.has(code)) return;
          leave();
          open(why ?? code);
        });
        leave = () => {
          stop();
          live.release();
        };
        opened = { live, refusal };
        listener();
      };
      open(null);
      return () => {
        leave();
        opened = CLOSED;
      };
    },
  };
}

/**
 * Return a function that tells whether a message is still to reach the server.
 *
 * What a document held when it was last saved is kept by its state vector, also over a reload of the page, so that
 * messages that were written offline are told from those that others have.
 */
export function useIsWaiting(name: string, live: LiveDocument | null): (messageId: string) => boolean {
  const status = useStatus(live);
  const doc = live?.doc ?? null;
  const isSaved = status.kind === 'saved';
  useEffect(() => {
    if (doc === null || !isSaved) return;
    const keep = () => {
      keepVector(name, Y.encodeStateVector(doc));
    };
    keep();
    return keep;
  }, [doc, isSaved, name]);
  const kept = useMemo(() => (isSaved ? null : keptVector(name)), [isSaved, name]);
  return useCallback(
    (messageId: string) => doc !== null && !isSaved && isBehind(doc, messageId, kept),
    [doc, isSaved, kept],
  );
}

/** Tell whether a message was written after what is kept; without that, whether this page wrote it. */
function isBehind(doc: Y.Doc, messageId: string, kept: Map<number, number> | null): boolean {
  const id = doc.getMap('messages')._map.get(messageId)?.id;
  if (id === undefined || (kept === null && id.client !== doc.clientID)) return false;
  return id.clock >= (kept?.get(id.client) ?? 0);
}

function keepVector(name: string, vector: Uint8Array): void {
  try {
    localStorage.setItem(keyOf(name), btoa(String.fromCharCode(...vector)));
  } catch {
    // Full, or not to be had: then only what this page itself has written counts as waiting.
  }
}

function keptVector(name: string): Map<number, number> | null {
  const kept = localStorage.getItem(keyOf(name));
  if (kept === null) return null;
  return Y.decodeStateVector(Uint8Array.from(atob(kept), (character) => character.charCodeAt(0)));
}

function keyOf(name: string): string {
  return `ionflux.saved.${name}`;
}

function nothing(): void {
  // There is nothing to end.
}
