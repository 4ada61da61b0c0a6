// The channels, people and agents of a workspace, kept up to date by its events, and what is unread by the inbox.
import type { LiveDocument } from '@ionflux/client';
import { useCallback, useMemo, useState, useSyncExternalStore } from 'react';
import { useClient, useMe } from '../app/client';
import { listAgents, listArchived, listChannels, listMembers, listUnread } from './api';
import type { Agent, Channel, Member, Unread } from './model';
import { useEvents } from '../app/events';
import { useLive } from './useLive';
import { useLoaded } from './useLoaded';

export interface WorkspaceChat {
  channels: readonly Channel[];
  /** Those that can only be read. */
  archived: readonly Channel[];
  members: readonly Member[];
  agents: readonly Agent[];
  unread: readonly Unread[];
  canWrite: boolean;
  canManage: boolean;
  isLoading: boolean;
  fault: string | null;
  reload: () => void;
  /** Show a channel that was just made. */
  add: (channel: Channel) => void;
  /** No longer show a channel that was just left. */
  forget: (channelId: string) => void;
}

const FOLLOWED = [
  'channel.*',
  'channel_member.*',
  'member.*',
  'agent.created',
  'agent.updated',
  'agent.archived',
];
const NOTHING: never[] = [];

export function useWorkspaceChat(workspaceId: string): WorkspaceChat {
  const client = useClient();
  const me = useMe();
  const load = useCallback(
    () =>
      Promise.all([
        listChannels(client, workspaceId),
        listArchived(client, workspaceId),
        listMembers(client, workspaceId),
        listAgents(client, workspaceId),
        listUnread(client, workspaceId),
      ]),
    [client, workspaceId],
  );
  const { data, fault, isLoading, reload } = useLoaded(load);
  const [added, setAdded] = useState<readonly Channel[]>(NOTHING);
  useEvents(workspaceId, FOLLOWED, reload);

  const [listed = NOTHING, archived = NOTHING, members = NOTHING, agents = NOTHING, unread = NOTHING] =
    data ?? [];
  const channels = useMemo(
    () => [
      ...listed,
      ...added.filter(({ id }) => ![...listed, ...archived].some((channel) => channel.id === id)),
    ],
    [added, listed, archived],
  );
  const role = members.find(({ user_id: id }) => id === me.id)?.role;
  const add = useCallback((channel: Channel) => {
    setAdded((now) => [...now.filter(({ id }) => id !== channel.id), channel]);
  }, []);
  const forget = useCallback(
    (channelId: string) => {
      setAdded((now) => now.filter(({ id }) => id !== channelId));
      reload();
    },
    [reload],
  );
  return {
    channels,
    archived,
    members,
    agents,
    unread,
    canWrite: role !== undefined && role !== 'guest',
    canManage: role === 'admin' || role === 'owner',
    isLoading,
    fault,
    reload,
    add,
    forget,
  };
}

/** Return how many messages are unread by channel id: what the server counted first, then what the inbox says. */
export function useUnread(userId: string, counted: readonly Unread[]): ReadonlyMap<string, number> {
  const { live } = useLive(`inbox:${userId}`);
  const store = useMemo(() => countsStore(live), [live]);
  const counts = useSyncExternalStore(store.subscribe, store.get);
  return useMemo(
    () => counts ?? new Map(counted.map(({ channel_id: id, unread }) => [id, unread])),
    [counted, counts],
  );
}

function countsStore(live: LiveDocument | null) {
  const root = live?.doc.getMap<unknown>('counts');
  const meta = live?.doc.getMap<unknown>('meta');
  let counts = read();
  function read(): Map<string, number> | null {
    if (!root || !meta?.has('unread')) return null;
    const found = new Map<string, number>();
    const plain = root.toJSON() as Record<string, { messages?: unknown }>;
    for (const [name, { messages }] of Object.entries(plain)) {
      if (name.startsWith('channel:') && typeof messages === 'number') found.set(name.slice(8), messages);
    }
    return found;
  }
  return {
    get: () => counts,
    subscribe: (listener: () => void) => {
      const look = () => {
        counts = read();
        listener();
      };
      look();
      root?.observeDeep(look);
      meta?.observe(look);
      return () => {
        root?.unobserveDeep(look);
        meta?.unobserve(look);
      };
    },
  };
}
