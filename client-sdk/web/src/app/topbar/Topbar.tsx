// Above every view: where one is, what agents do, and whether everything is saved.
import type { LiveDocument } from '@ionflux/client';
import { useT } from '../i18n';
import { useLive } from '../live';
import { messages } from '../messages';
import type { Workspace } from '../model';
import { paths, type Place } from '../router';
import { useShownDocument } from '../shown';
import { showDock, showSidebar, useLayout } from '../shell/layout';
import { pathTo } from '../tree/tree';
import { Icon } from '../ui/Icon';
import { Link } from '../ui/Link';
import { usePages } from '../workspace';
import { AgentActivity } from './AgentActivity';
import { SaveState } from './SaveState';
import './topbar.css';

export function Topbar({ workspace, place }: { workspace: Workspace; place: Place }) {
  const t = useT(messages);
  const { isSidebarOpen, isDockOpen } = useLayout();
  const shown = useShownDocument();
  const live: LiveDocument | null = useLive(place.view === 'page' ? (shown ?? `page:${place.pageId}`) : null);
  return (
    <header className="topbar">
      {!isSidebarOpen && (
        <button
          type="button"
          className="icon-button"
          aria-label={t('show_sidebar')}
          onClick={() => {
            showSidebar(true);
          }}
        >
          <Icon name="menu" />
        </button>
      )}
      <Crumbs workspace={workspace} place={place} />
      <span className="topbar-space" />
      <AgentActivity workspaceId={workspace.id} />
      <SaveState live={live} />
      <button
        type="button"
        className="icon-button"
        aria-label={t('chat')}
        aria-pressed={isDockOpen}
        onClick={() => {
          showDock(!isDockOpen);
        }}
      >
        <Icon name="chat" />
      </button>
    </header>
  );
}

function Crumbs({ workspace, place }: { workspace: Workspace; place: Place }) {
  const t = useT(messages);
  const { data: pages = [] } = usePages(workspace.id);
  if (place.view !== 'page') {
    const names = {
      home: 'home',
      trash: 'trash',
      notifications: 'notifications',
      agents: 'agents',
      settings: 'settings',
    } as const;
    const name = place.view in names ? names[place.view as keyof typeof names] : 'home';
    return <span className="crumbs crumb-current">{t(name)}</span>;
  }
  const page = pages.find((each) => each.id === place.pageId);
  return (
    <nav className="crumbs" aria-label={t('path')}>
      {pathTo(pages, place.pageId)
        .reverse()
        .map((above) => (
          <span key={above.id} className="crumb">
            <Link to={paths.page(workspace.id, above.id)}>{above.title || t('untitled')}</Link>
            <Icon name="chevron" size={10} />
          </span>
        ))}
      <span className="crumb-current" aria-current="page">
        {(page?.title ?? '') || t('untitled')}
      </span>
    </nav>
  );
}
