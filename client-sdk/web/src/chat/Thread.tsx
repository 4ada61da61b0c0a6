// A thread beside its channel: the message that begins it, the answers, and a field for one more.
import type { channel, LiveDocument } from '@ionflux/client';
import { useEffect, useMemo, useRef } from 'react';
import { useT } from '../app/i18n';
import { Icon } from '../app/ui/Icon';
import { Composer } from './Composer';
import { merge, useHistory } from './history';
import { MessageRow } from './MessageRow';
import { withoutEchoes } from './rows';
import { useMessageContext } from './messageContext';
import { messages as words } from './messages';
import type { Channel } from './model';
import { TypingLine } from './TypingLine';
import type { Present } from './typing';

interface ThreadProps {
  rootId: string;
  channel: Channel;
  live: LiveDocument | null;
  messages: readonly channel.Message[];
  present: readonly Present[];
  onClose: () => void;
}

export function Thread({ rootId, channel: room, live, messages, present, onClose }: ThreadProps) {
  const t = useT(words);
  const { actions, canWrite, directory } = useMessageContext();
  const end = useRef<HTMLDivElement>(null);
  const known = useMemo(() => messages.filter(({ thread_id: id }) => id === rootId), [messages, rootId]);
  const history = useHistory(room.id, known, rootId);
  const replies = withoutEchoes(merge(history.archived, known));
  const root = messages.find(({ id }) => id === rootId);
  const newest = replies.at(-1)?.id;
  const { loadMore } = history;

  useEffect(loadMore, []); // eslint-disable-line react-hooks/exhaustive-deps -- once: the rest is loaded by a button

  useEffect(() => {
    end.current?.scrollIntoView({ block: 'nearest' });
  }, [newest]);

  return (
    <aside className="aside" aria-label={t('thread')}>
      <header className="chat-bar">
        <h2>{t('thread')}</h2>
        <button type="button" className="icon-button" aria-label={t('thread_close')} onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      <div className="aside-body">
        {root && <MessageRow message={root} isContinued={false} replies={undefined} isInThread />}
        <p className="thread-count small muted">{t('replies', { count: replies.length })}</p>
        {history.state === 'more' && history.archived.length > 0 && (
          <button type="button" className="link-button" onClick={loadMore}>
            {t('older')}
          </button>
        )}
        {replies.map((message) => (
          <MessageRow key={message.id} message={message} isContinued={false} replies={undefined} isInThread />
        ))}
        <div ref={end} />
      </div>
      <TypingLine present={present} threadId={rootId} />
      {canWrite && (
        <Composer
          channel={room}
          directory={directory}
          awareness={live?.awareness ?? null}
          threadId={rootId}
          label={t('write_reply')}
          onSend={actions.send}
        />
      )}
    </aside>
  );
}
