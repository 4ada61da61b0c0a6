// All messages of a channel, however many: only those in sight are in the page. Older ones come when one scrolls up.
import type { channel } from '@ionflux/client';
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { VList, type VListHandle } from 'virtua';
import { useLanguage, useT } from '../app/i18n';
import { Icon } from '../app/ui/Icon';
import type { History } from './history';
import { MessageRow } from './MessageRow';
import { useMessageContext } from './messageContext';
import { messages as words } from './messages';
import { countUnread, repliesOf, rowsOf, withoutEchoes } from './rows';
import { dayName } from './time';

const NEAR_PIXELS = 60;
/** So near to the beginning older messages are fetched. */
const FETCH_PIXELS = 600;
/** So long after a hand has moved something, what scrolls is scrolled by it. */
const BY_HAND_MS = 1000;
const HANDS = ['wheel', 'touchmove', 'pointerdown', 'keydown'] as const;

interface MessageListProps {
  title: string;
  messages: readonly channel.Message[];
  history: History;
  /** How far one has read. */
  mark: string | undefined;
  isReady: boolean;
  onRead: ((messageId: string) => void) | undefined;
}

export function MessageList({ title, messages, history, mark, isReady, onRead }: MessageListProps) {
  const t = useT(words);
  const language = useLanguage();
  const { me } = useMessageContext();
  const list = useRef<VListHandle>(null);
  const place = useRef<HTMLDivElement>(null);
  const offset = useRef(0);
  const movedAt = useRef(-BY_HAND_MS);
  const [isAtEnd, setAtEnd] = useState(true);
  const opening = useOpeningMark(mark, isReady);
  const replies = useMemo(() => repliesOf(messages), [messages]);
  const main = useMemo(() => withoutEchoes(messages).filter(({ thread_id: id }) => id === null), [messages]);
  const rows = useMemo(
    () => rowsOf({ messages: main, replies, mark: opening, me }),
    [main, me, opening, replies],
  );
  const isPrepending = usePrepending(main);
  const newest = messages.at(-1)?.id;
  const { state, loadMore } = history;

  // What one says oneself one wants to see.
  const [seen, setSeen] = useState(newest);
  if (newest !== seen) {
    setSeen(newest);
    if (messages.at(-1)?.sender_id === me) setAtEnd(true);
  }

  // The newest message stays in sight while one is at the end, also where something grows: an answer that is
  // being written, a picture that is loaded, the field below.
  const last = rows.length; // behind what stands at the beginning
  useLayoutEffect(() => {
    const scroller = place.current?.querySelector('.message-scroller');
    const content = scroller?.firstElementChild;
    if (!isAtEnd || last === 0 || !scroller || !content) return;
    const stay = () => list.current?.scrollToIndex(last, { align: 'end' });
    stay();
    const observer = new ResizeObserver(stay);
    observer.observe(scroller);
    observer.observe(content);
    return () => {
      observer.disconnect();
    };
  }, [isAtEnd, last, newest]);

  // What is in sight at the end, in a page that is looked at, is read.
  useEffect(() => {
    if (newest === undefined || !isAtEnd || !isReady) return;
    const read = () => {
      if (document.visibilityState === 'visible' && (mark ?? '') < newest) onRead?.(newest);
    };
    read();
    document.addEventListener('visibilitychange', read);
    return () => {
      document.removeEventListener('visibilitychange', read);
    };
  }, [isAtEnd, isReady, mark, newest, onRead]);

  useEffect(() => {
    const { current } = place;
    if (!current) return;
    const note = () => {
      movedAt.current = performance.now();
    };
    for (const kind of HANDS) current.addEventListener(kind, note, { passive: true });
    return () => {
      for (const kind of HANDS) current.removeEventListener(kind, note);
    };
  }, []);

  const look = useCallback(() => {
    const { current } = list;
    if (!current) return;
    const isNear = current.scrollSize - current.viewportSize - current.scrollOffset < NEAR_PIXELS;
    const isUp = current.scrollOffset < offset.current;
    const isByHand = performance.now() - movedAt.current < BY_HAND_MS;
    offset.current = current.scrollOffset;
    // Who was at the end leaves it by going up, and not because something has come: the list scrolls itself then.
    setAtEnd((was) => isNear || (was && !(isUp && isByHand)));
    if (current.scrollOffset < FETCH_PIXELS && state === 'more') loadMore();
  }, [loadMore, state]);

  // A list that does not fill its place cannot be scrolled: what is older is fetched until it does.
  useEffect(() => {
    const { current } = list;
    if (isReady && state === 'more' && current && current.scrollSize <= current.viewportSize) loadMore();
  }, [isReady, loadMore, rows.length, state]);

  const unread = isAtEnd ? 0 : countUnread(messages, mark, me);
  return (
    <div
      ref={place}
      className="message-list"
      role="log"
      aria-label={t('messages', { name: title })}
      aria-busy={!isReady}
    >
      <VList ref={list} shift={isPrepending} onScroll={look} className="message-scroller">
        <div key="beginning" className="list-beginning">
          {state === 'loading' && <p role="status">{t('older')}</p>}
          {state === 'failed' && (
            <p role="alert">
              {t('older_failed')}{' '}
              <button type="button" className="link-button" onClick={loadMore}>
                {t('retry')}
              </button>
            </p>
          )}
          {state === 'all' && <p>{t('beginning', { name: title })}</p>}
          {isReady && rows.length === 0 && <p className="chat-empty">{t('empty')}</p>}
        </div>
        {rows.map((row) => {
          switch (row.kind) {
            case 'day':
              return (
                <div key={row.key} className="day-row" role="separator">
                  <span>{dayName(row.date, new Date(), language)}</span>
                </div>
              );
            case 'unread':
              return (
                <div key={row.key} className="unread-row" role="separator">
                  <span>{t('unread_divider')}</span>
                </div>
              );
            default:
              return (
                <MessageRow
                  key={row.key}
                  message={row.message}
                  isContinued={row.isContinued}
                  replies={row.replies}
                />
              );
          }
        })}
      </VList>
      {!isAtEnd && (
        <button
          type="button"
          className={unread > 0 ? 'jump unread' : 'jump'}
          onClick={() => {
            list.current?.scrollToIndex(last, { align: 'end' });
          }}
        >
          <Icon name="down" size={14} />
          {unread > 0 ? t('jump_unread', { count: unread }) : t('jump_latest')}
        </button>
      )}
    </div>
  );
}

/** Keep the read mark that was there when the channel was opened: it is where the divider stands. */
function useOpeningMark(mark: string | undefined, isReady: boolean): string | null {
  const [opening, setOpening] = useState<{ mark: string | null } | null>(null);
  if (isReady && opening === null) setOpening({ mark: mark ?? null });
  return opening?.mark ?? null;
}

/** Tell whether the list has just become longer at its beginning: then what is in sight stays there. */
function usePrepending(messages: readonly channel.Message[]): boolean {
  const [first, last] = [messages[0]?.id ?? '', messages.at(-1)?.id ?? ''];
  const [seen, setSeen] = useState({ first, last, isPrepending: false });
  if (seen.first !== first || seen.last !== last) {
    setSeen({ first, last, isPrepending: seen.first !== '' && first < seen.first });
  }
  return seen.isPrepending;
}
