// A message of a channel, pinned to the page, with what is said of it here. The message itself stays in its channel.
import { changeBlock } from '@ionflux/client';
import { useEffect, useState } from 'react';
import { usePageT } from '../messages';
import { useNames } from '../model/names';
import { usePage, type Rest } from '../model/session';
import type { BodyProps } from './BlockBody';
import { BlockText } from './TextBlock';

interface Message {
  id: string;
  sender_id: string;
  content: { text?: unknown };
  created_at: string;
  deleted: boolean;
}

interface Channel {
  id: string;
  name: string | null;
}

export function ChatBubble({ block, isLive }: BodyProps<'chat_bubble'>) {
  const t = usePageT();
  const { rest, canWrite } = usePage();
  const { channelId, messageId, doc } = block.content;
  const isChosen = channelId !== null && messageId !== null;
  return (
    <div className="block-card bubble">
      {isChosen ? (
        <PinnedMessage key={messageId} rest={rest} channelId={channelId} messageId={messageId} />
      ) : (
        <p className="muted">{t('noMessageYet')}</p>
      )}
      {isLive && canWrite && !isChosen && <ChooseMessage id={block.id} rest={rest} />}
      <BlockText id={block.id} fragment={doc} isLive={isLive} label="annotation" />
    </div>
  );
}

interface PinnedProps {
  rest: Rest;
  channelId: string;
  messageId: string;
}

function PinnedMessage({ rest, channelId, messageId }: PinnedProps) {
  const t = usePageT();
  const names = useNames();
  const [message, setMessage] = useState<Message | 'gone' | null>(null);
  useEffect(() => {
    let isCurrent = true;
    const path = `/v1/messages/${encodeURIComponent(messageId)}?channel_id=${encodeURIComponent(channelId)}`;
    rest.send<Message>('GET', path).then(
      (found) => {
        if (isCurrent) setMessage(found);
      },
      () => {
        if (isCurrent) setMessage('gone');
      },
    );
    return () => {
      isCurrent = false;
    };
  }, [rest, channelId, messageId]);
  if (message === null) return <p className="muted">…</p>;
  if (message === 'gone' || message.deleted) return <p className="note">{t('messageGone')}</p>;
  return (
    <blockquote className="quoted-message">
      <footer className="small muted">
        {names.of(message.sender_id) ?? message.sender_id} · {new Date(message.created_at).toLocaleString()}
      </footer>
      <p>{typeof message.content.text === 'string' ? message.content.text : t('messageWithoutText')}</p>
    </blockquote>
  );
}

function ChooseMessage({ id, rest }: { id: string; rest: Rest }) {
  const t = usePageT();
  const names = useNames();
  const { doc, edit, workspaceId } = usePage();
  const [channels, setChannels] = useState<readonly Channel[]>([]);
  const [channelId, setChannelId] = useState('');
  const [messages, setMessages] = useState<readonly Message[]>([]);
  useEffect(() => {
    const take = ({ items }: { items: Channel[] }) => {
      setChannels(items);
    };
    rest
      .send<{ items: Channel[] }>('GET', `/v1/workspaces/${workspaceId}/channels?limit=100`)
      .then(take, () => undefined);
  }, [rest, workspaceId]);
  const open = async (chosen: string) => {
    setChannelId(chosen);
    setMessages([]);
    if (chosen === '') return;
    const { items } = await rest.send<{ items: Message[] }>(
      'GET',
      `/v1/channels/${chosen}/messages?limit=20`,
    );
    setMessages(items.filter((message) => !message.deleted));
  };
  return (
    <div className="medium-fields">
      <select
        className="input"
        aria-label={t('channel')}
        value={channelId}
        onChange={(event) => void open(event.target.value)}
      >
        <option value="">{t('chooseChannel')}</option>
        {channels.map((channel) => (
          <option key={channel.id} value={channel.id}>
            {channel.name ?? channel.id}
          </option>
        ))}
      </select>
      <ul className="picks">
        {messages.map((message) => (
          <li key={message.id}>
            <button
              type="button"
              className="pick"
              onClick={() => {
                edit(() => {
                  changeBlock(doc, id, { channel_id: channelId, message_id: message.id });
                });
              }}
            >
              <span className="small muted">{names.of(message.sender_id) ?? message.sender_id}</span>{' '}
              {typeof message.content.text === 'string' ? message.content.text.slice(0, 120) : '…'}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
