// Above the page: which view, who is here, and what stands beside it.
import { Avatar } from '../app/ui/Avatar';
import { usePageT } from './messages';
import { useCanComment } from './model/commentMarks';
import { usePeers, type Peer } from './model/presence';
import { usePage } from './model/session';

export type ViewName = 'document' | 'canvas';
export type PanelName = 'comments' | 'suggestions' | 'versions';

interface PageBarProps {
  view: ViewName;
  panel: PanelName | null;
  onView: (view: ViewName) => void;
  onPanel: (panel: PanelName | null) => void;
  /** Begins to propose a change, or ends that. */
  onSuggest: () => void;
}

const VIEWS = ['document', 'canvas'] as const;
const PANELS = ['comments', 'suggestions', 'versions'] as const;

export function PageBar({ view, panel, onView, onPanel, onSuggest }: PageBarProps) {
  const t = usePageT();
  const { marks, branch } = usePage();
  const canSuggest = useCanComment(marks);
  return (
    <div className="page-bar">
      <div className="segmented" role="group" aria-label={t('view')}>
        {VIEWS.map((name) => (
          <button
            key={name}
            type="button"
            aria-pressed={view === name}
            onClick={() => {
              onView(name);
            }}
          >
            {t(name)}
          </button>
        ))}
      </div>
      <People />
      {(canSuggest || branch !== null) && (
        <button
          type="button"
          role="switch"
          aria-checked={branch !== null}
          className="button plain small suggest-switch"
          title={t('suggestingMore')}
          onClick={onSuggest}
        >
          {t('suggesting')}
        </button>
      )}
      <div className="page-panels" role="group" aria-label={t('beside')}>
        {PANELS.map((name) => (
          <button
            key={name}
            type="button"
            className="button plain small"
            aria-pressed={panel === name}
            onClick={() => {
              onPanel(panel === name ? null : name);
            }}
          >
            {t(name)}
          </button>
        ))}
      </div>
    </div>
  );
}

function People() {
  const t = usePageT();
  const peers = usePeers();
  const people = [...new Map(peers.map((peer) => [peer.id, peer])).values()];
  return (
    <ul className="people" aria-label={t('whoIsHere')}>
      {people.slice(0, 6).map((peer) => (
        <li key={peer.id} title={said(peer, t)} style={{ '--who': peer.color } as React.CSSProperties}>
          <Avatar id={peer.id} name={peer.name} url={peer.avatarUrl} isAgent={peer.kind === 'agent'} />
          <span className={peer.kind === 'agent' ? 'who' : 'visually-hidden'}>{said(peer, t)}</span>
        </li>
      ))}
      {people.length > 6 && <li className="small muted">+{people.length - 6}</li>}
    </ul>
  );
}

function said(peer: Peer, t: ReturnType<typeof usePageT>): string {
  switch (peer.status) {
    case 'thinking':
    case 'typing':
    case 'waiting':
      return `${peer.name}: ${t(`agent_${peer.status}`)}`;
    default:
      return peer.name;
  }
}
