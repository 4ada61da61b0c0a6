// What is pinned in a channel, beside its messages.
import { channel } from '@ionflux/client';
import { useCallback } from 'react';
import { useClient } from '../app/client';
import { useT } from '../app/i18n';
import { Icon } from '../app/ui/Icon';
import { listPins } from './api';
import { MessageRow } from './MessageRow';
import { useMessageContext } from './messageContext';
import { messages as words } from './messages';
import { useLoaded } from './useLoaded';

interface PinsProps {
  channelId: string;
  messages: readonly channel.Message[];
  onClose: () => void;
}

export function Pins({ channelId, messages, onClose }: PinsProps) {
  const t = useT(words);
  const client = useClient();
  const { pins } = useMessageContext();
  const load = useCallback(() => listPins(client, channelId), [channelId, client]);
  const { data, fault, reload } = useLoaded(load);
  const live = messages.filter(({ id }) => pins.has(id)).reverse();
  const archived = (data ?? [])
    .filter(({ id, archived_at: at }) => at !== null && !live.some((message) => message.id === id))
    .map((item) => channel.asMessage(item.id, { ...item }));
  const shown = [...live, ...archived].filter(({ deleted }) => !deleted);
  return (
    <aside className="aside" aria-label={t('pins')}>
      <header className="chat-bar">
        <h2>{t('pins')}</h2>
        <button type="button" className="icon-button" aria-label={t('close')} onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      <div className="aside-body">
        {fault !== null && (
          <p className="chat-fault" role="alert">
            {t('failed', { why: fault })}{' '}
            <button type="button" className="link-button" onClick={reload}>
              {t('retry')}
            </button>
          </p>
        )}
        {shown.length === 0 && fault === null && <p className="muted chat-empty">{t('no_pins')}</p>}
        {shown.map((message) => (
          <MessageRow key={message.id} message={message} isContinued={false} replies={undefined} />
        ))}
      </div>
    </aside>
  );
}
