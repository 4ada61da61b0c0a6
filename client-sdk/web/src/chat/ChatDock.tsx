// The chat: all channels of a workspace, and the one that is open.
import { useCallback, useMemo, useState } from 'react';
import { useMe } from '../app/client';
import { useT } from '../app/i18n';
import { usePlace } from '../app/router';
import { ChannelList } from './ChannelList';
import { Conversation } from './Conversation';
import { ReaderContext } from './Markdown';
import { NewChannel } from './NewChannel';
import { messages } from './messages';
import { directoryOf, type Channel } from './model';
import { useUnread, useWorkspaceChat } from './useWorkspaceChat';
import './chat.css';
import './message.css';
import './composer.css';

interface ChatDockProps {
  workspaceId: string;
  onClose?: (() => void) | undefined;
}

export function ChatDock({ workspaceId, onClose }: ChatDockProps) {
  const t = useT(messages);
  const me = useMe();
  const place = usePlace();
  const channelId = place.view === 'channel' ? place.channelId : undefined;
  const chat = useWorkspaceChat(workspaceId);
  const directory = useMemo(() => directoryOf(chat.members, chat.agents), [chat.members, chat.agents]);
  const unread = useUnread(me.id, chat.unread);
  const [chosen, setChosen] = useState<string | null>(() => channelId ?? remembered(workspaceId));
  const [making, setMaking] = useState<'channel' | 'dm' | null>(null);

  const [asked, setAsked] = useState(channelId);
  if (asked !== channelId) {
    setAsked(channelId);
    if (channelId !== undefined) setChosen(channelId);
  }

  const choose = useCallback(
    (id: string | null) => {
      setChosen(id);
      remember(workspaceId, id);
    },
    [workspaceId],
  );

  const all = useMemo(() => [...chat.channels, ...chat.archived], [chat.channels, chat.archived]);
  const open = useOpenChannel(all, chosen);
  return (
    <ReaderContext value={`user:${me.id}`}>
      <section className={open ? 'chat has-open' : 'chat'} aria-label={t('chat')}>
        <ChannelList
          channels={chat.channels}
          archived={chat.archived}
          isLoading={chat.isLoading}
          fault={chat.fault}
          onRetry={chat.reload}
          directory={directory}
          unread={unread}
          chosen={chosen}
          canCreate={chat.canWrite}
          onChoose={choose}
          onNew={setMaking}
          onClose={onClose}
        />
        {open ? (
          <Conversation
            key={open.channel.id}
            channel={open.channel}
            isGone={open.isGone}
            directory={directory}
            canWrite={chat.canWrite}
            canManage={chat.canManage || open.channel.created_by_user_id === me.id}
            onChanged={chat.reload}
            onLeft={() => {
              choose(null);
              chat.forget(open.channel.id);
            }}
            onBack={() => {
              choose(null);
            }}
            onClose={onClose}
          />
        ) : (
          <p className="chat-nothing muted">{t('no_channel')}</p>
        )}
        {making && (
          <NewChannel
            kind={making}
            workspaceId={workspaceId}
            members={chat.members}
            onClose={() => {
              setMaking(null);
            }}
            onMade={(made) => {
              setMaking(null);
              chat.add(made);
              choose(made.id);
            }}
          />
        )}
      </section>
    </ReaderContext>
  );
}

/** Return the channel that is open. One that is taken away meanwhile stays in sight, and is told to be gone. */
function useOpenChannel(
  channels: readonly Channel[],
  chosen: string | null,
): { channel: Channel; isGone: boolean } | null {
  const found = channels.find(({ id }) => id === chosen);
  const [last, setLast] = useState(found);
  if (found !== undefined && found !== last) setLast(found);
  if (found !== undefined) return { channel: found, isGone: false };
  return last?.id === chosen ? { channel: last, isGone: true } : null;
}

function remembered(workspaceId: string): string | null {
  return localStorage.getItem(`ionflux.channel.${workspaceId}`);
}

function remember(workspaceId: string, channelId: string | null): void {
  if (channelId === null) localStorage.removeItem(`ionflux.channel.${workspaceId}`);
  else localStorage.setItem(`ionflux.channel.${workspaceId}`, channelId);
}
