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
  const calm = useCalm(status?.kind === 'saving');
  const kind = status ? status.kind : connection.kind === 'offline' ? 'offline' : 'saved';
  const shown = kind === 'saving' && !calm ? 'saved' : kind;
  const text = status
    ? wordsOf({ ...status, kind: shown }, t)
    : t(kind === 'offline' ? 'offline' : 'connected');
  const detail =
    status?.why ?? (shown === 'saved' && status ? t('saved_on', { server: status.server }) : text);
  return (
    <span className={`save-state ${shown}`} role="status" title={detail}>
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

/** Tell something only once it has lasted: a word that flickers at each key tells nothing. */
function useCalm(isSo: boolean): boolean {
  const [isLong, setIsLong] = useState(false);
  useEffect(() => {
    if (!isSo) return;
    const timer = setTimeout(() => {
      setIsLong(true);
    }, CALM_MS);
    return () => {
      clearTimeout(timer);
      setIsLong(false);
    };
  }, [isSo]);
  return isSo && isLong;
}
