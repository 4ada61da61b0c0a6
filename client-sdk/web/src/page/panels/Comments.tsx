// Comments on the page, its blocks and parts of its texts. They lie in a live document of their own, so the list
// follows what others say.
import { useCallback, useEffect, useState } from 'react';
import type * as Y from 'yjs';
import { usePageT } from '../messages';
import { useNames } from '../model/names';
import { usePage } from '../model/session';
import { useLoad } from './useLoad';

export interface CommentTarget {
  blockId: string | null;
  /** A part of the block's text that the comment is on. */
  quote: string | null;
}

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

interface CommentsProps {
  target: CommentTarget;
  /** The live document of the comments, to hear when something has changed. */
  live: Y.Doc | null;
  onShow: (blockId: string) => void;
  onTarget: (target: CommentTarget) => void;
}

const QUIET_MS = 250;

export function Comments({ target, live, onShow, onTarget }: CommentsProps) {
  const t = usePageT();
  const { rest, pageId } = usePage();
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
    if (!live) return undefined;
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
  const begin = (text: string) =>
    act(async () => {
      const { blockId, quote } = target;
      const body = {
        text,
        ...(blockId !== null && { block_id: blockId }),
        ...(blockId !== null && quote !== null && { quote }),
      };
      await rest.send('POST', `/v1/pages/${pageId}/comments`, body);
      onTarget({ blockId: null, quote: null });
    });
  const answer = (thread: Thread, text: string) =>
    act(() => rest.send('POST', `/v1/comment-threads/${thread.id}/comments?page_id=${pageId}`, { text }));
  return (
    <div className="panel-body comments">
      <Say
        key={`${target.blockId ?? ''} ${target.quote ?? ''}`}
        label={
          target.quote !== null
            ? t('commentOnText')
            : target.blockId !== null
              ? t('commentOnBlock')
              : t('commentOnPage')
        }
        quote={target.quote}
        onSay={begin}
      />
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
        <article key={thread.id} className="thread">
          {thread.quote !== null && <blockquote>{thread.quote}</blockquote>}
          {thread.is_orphaned && <p className="small muted">{t('orphaned')}</p>}
          {thread.comments.map((comment) => (
            <Said key={comment.id} comment={comment} />
          ))}
          <div className="thread-actions">
            {thread.block_id !== null && !thread.is_orphaned && (
              <button
                type="button"
                className="button plain small"
                onClick={() => {
                  onShow(thread.block_id ?? '');
                }}
              >
                {t('showBlock')}
              </button>
            )}
            <button
              type="button"
              className="button plain small"
              onClick={() =>
                void act(() =>
                  rest.send(
                    'POST',
                    `/v1/comment-threads/${thread.id}/${thread.resolved_at === null ? 'resolve' : 'reopen'}?page_id=${pageId}`,
                  ),
                )
              }
            >
              {thread.resolved_at === null ? t('resolve') : t('reopen')}
            </button>
          </div>
          <Say label={t('answer')} quote={null} onSay={(text) => answer(thread, text)} />
        </article>
      ))}
    </div>
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
  onSay: (text: string) => Promise<boolean>;
}

function Say({ label, quote, onSay }: SayProps) {
  const t = usePageT();
  const [text, setText] = useState('');
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
      {text.trim() !== '' && (
        <button type="submit" className="button primary">
          {t('send')}
        </button>
      )}
    </form>
  );
}
