// Whether what is on the page is safe: saved where, being saved, kept here, or refused and why.
import type { DocumentStatus, LiveDocument } from '@ionflux/client';
import { useEffect, useState } from 'react';
import { useClient } from '../client';
import { useT, type Translate } from '../i18n';
import { useObservable } from '../live';
import { Icon, type IconName } from '../ui/Icon';
import { messages, type MessageKey } from './messages';

const ICONS: Record<DocumentStatus['kind'], IconName> = {
  connecting: 'cloud',
  saved: 'check',
  saving: 'cloud',
  offline: 'offline',
  refused: 'warning',
};

export function SaveState({ live }: { live: LiveDocument | null }) {
  const t = useT(messages);
  const status = useObservable(live?.status);
  const connection = useObservable(useClient().connection);
  const lasts = useLasting(status?.kind === 'saving');
  const kind = status ? status.kind : connection.kind === 'offline' ? 'offline' : 'saved';
  const shown = kind === 'saved' && lasts !== 'not' ? 'saving' : kind;
  const text = !status
    ? t(kind === 'offline' ? 'offline' : 'connected')
    : kind === 'saving' && lasts === 'long'
      ? t('no_answer', { count: status.unsaved })
      : wordsOf({ ...status, kind: shown }, t);
  const detail =
    status?.why ?? (shown === 'saved' && status ? t('saved_on', { server: status.server }) : text);
  return (
    <span
      className={`save-state ${shown}${kind === 'saving' && lasts === 'long' ? ' late' : ''}`}
      role="status"
      title={detail}
    >
      <Icon name={ICONS[shown]} size={14} />
      <span className="save-text">{text}</span>
    </span>
  );
}

function wordsOf(status: DocumentStatus, t: Translate<MessageKey>): string {
  const count = status.unsaved;
  switch (status.kind) {
    case 'saved':
      return t('saved');
    case 'saving':
      return t('saving');
    case 'connecting':
      return t('connecting');
    case 'offline':
      if (count === 0) return t('offline');
      return t(status.isKept ? 'offline_kept' : 'offline_unkept', { count });
    case 'refused':
      return t('refused', { why: status.why ?? t('no_reason') });
  }
}

const CALM_MS = 400;
const LONG_MS = 5_000;

/**
 * Tells whether something is so, or has been so until a moment ago: a word that changes at each key tells nothing. And
 * whether it has been so for long.
 */
function useLasting(isSo: boolean): 'not' | 'so' | 'long' {
  const [lasts, setLasts] = useState<'not' | 'so' | 'long'>('not');
  useEffect(() => {
    const next = isSo ? 'long' : 'not';
    const timer = setTimeout(
      () => {
        setLasts(next);
      },
      isSo ? LONG_MS : CALM_MS,
    );
    return () => {
      clearTimeout(timer);
    };
  }, [isSo]);
  if (isSo && lasts === 'not') setLasts('so');
  if (!isSo && lasts === 'long') setLasts('so');
  return lasts;
}
