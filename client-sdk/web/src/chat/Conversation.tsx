// One channel: its messages, what is pinned, a thread beside it, and the field that one writes in.
import { ChannelView, type ChannelState, type LiveDocument } from '@ionflux/client';
import { useCallback, useEffect, useMemo, useState, useSyncExternalStore } from 'react';
import { useMe } from '../app/client';
import { useT } from '../app/i18n';
import { Avatar } from '../app/ui/Avatar';
import { Icon } from '../app/ui/Icon';
import { ChannelSettings } from './ChannelSettings';
import { Composer, draftIn } from './Composer';
import { setClock } from '../app/clock';
import { merge, useHistory } from './history';
import { MessageList } from './MessageList';
import { messages } from './messages';
import { titleOf, type Channel, type Directory } from './model';
import { Pins } from './Pins';
import type { MessageContextValue } from './messageContext';
import { MessageContext } from './messageContext';
import { Thread } from './Thread';
import { TypingLine } from './TypingLine';
import { usePresent } from './typing';
import { useActions } from './useActions';
import { useIsWaiting, useLive, useStatus } from './useLive';

interface ConversationProps {
  channel: Channel;
  /** It was taken away while it was open. */
  isGone: boolean;
  directory: Directory;
  canWrite: boolean;
  canManage: boolean;
  onChanged: () => void;
  onLeft: () => void;
  onBack: () => void;
  onClose?: (() => void) | undefined;
}

const EMPTY: ChannelState = { messages: [], reactions: new Map(), reads: new Map(), pins: new Map() };

