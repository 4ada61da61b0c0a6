// What happens in a workspace, for all views of chat and agents over one stream: a browser has only six at once.
import type { IonfluxClient } from '@ionflux/client';
import { useEffect } from 'react';
import { useClient } from '../app/client';

/** Events that come so close together are told as one. */
const SETTLE_MILLISECONDS = 150;
const AGAIN_MILLISECONDS = 5000;

type Listener = (type: string) => void;

const feeds = new Map<string, { listeners: Set<Listener>; stop: () => void }>();

/** Call something after events of these types; `page.*` stands for all that begin so. Both have to be stable. */
export function useEvents(workspaceId: string, types: readonly string[], onEvent: () => void): void {
  const client = useClient();
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const listener: Listener = (type) => {
      if (!types.some((wanted) => fits(type, wanted))) return;
      timer ??= setTimeout(() => {
        timer = undefined;
        onEvent();
      }, SETTLE_MILLISECONDS);
    };
    const leave = join(client, workspaceId, listener);
    return () => {
      clearTimeout(timer);
      leave();
    };
  }, [client, onEvent, types, workspaceId]);
}

function join(client: IonfluxClient, workspaceId: string, listener: Listener): () => void {
  const feed = feeds.get(workspaceId) ?? begin(client, workspaceId);
  feed.listeners.add(listener);
  return () => {
    feed.listeners.delete(listener);
    if (feed.listeners.size > 0) return;
    feeds.delete(workspaceId);
    feed.stop();
  };
}

function begin(client: IonfluxClient, workspaceId: string) {
  const ending = new AbortController();
  const listeners = new Set<Listener>();
  let again: ReturnType<typeof setTimeout> | undefined;
  const follow = async () => {
    for await (const { type } of client.events(workspaceId, { signal: ending.signal })) {
      for (const listener of listeners) listener(type);
    }
  };
  const keepFollowing = () => {
    follow().catch(() => {
      if (!ending.signal.aborted) again = setTimeout(keepFollowing, AGAIN_MILLISECONDS);
    });
  };
  keepFollowing();
  const feed = {
    listeners,
    stop: () => {
      ending.abort();
      clearTimeout(again);
    },
  };
  feeds.set(workspaceId, feed);
  return feed;
}

function fits(type: string, wanted: string): boolean {
  return wanted.endsWith('*') ? type.startsWith(wanted.slice(0, -1)) : type === wanted;
}
