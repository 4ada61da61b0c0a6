// A channel without end: the live document, and before it what REST has of the archive.
import { channel, type ChannelState, type IonfluxClient } from '@ionflux/client';
import { useCallback, useMemo, useRef, useState } from 'react';
import { useClient } from '../app/client';
import { listMessages } from './api';

export interface History {
  /** Messages that are not in the live document any more, oldest first. */
  archived: readonly channel.Message[];
  reactions: ChannelState['reactions'];
  state: 'more' | 'loading' | 'failed' | 'all';
  loadMore: () => void;
}

type Reactions = Map<string, Map<string, string[]>>;

/** Read what is before the oldest message that is known, a page at a time. */
export function useHistory(
  channelId: string,
  live: readonly channel.Message[],
  threadId: string | null,
): History {
  const client = useClient();
  const [archived, setArchived] = useState<readonly channel.Message[]>([]);
  const [reactions, setReactions] = useState<Reactions>(new Map());
  const [state, setState] = useState<History['state']>('more');
  const isBusy = useRef(false);
  const oldest = archived[0]?.id ?? live[0]?.id;

  const loadMore = useCallback(() => {
    if (isBusy.current || state === 'all') return;
    isBusy.current = true;
    setState('loading');
    readPage(client, channelId, threadId, oldest).then(
      (page) => {
        setArchived((now) => merge(page.messages, now));
        setReactions((now) => new Map([...page.reactions, ...now]));
        setState(page.isLast ? 'all' : 'more');
        isBusy.current = false;
      },
      () => {
        setState('failed');
        isBusy.current = false;
      },
    );
  }, [channelId, client, oldest, state, threadId]);

  return useMemo(() => ({ archived, reactions, state, loadMore }), [archived, loadMore, reactions, state]);
}

/** Return live messages behind archived ones; where both have one, the live one counts. */
export function merge(
  older: readonly channel.Message[],
  newer: readonly channel.Message[],
): channel.Message[] {
  const known = new Set(newer.map(({ id }) => id));
  return [...older.filter(({ id }) => !known.has(id)), ...newer].sort((a, b) => (a.id < b.id ? -1 : 1));
}

async function readPage(
  client: IonfluxClient,
  channelId: string,
  threadId: string | null,
  before: string | undefined,
) {
  const { items, next_cursor: next } = await listMessages(client, channelId, { before, threadId });
  const reactions: Reactions = new Map();
  for (const { id, reactions: given } of items) {
    if (given.length > 0) reactions.set(id, new Map(given.map(({ emoji, user_ids: who }) => [emoji, who])));
  }
  const messages = items.map((item) => channel.asMessage(item.id, { ...item })).reverse();
  return { messages, reactions, isLast: next === null };
}