export function Conversation({
  channel: room,
  isGone,
  directory,
  canWrite: isMember,
  canManage,
  onChanged,
  onLeft,
  onBack,
  onClose,
}: ConversationProps) {
  const t = useT(messages);
  const me = useMe();
  const who = `user:${me.id}`;
  const { live, refusal } = useLive(room.document);
  const status = useStatus(live);
  const isArchived = room.archived_at !== null;
  const canWrite = isMember && !isGone && !isArchived && (status.kind !== 'refused' || status.canWrite);
  const state = useChannel(live?.doc ?? null);
  const isWaiting = useIsWaiting(room.document, live);
  const history = useHistory(room.id, state.messages, null);
  const { actions, fault, dismiss } = useActions(room.id, live, canManage);
  const present = usePresent(live?.awareness ?? null, who);
  const [aside, setAside] = useState<{ kind: 'thread'; id: string } | { kind: 'pins' | 'settings' } | null>(
    null,
  );
  const title = titleOf(room, directory, me.id);

  useEffect(() => {
    void setClock();
  }, []);

  const all = useMemo(() => merge(history.archived, state.messages), [history.archived, state.messages]);
  const closeAside = useCallback(() => {
    setAside(null);
  }, []);
  const context = useMemo(
    (): MessageContextValue => ({
      workspaceId: room.workspace_id,
      me: who,
      directory,
      actions,
      canWrite,
      canManage,
      pins: state.pins,
      reactionsOf: (id) => state.reactions.get(id) ?? history.reactions.get(id),
      isWaiting: (message) => message.sender_id === who && isWaiting(message.id),
      openThread: (id) => {
        setAside({ kind: 'thread', id });
      },
    }),
    [actions, canManage, canWrite, directory, history.reactions, isWaiting, room.workspace_id, state, who],
  );
  const kept = all.filter((message) => context.isWaiting(message)).length;

  return (
    <MessageContext value={context}>
      <div className={aside ? 'conversation has-aside' : 'conversation'}>
        <div className="conversation-main">
          <header className="chat-bar">
            <button type="button" className="icon-button chat-back" aria-label={t('back')} onClick={onBack}>
              <span className="flipped">
                <Icon name="chevron" />
              </span>
            </button>
            <div className="conversation-title">
              <h2>
                {room.type !== 'dm' && <Icon name={room.type === 'private' ? 'key' : 'hash'} size={14} />}
                <span>{title}</span>
              </h2>
              {room.description && <p className="muted small">{room.description}</p>}
            </div>
            {present.length > 0 && (
              <span
                className="present"
                title={t('here', { names: present.map(({ name }) => name).join(', ') })}
              >
                {present.slice(0, 3).map(({ id, name, kind }) => (
                  <Avatar key={id} id={id} name={name} isAgent={kind !== 'user'} size={20} />
                ))}
                <span className="visually-hidden">
                  {t('here', { names: present.map(({ name }) => name).join(', ') })}
                </span>
              </span>
            )}
            <button
              type="button"
              className="icon-button"
              aria-label={t('pins')}
              title={t('pins')}
              aria-pressed={aside?.kind === 'pins'}
              onClick={() => {
                setAside(aside?.kind === 'pins' ? null : { kind: 'pins' });
              }}
            >
              <Icon name="pin" />
            </button>
            <button
              type="button"
              className="icon-button"
              aria-label={t('settings')}
              title={t('settings')}
              aria-pressed={aside?.kind === 'settings'}
              onClick={() => {
                setAside(aside?.kind === 'settings' ? null : { kind: 'settings' });
              }}
            >
              <Icon name="gear" />
            </button>
            {onClose && (
              <button type="button" className="icon-button" aria-label={t('close')} onClick={onClose}>
                <Icon name="close" />
              </button>
            )}
          </header>
          {status.kind === 'offline' && (
            <p className="chat-state" role="status">
              <Icon name="offline" size={14} />
              {kept > 0 ? t('waiting_many', { count: kept }) : t('waiting_none')}
            </p>
          )}
          {(status.kind === 'refused' || refusal !== null) && (
            <p className="chat-fault" role="alert">
              {t('refused', { why: (status.kind === 'refused' ? status.why : null) ?? refusal ?? '' })}
            </p>
          )}
          <MessageList
            title={title}
            messages={all}
            history={history}
            mark={state.reads.get(who)}
            isReady={state !== EMPTY && (status.kind !== 'connecting' || state.messages.length > 0)}
            onRead={canWrite ? actions.markRead : undefined}
          />
          {fault !== null && (
            <p className="chat-fault" role="alert">
              {fault}{' '}
              <button type="button" className="link-button" onClick={dismiss}>
                {t('close')}
              </button>
            </p>
          )}
          <TypingLine present={present} threadId={null} />
          {canWrite ? (
            <Composer
              channel={room}
              directory={directory}
              awareness={live?.awareness ?? null}
              threadId={null}
              label={t('write', { name: title })}
              onSend={actions.send}
            />
          ) : (
            <ReadOnly
              roomId={room.id}
              isArchived={isArchived}
              isGone={isGone || (isMember && status.kind === 'refused')}
            />
          )}
        </div>
        {aside?.kind === 'thread' && (
          <Thread
            key={aside.id}
            rootId={aside.id}
            channel={room}
            live={live}
            messages={all}
            present={present}
            onClose={closeAside}
          />
        )}
        {aside?.kind === 'pins' && <Pins channelId={room.id} messages={all} onClose={closeAside} />}
        {aside?.kind === 'settings' && (
          <ChannelSettings
            channel={room}
            directory={directory}
            canWrite={canWrite}
            canManage={canManage && !isGone}
            onChanged={onChanged}
            onLeft={onLeft}
            onClose={closeAside}
          />
        )}
      </div>
    </MessageContext>
  );
}

/** Why one cannot write here; with what one was writing when that came. */
interface ReadOnlyProps {
  roomId: string;
  isArchived: boolean;
  isGone: boolean;
}

function ReadOnly({ roomId, isArchived, isGone }: ReadOnlyProps) {
  const t = useT(messages);
  const draft = isGone || isArchived ? draftIn(roomId, null) : '';
  return (
    <div className="chat-state muted" role={isGone ? 'alert' : undefined}>
      <p>{t(isGone ? 'gone' : isArchived ? 'is_archived' : 'read_only')}</p>
      {draft !== '' && (
        <p>
          {t('gone_draft')} <q>{draft}</q>
        </p>
      )}
    </div>
  );
}

/** Read a channel's document live. */
function useChannel(doc: LiveDocument['doc'] | null): ChannelState {
  const store = useMemo(() => channelStore(doc), [doc]);
  return useSyncExternalStore(store.subscribe, store.get);
}

function channelStore(doc: LiveDocument['doc'] | null) {
  let view: ChannelView | null = null;
  return {
    get: () => view?.get() ?? EMPTY,
    subscribe: (listener: () => void) => {
      if (doc === null) return () => undefined;
      const opened = new ChannelView(doc);
      view = opened;
      const unsubscribe = opened.subscribe(listener);
      listener();
      return () => {
        unsubscribe();
        opened.destroy();
        view = null;
      };
    },
  };
}
