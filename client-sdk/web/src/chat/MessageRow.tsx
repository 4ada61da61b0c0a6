// A message: who said it and when, what it says, its reactions, its thread, and what one can do to it.
import { channel } from '@ionflux/client';
import { memo, useState } from 'react';
import { useLanguage, useT } from '../app/i18n';
import { Avatar } from '../app/ui/Avatar';
import { Icon } from '../app/ui/Icon';
import { EditField } from './EditField';
import { MessageBody } from './MessageBody';
import { useMessageContext } from './messageContext';
import { MessageTools } from './MessageTools';
import { messages as words } from './messages';
import { Reactions } from './Reactions';
import type { Replies } from './rows';
import { ago, clockTime, fullTime } from './time';

interface MessageRowProps {
  message: channel.Message;
  isContinued: boolean;
  replies: Replies | undefined;
  isInThread?: boolean;
}

export const MessageRow = memo(function MessageRow({
  message,
  isContinued,
  replies,
  isInThread,
}: MessageRowProps) {
  const t = useT(words);
  const language = useLanguage();
  const context = useMessageContext();
  const [isEditing, setEditing] = useState(false);
  const who = context.directory.whoIs(message.sender_id);
  const name = who.name || t('somebody');
  const isWaiting = context.isWaiting(message);
  const isPinned = context.pins.has(message.id);
  const isNote = message.content_type === 'agent_command_response' && message.sender_id.startsWith('system:');
  const classes = [
    'message',
    isContinued && 'continued',
    isWaiting && 'waiting',
    isNote && 'from-system',
    isPinned && 'pinned',
  ];
  const time = (
    <time dateTime={message.created_at} title={fullTime(message.created_at, language)}>
      {clockTime(message.created_at, language)}
    </time>
  );

  return (
    <article className={classes.filter(Boolean).join(' ')} aria-label={name} data-message={message.id}>
      <div className="message-side">
        {isContinued ? (
          time
        ) : (
          <Avatar id={who.id} name={name} url={who.url} isAgent={who.isAgent} size={isNote ? 20 : 30} />
        )}
      </div>
      <div className="message-main">
        {!isContinued && (
          <p className="message-head">
            <strong>{name}</strong>
            {who.isAgent && <span className="agent-sign">{t('agent')}</span>}
            {time}
            {isPinned && (
              <span className="pin-sign">
                <Icon name="pin" size={12} /> {t('pinned')}
              </span>
            )}
          </p>
        )}
        {message.deleted ? (
          <p className="muted message-gone">{t('deleted')}</p>
        ) : isEditing ? (
          <EditField
            text={channel.textOf(message)}
            onCancel={() => {
              setEditing(false);
            }}
            onSave={(text) => {
              setEditing(false);
              context.actions.edit(message, text);
            }}
          />
        ) : (
          <MessageBody message={message} />
        )}
        {!message.deleted && message.edited_at !== null && message.sender_type === 'user' && (
          <span className="message-edited" title={fullTime(message.edited_at, language)}>
            {t('edited')}
          </span>
        )}
        {isWaiting && (
          <span className="message-waiting">
            <Icon name="clock" size={12} /> {t('waiting')}
          </span>
        )}
        {!message.deleted && <Reactions message={message} />}
        {replies !== undefined && (
          <button
            type="button"
            className="thread-link"
            onClick={() => {
              context.openThread(message.id);
            }}
          >
            <span className="thread-faces">
              {replies.senders.slice(0, 3).map((id) => (
                <Avatar key={id} id={id} name={context.directory.whoIs(id).name} size={18} />
              ))}
            </span>
            <span>{t('replies', { count: replies.count })}</span>
            <span className="muted">
              {t('last_reply', { when: ago(replies.lastAt, new Date(), language) })}
            </span>
          </button>
        )}
      </div>
      {!message.deleted && !isEditing && context.canWrite && (
        <MessageTools
          message={message}
          isPinned={isPinned}
          isInThread={isInThread === true || message.thread_id !== null}
          onEdit={() => {
            setEditing(true);
          }}
        />
      )}
    </article>
  );
});
