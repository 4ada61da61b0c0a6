// What one can do to a message: a few buttons that come with the pointer or the focus.
import type { channel } from '@ionflux/client';
import { lazy, Suspense, useState } from 'react';
import { useT } from '../app/i18n';
import { Icon, type IconName } from '../app/ui/Icon';
import { useMessageContext } from './messageContext';
import { messages } from './messages';

const EmojiPicker = lazy(() => import('./EmojiPicker'));

interface MessageToolsProps {
  message: channel.Message;
  isPinned: boolean;
  isInThread: boolean;
  onEdit: () => void;
}

export function MessageTools({ message, isPinned, isInThread, onEdit }: MessageToolsProps) {
  const t = useT(messages);
  const { actions, canManage, me, openThread, pins, reactionsOf } = useMessageContext();
  const [isPicking, setPicking] = useState(false);
  const [isSure, setSure] = useState(false);
  const isOwn = message.sender_id === me;
  const canEdit = isOwn && ['text', 'markdown', 'file_attachment'].includes(message.content_type);
  const canUnpin = !isPinned || canManage || pins.get(message.id) === me;

  if (isSure) {
    return (
      <div className="message-tools sure" role="alertdialog" aria-label={t('delete_sure')}>
        <span>{t('delete_sure')}</span>
        <button
          type="button"
          className="button danger"
          autoFocus
          onClick={() => {
            actions.remove(message);
          }}
        >
          {t('delete')}
        </button>
        <button
          type="button"
          className="button plain"
          onClick={() => {
            setSure(false);
          }}
        >
          {t('cancel')}
        </button>
      </div>
    );
  }
  return (
    <div className={isPicking ? 'message-tools open' : 'message-tools'}>
      <Tool
        icon="smile"
        label={t('react')}
        isOpen={isPicking}
        onClick={() => {
          setPicking(!isPicking);
        }}
      />
      {!isInThread && (
        <Tool
          icon="reply"
          label={t('reply')}
          onClick={() => {
            openThread(message.id);
          }}
        />
      )}
      {canUnpin && (
        <Tool
          icon="pin"
          label={t(isPinned ? 'unpin' : 'pin')}
          onClick={() => {
            actions.togglePin(message, isPinned);
          }}
        />
      )}
      {canEdit && <Tool icon="pencil" label={t('edit')} onClick={onEdit} />}
      {(isOwn || canManage) && (
        <Tool
          icon="trash"
          label={t('delete')}
          onClick={() => {
            setSure(true);
          }}
        />
      )}
      {isPicking && (
        <Suspense fallback={null}>
          <EmojiPicker
            onClose={() => {
              setPicking(false);
            }}
            onChoose={(emoji) => {
              setPicking(false);
              actions.toggleReaction(
                message,
                emoji,
                reactionsOf(message.id)?.get(emoji)?.includes(me) ?? false,
              );
            }}
          />
        </Suspense>
      )}
    </div>
  );
}

interface ToolProps {
  icon: IconName;
  label: string;
  isOpen?: boolean;
  onClick: () => void;
}

function Tool({ icon, label, isOpen, onClick }: ToolProps) {
  return (
    <button
      type="button"
      className="icon-button"
      aria-label={label}
      title={label}
      aria-expanded={isOpen}
      onClick={onClick}
    >
      <Icon name={icon} />
    </button>
  );
}
