// Comments on the page, its blocks and parts of its texts. They lie in a live document of their own, so the list
// follows what others say.
import { comments } from '@ionflux/client';
import { useCallback, useEffect, useRef, useState } from 'react';
import { serverNow } from '../../app/clock';
import { usePageT } from '../messages';
import { useCanComment, useChosen, useTarget } from '../model/commentMarks';
import { useNames } from '../model/names';
import { usePage } from '../model/session';
import { useLoad } from './useLoad';

interface Comment {
  id: string;
  author_id: string;
  text: string;
  created_at: string;
  edited_at: string | null;
  deleted: boolean;
}

interface Thread {
  id: string;
  block_id: string | null;
  quote: string | null;
  is_orphaned: boolean;
  resolved_at: string | null;
  comment_count: number;
  comments: Comment[];
}

const QUIET_MS = 250;

export function Comments({ onShow }: { onShow: (blockId: string) => void }) {
  const t = usePageT();
  const { rest, pageId, marks, me } = usePage();
  const { doc: live } = marks.live;
  const target = useTarget(marks);
  const chosen = useChosen(marks);
  const canComment = useCanComment(marks);
  const [showsResolved, setShowsResolved] = useState(false);
  const [fault, setFault] = useState<string | null>(null);
  const load = useCallback(
    () =>
      rest.send<{ items: Thread[] }>(
        'GET',
        `/v1/pages/${pageId}/comments?limit=100&is_resolved=${showsResolved}`,
      ),
    [rest, pageId, showsResolved],
  );
  const { value, error, reload } = useLoad(load);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    const changed = () => {
      clearTimeout(timer);
      timer = setTimeout(reload, QUIET_MS);
    };
    live.on('update', changed);
    return () => {
      clearTimeout(timer);
      live.off('update', changed);
    };
  }, [live, reload]);
  const act = async (action: () => Promise<unknown>): Promise<boolean> => {
    setFault(null);
    try {
      await action();
      reload();
      return true;
    } catch (failure) {
      setFault(failure instanceof Error ? failure.message : String(failure));
      return false;
    }
  };
  const begin = (text: string) => {
    marks.choose(comments.beginThread(live, target, { by: me.id, text, at: serverNow() }));
    marks.rest();
    return Promise.resolve(true);
  };
  const answer = (thread: Thread, text: string) =>
    act(() => rest.send('POST', `/v1/comment-threads/${thread.id}/comments?page_id=${pageId}`, { text }));
  return (
    <div className="panel-body comments">
      {canComment && (
        <Say
          key={target.turn}
          label={
            target.range !== null
              ? t('commentOnText')
              : target.blockId !== null
                ? t('commentOnBlock')
                : t('commentOnPage')
          }
          quote={target.quote}
          isAsked={target.blockId !== null}
          onSay={begin}
          onCancel={() => {
            marks.rest();
          }}
        />
      )}
      <label className="small check">
        <input
          type="checkbox"
          checked={showsResolved}
          onChange={(event) => {
            setShowsResolved(event.target.checked);
          }}
        />
        {t('showResolved')}
      </label>
      {(fault ?? error) && (
        <p className="note bad" role="alert">
          {fault ?? error}
        </p>
      )}
      {value?.items.length === 0 && (
        <p className="muted">{showsResolved ? t('noneResolved') : t('noComments')}</p>
      )}
      {value?.items.map((thread) => (
        <ThreadCard
          key={thread.id}
          thread={thread}
          isChosen={thread.id === chosen}
          canComment={canComment}
          onShow={() => {
            marks.choose(thread.id);
            onShow(thread.block_id ?? '');
          }}
          onSettle={() => {
            const verb = thread.resolved_at === null ? 'resolve' : 'reopen';
            void act(() => rest.send('POST', `/v1/comment-threads/${thread.id}/${verb}?page_id=${pageId}`));
          }}
          onAnswer={(text) => answer(thread, text)}
        />
      ))}
    </div>
  );
}

interface ThreadCardProps {
  thread: Thread;
  isChosen: boolean;
  canComment: boolean;
  onShow: () => void;
  onSettle: () => void;
  onAnswer: (text: string) => Promise<boolean>;
}

function ThreadCard({ thread, isChosen, canComment, onShow, onSettle, onAnswer }: ThreadCardProps) {
  const t = usePageT();
  const card = useRef<HTMLElement>(null);
  useEffect(() => {
    if (isChosen) card.current?.scrollIntoView({ block: 'nearest' });
  }, [isChosen]);
  return (
    <article
      ref={card}
      className={isChosen ? 'thread chosen' : 'thread'}
      aria-current={isChosen ? 'true' : undefined}
    >
      {thread.quote !== null && <blockquote>{thread.quote}</blockquote>}
      {thread.is_orphaned && <p className="small muted">{t('orphaned')}</p>}
      {thread.comments.map((comment) => (
        <Said key={comment.id} comment={comment} />
      ))}
      <div className="thread-actions">
        {thread.block_id !== null && !thread.is_orphaned && (
          <button type="button" className="button plain small" onClick={onShow}>
            {t('showBlock')}
          </button>
        )}
        {canComment && (
          <button type="button" className="button plain small" onClick={onSettle}>
            {thread.resolved_at === null ? t('resolve') : t('reopen')}
          </button>
        )}
      </div>
      {canComment && <Say label={t('answer')} quote={null} onSay={onAnswer} />}
    </article>
  );
}

function Said({ comment }: { comment: Comment }) {
  const t = usePageT();
  const names = useNames();
  return (
    <div className="comment">
      <p className="small muted">
        <strong>{names.of(comment.author_id) ?? comment.author_id}</strong> ·{' '}
        {new Date(comment.created_at).toLocaleString()}
        {comment.edited_at !== null && ` · ${t('edited')}`}
      </p>
      <p className="comment-text">{comment.deleted ? <em>{t('commentDeleted')}</em> : comment.text}</p>
    </div>
  );
}

interface SayProps {
  label: string;
  quote: string | null;
  /** Whether somebody has just asked to write here. */
  isAsked?: boolean;
  onSay: (text: string) => Promise<boolean>;
  onCancel?: () => void;
}

function Say({ label, quote, isAsked = false, onSay, onCancel }: SayProps) {
  const t = usePageT();
  const [text, setText] = useState('');
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    if (isAsked) field.current?.focus();
  }, [isAsked]);
  const send = async () => {
    if (text.trim() !== '' && (await onSay(text.trim()))) setText('');
  };
  return (
    <form
      className="say"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      {quote !== null && <blockquote>{quote}</blockquote>}
      <textarea
        ref={field}
        className="input"
        rows={2}
        maxLength={10_000}
        value={text}
        aria-label={label}
        placeholder={label}
        onChange={(event) => {
          setText(event.target.value);
        }}
        onKeyDown={(event) => {
          if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
          event.preventDefault();
          void send();
        }}
      />
      {(text.trim() !== '' || isAsked) && (
        <div className="say-actions">
          <button type="submit" className="button primary small" disabled={text.trim() === ''}>
            {t('send')}
          </button>
          {isAsked && (
            <button type="button" className="button plain small" onClick={onCancel}>
              {t('cancel')}
            </button>
          )}
        </div>
      )}
    </form>
  );
}
