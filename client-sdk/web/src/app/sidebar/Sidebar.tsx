// The way around a workspace: its pages, its agents, what is new, oneself.
import { useMe } from '../client';
import { useT } from '../i18n';
import { messages } from '../messages';
import type { Workspace } from '../model';
import { paths, type Place } from '../router';
import { showPalette, showSidebar } from '../shell/layout';
import { PageTree } from '../tree/PageTree';
import { Icon, type IconName } from '../ui/Icon';
import { Link } from '../ui/Link';
import { useUnread } from './inbox';
import { MyMenu } from './MyMenu';
import { WorkspaceMenu } from './WorkspaceMenu';
import './sidebar.css';

interface SidebarProps {
  workspace: Workspace;
  workspaces: Workspace[];
  place: Place;
  onNewWorkspace: () => void;
}

export function Sidebar({ workspace, workspaces, place, onNewWorkspace }: SidebarProps) {
  const t = useT(messages);
  const me = useMe();
  const unread = useUnread(me.id);
  const { id } = workspace;
  return (
    <nav className="sidebar" aria-label={t('workspace')}>
      <div className="sidebar-head">
        <WorkspaceMenu workspace={workspace} workspaces={workspaces} onNewWorkspace={onNewWorkspace} />
        <button
          type="button"
          className="icon-button"
          aria-label={t('hide_sidebar')}
          onClick={() => {
            showSidebar(false);
          }}
        >
          <Icon name="menu" />
        </button>
      </div>
      <button
        type="button"
        className="sidebar-row sidebar-search"
        onClick={() => {
          showPalette(true);
        }}
      >
        <Icon name="search" /> <span>{t('search')}</span> <kbd>{SHORTCUT}</kbd>
      </button>
      <Entry to={paths.home(id)} icon="home" label={t('home')} isCurrent={place.view === 'home'} />
      <Entry
        to={paths.notifications(id)}
        icon="bell"
        label={t('notifications')}
        isCurrent={place.view === 'notifications'}
        count={unread}
        countLabel={t('unread', { count: unread })}
      />
      <Entry to={paths.agents(id)} icon="agent" label={t('agents')} isCurrent={place.view === 'agents'} />
      <PageTree
        key={id}
        workspaceId={id}
        currentId={place.view === 'page' ? place.pageId : null}
        canWrite={workspace.role !== 'guest'}
      />
      <div className="sidebar-foot">
        <Entry to={paths.trash(id)} icon="trash" label={t('trash')} isCurrent={place.view === 'trash'} />
        <Entry
          to={paths.settings(id)}
          icon="gear"
          label={t('settings')}
          isCurrent={place.view === 'settings'}
        />
        <MyMenu workspaceId={id} />
      </div>
    </nav>
  );
}

const SHORTCUT = navigator.userAgent.includes('Mac') ? '⌘K' : 'Ctrl K';

interface EntryProps {
  to: string;
  icon: IconName;
  label: string;
  isCurrent: boolean;
  count?: number;
  countLabel?: string;
}

function Entry({ to, icon, label, isCurrent, count = 0, countLabel }: EntryProps) {
  return (
    <Link className="sidebar-row" to={to} aria-current={isCurrent ? 'page' : undefined}>
      <Icon name={icon} />
      <span className="sidebar-label">{label}</span>
      {count > 0 && (
        <span className="badge">
          <span aria-hidden="true">{count > 99 ? '99+' : count}</span>
          <span className="visually-hidden">{countLabel}</span>
        </span>
      )}
    </Link>
  );
}
