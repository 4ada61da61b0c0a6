// What happens in a workspace, for all that follow it over one stream: a browser has only six at once.
import { useEffect } from 'react';
import { client } from './connection';

/** Events that come so close together are told as one. */
const SETTLE_MS = 150;
const AGAIN_MS = 5000;

interface Follower {
  onEvent: (type: string) => void;
  /** The stream has ended, and is begun again in a while: the right to see the workspace may have ended, too. */
  onBreak?: () => void;
}

const feeds = new Map<string, { followers: Set<Follower>; stop: () => void }>();

/** Call something after events of these types; `page.*` stands for all that begin so. Both have to be stable. */
export function useEvents(workspaceId: string, types: readonly string[], onEvent: () => void): void {
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const leave = followEvents(workspaceId, {
      onEvent: (type) => {
        if (!types.some((wanted) => fits(type, wanted))) return;
        timer ??= setTimeout(() => {
          timer = undefined;
          onEvent();
        }, SETTLE_MS);
      },
    });
    return () => {
      clearTimeout(timer);
      leave();
    };
  }, [onEvent, types, workspaceId]);
}

/** Follow a workspace until the function that is returned is called. */
export function followEvents(workspaceId: string, follower: Follower): () => void {
  const feed = feeds.get(workspaceId) ?? begin(workspaceId);
  feed.followers.add(follower);
  return () => {
    feed.followers.delete(follower);
    if (feed.followers.size > 0) return;
    feeds.delete(workspaceId);
    feed.stop();
  };
}

function begin(workspaceId: string) {
  const ending = new AbortController();
  const followers = new Set<Follower>();
  let again: ReturnType<typeof setTimeout> | undefined;
  const follow = async () => {
    for await (const { type } of client.events(workspaceId, { signal: ending.signal })) {
      for (const { onEvent } of followers) onEvent(type);
    }
  };
  const keepFollowing = () => {
    follow().catch(() => {
      if (ending.signal.aborted) return;
      for (const { onBreak } of followers) onBreak?.();
      again = setTimeout(keepFollowing, AGAIN_MS);
    });
  };
  keepFollowing();
  const feed = {
    followers,
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
