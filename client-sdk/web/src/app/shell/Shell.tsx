// The workspace: its sidebar, the view of the address, the chat beside it.
import { lazy, Suspense, useEffect, useState } from 'react';
import { useClient } from '../client';
import { useT } from '../i18n';
import { messages } from '../messages';
import type { Listing, Workspace } from '../model';
import { navigate, paths, type Place } from '../router';
import { Loading, Notice } from '../ui/Notice';
import { FirstWorkspace } from './FirstWorkspace';
import { Sidebar } from './Sidebar';
import { AgentsView, ChatDock, PageView } from './features';
import './shell.css';

const LAST_WORKSPACE = 'ionflux.workspace';
const Home = lazy(() => import('../views/Home'));

export default function Shell({ place }: { place: Place }) {
  const client = useClient();
  const t = useT(messages);
  const [workspaces, setWorkspaces] = useState<Workspace[] | null>(null);

  useEffect(() => {
    void client.send<Listing<Workspace>>('GET', '/v1/workspaces').then((listing) => {
      setWorkspaces(listing.items);
    });
  }, [client]);

  const wanted = 'workspaceId' in place ? place.workspaceId : localStorage.getItem(LAST_WORKSPACE);
  const current = workspaces?.find((workspace) => workspace.id === wanted);
  const isAtStart = !('workspaceId' in place) && place.view !== 'unknown';

  useEffect(() => {
    if (current) localStorage.setItem(LAST_WORKSPACE, current.id);
    const start = current ?? workspaces?.[0];
    if (isAtStart && start) navigate(paths.home(start.id), 'replace');
  }, [current, isAtStart, workspaces]);

  if (workspaces === null) return <Loading label={t('loading')} />;
  if (workspaces.length === 0) {
    return (
      <FirstWorkspace
        onMade={(workspace) => {
          setWorkspaces([workspace]);
        }}
      />
    );
  }
  if (!current) {
    if (isAtStart) return <Loading label={t('loading')} />;
    return (
      <Notice
        title={t('not_here')}
        action={{
          label: t('to_start'),
          run: () => {
            navigate('/');
          },
        }}
      >
        {t('not_here_more')}
      </Notice>
    );
  }
  return (
    <div className="shell">
      <a className="skip" href="#content">
        {t('skip')}
      </a>
      <Sidebar workspace={current} place={place} />
      <main id="content" tabIndex={-1}>
        <Suspense fallback={<Loading label={t('loading')} />}>
          <View place={place} workspace={current} />
        </Suspense>
      </main>
      {ChatDock && (
        <aside className="dock" aria-label={t('chat')}>
          <Suspense fallback={<Loading label={t('loading')} />}>
            <ChatDock workspaceId={current.id} />
          </Suspense>
        </aside>
      )}
    </div>
  );
}

function View({ place, workspace }: { place: Place; workspace: Workspace }) {
  const t = useT(messages);
  if (place.view === 'home') return <Home workspace={workspace} />;
  if (place.view === 'page' && PageView) {
    return <PageView key={place.pageId} workspaceId={workspace.id} pageId={place.pageId} />;
  }
  if (place.view === 'agents' && AgentsView) return <AgentsView workspaceId={workspace.id} />;
  return <Notice title={t('not_here')}>{t('not_here_more')}</Notice>;
}
