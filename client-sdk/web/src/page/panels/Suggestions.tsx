// Changes of the page that people and agents have proposed: what would change, and deciding on it, whole or in part.
import { useCallback, useEffect, useState } from 'react';
import type * as Y from 'yjs';
import { useEvents } from '../../app/events';
import { useLive } from '../../app/live';
import { usePageT, type PageKey } from '../messages';
import { useNames } from '../model/names';
import { usePage } from '../model/session';
import { useLoad } from './useLoad';

interface Suggestion {
  id: string;
  note: string;
  created_by: string;
  created_at: string;
  status: string;
}

interface Segment {
  operation: 'keep' | 'insert' | 'delete' | 'mark';
  text: string;
}

interface Hunk {
  id: string;
  kind: HunkKind;
  block_id: string | null;
  path: string[];
  before: unknown;
  after: unknown;
  segments: Segment[];
}

type HunkKind =
  | 'block_added'
  | 'block_removed'
  | 'block_restored'
  | 'block_moved'
  | 'block_placed'
  | 'text_changed'
  | 'content_changed'
  | 'block_replaced'
  | 'page_changed';

type Decision = 'accept' | 'reject';

interface SuggestionsProps {
  onShow: (blockId: string) => void;
  /** Goes on writing one's own. */
  onContinue: (suggestionId: string) => void;
}

const EVENTS = ['suggestion.*'];

export function Suggestions({ onShow, onContinue }: SuggestionsProps) {
  const t = usePageT();
  const names = useNames();
  const { rest, pageId, workspaceId, branch, me } = usePage();
  const [open, setOpen] = useState<string | null>(null);
  const load = useCallback(
    () => rest.send<{ items: Suggestion[] }>('GET', `/v1/pages/${pageId}/suggestions?status=open&limit=100`),
    [rest, pageId],
  );
  const { value, error, reload } = useLoad(load);
  useEvents(workspaceId, EVENTS, reload);
  return (
    <div className="panel-body suggestions">
      {error && (
        <p className="note bad" role="alert">
          {error}
        </p>
      )}
      {value?.items.length === 0 && <p className="muted">{t('noSuggestions')}</p>}
      {value?.items.map((suggestion) => (
        <article key={suggestion.id} className="thread">
          <button
            type="button"
            className="suggestion-head"
            aria-expanded={open === suggestion.id}
            onClick={() => {
              setOpen(open === suggestion.id ? null : suggestion.id);
            }}
          >
            <strong>{suggestion.note || t('suggestion')}</strong>
            <span className="small muted">
              {names.of(suggestion.created_by) ?? suggestion.created_by} ·{' '}
              {new Date(suggestion.created_at).toLocaleString()}
            </span>
          </button>
          {open === suggestion.id && <Differences id={suggestion.id} onShow={onShow} onEnded={reload} />}
          {branch === null && suggestion.created_by === me.id && (
            <div className="thread-actions">
              <button
                type="button"
                className="button plain small"
                onClick={() => {
                  onContinue(suggestion.id);
                }}
              >
                {t('goOnWriting')}
              </button>
            </div>
          )}
        </article>
      ))}
    </div>
  );
}

interface DifferencesProps {
  id: string;
  onShow: (blockId: string) => void;
  onEnded: () => void;
}

function Differences({ id, onShow, onEnded }: DifferencesProps) {
  const t = usePageT();
  const { rest, canWrite, branch, doc } = usePage();
  const canDecide = canWrite && branch === null;
  const [fault, setFault] = useState<string | null>(null);
  const load = useCallback(
    () => rest.send<{ hunks: Hunk[]; more: number }>('GET', `/v1/suggestions/${id}/differences`),
    [rest, id],
  );
  const { value, error, reload } = useLoad(load);
  useFollow(doc, `suggestion:${id}`, reload);
  const decide = async (decision: Decision, hunks: string[] | null) => {
    setFault(null);
    try {
      const path = `/v1/suggestions/${id}/${decision}`;
      const { left } = await rest.send<{ left: number }>('POST', path, hunks ? { hunks } : {});
      if (hunks === null || left === 0) onEnded();
      else reload();
    } catch (failure) {
      setFault(failure instanceof Error ? failure.message : String(failure));
      reload();
    }
  };
  if (error) return <p className="note bad">{error}</p>;
  if (!value) return <p className="muted">…</p>;
  return (
    <div className="hunks">
      {value.hunks.map((hunk) => (
        <div key={hunk.id} className="hunk">
          <p className="small muted">
            {t(`hunk_${hunk.kind}` satisfies PageKey)} {hunk.path.join(' › ')}
          </p>
          <HunkText hunk={hunk} />
          <div className="thread-actions">
            {hunk.block_id !== null && (
              <button
                type="button"
                className="button plain small"
                onClick={() => {
                  onShow(hunk.block_id ?? '');
                }}
              >
                {t('showBlock')}
              </button>
            )}
            {canDecide && <Decide onDecide={(decision) => void decide(decision, [hunk.id])} />}
          </div>
        </div>
      ))}
      {value.hunks.length === 0 && <p className="muted">{t('noDifference')}</p>}
      {value.more > 0 && <p className="small muted">{t('moreHunks', { count: value.more })}</p>}
      {fault && (
        <p className="note bad" role="alert">
          {fault}
        </p>
      )}
      {canDecide && (
        <div className="thread-actions decide-all">
          <Decide isAll onDecide={(decision) => void decide(decision, null)} />
        </div>
      )}
    </div>
  );
}

const QUIET_MS = 600;

/** Reads the differences again after a change of the page that is shown, or of the suggestion. */
function useFollow(doc: Y.Doc, name: string, reload: () => void): void {
  const live = useLive(name);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    const changed = () => {
      clearTimeout(timer);
      timer = setTimeout(reload, QUIET_MS);
    };
    const docs = new Set(live ? [doc, live.doc] : [doc]);
    for (const each of docs) each.on('update', changed);
    return () => {
      clearTimeout(timer);
      for (const each of docs) each.off('update', changed);
    };
  }, [doc, live, reload]);
}

function Decide({ isAll = false, onDecide }: { isAll?: boolean; onDecide: (decision: Decision) => void }) {
  const t = usePageT();
  return (
    <>
      <button
        type="button"
        className={isAll ? 'button primary' : 'button plain small'}
        onClick={() => {
          onDecide('accept');
        }}
      >
        {isAll ? t('acceptAll') : t('accept')}
      </button>
      <button
        type="button"
        className={isAll ? 'button' : 'button plain small'}
        onClick={() => {
          onDecide('reject');
        }}
      >
        {isAll ? t('rejectAll') : t('reject')}
      </button>
    </>
  );
}

function HunkText({ hunk }: { hunk: Hunk }) {
  if (hunk.segments.length > 0) {
    return (
      <p className="changed-words">
        {hunk.segments.map(({ operation, text }, index) => {
          if (operation === 'insert') return <ins key={index}>{text}</ins>;
          if (operation === 'delete') return <del key={index}>{text}</del>;
          return operation === 'mark' ? <mark key={index}>{text}</mark> : <span key={index}>{text}</span>;
        })}
      </p>
    );
  }
  return (
    <p className="changed-words">
      {hunk.before !== null && <del>{shown(hunk.before)}</del>}{' '}
      {hunk.after !== null && <ins>{shown(hunk.after)}</ins>}
    </p>
  );
}

const MOST_CHARACTERS = 600;

function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text;
}
