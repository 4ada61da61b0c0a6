// The workspace: its sidebar, the view of the address, the chat beside it.
import { lazy, Suspense, useEffect, useState } from 'react';
import { client } from '../connection';
import { useT } from '../i18n';
import { useObservable } from '../live';
import { messages } from '../messages';
import type { Workspace } from '../model';
import { navigate, paths, type Place } from '../router';
import { Boundary } from '../ui/Boundary';
import { Loading, Notice } from '../ui/Notice';
import { usePages, useReturn, useWorkspaceEvents, useWorkspaces } from '../workspace';
import { Sidebar } from '../sidebar/Sidebar';
import { Topbar } from '../topbar/Topbar';
import { FirstWorkspace } from './FirstWorkspace';
import { AgentsView, ChatDock, PageView } from './features';
import { makeWay, showDock, showPalette, useLayout } from './layout';
import './shell.css';

const LAST_WORKSPACE = 'ionflux.workspace';
const lastPageKey = (workspaceId: string) => `ionflux.page.${workspaceId}`;
const loadHome = () => import('../views/Home');
const Home = lazy(loadHome);
const loadTrash = () => import('../views/Trash');
const Trash = lazy(loadTrash);
const loadNotifications = () => import('../views/Notifications');
const Notifications = lazy(loadNotifications);
const loadSettings = () => import('../settings/Settings');
const Settings = lazy(loadSettings);
const Unsaved = lazy(() => import('../views/Unsaved'));
const SetAside = lazy(() => import('../views/SetAside'));
const loadPalette = () => import('../palette/Palette');
const Palette = lazy(loadPalette);
const PRELOAD_MS = 2000;

export default function Shell({ place }: { place: Place }) {
  const t = useT(messages);
  const { data: workspaces, error } = useWorkspaces();
  const [isMaking, setIsMaking] = useState(false);
  if (workspaces === undefined) {
    if (error) return <Notice title={t('unreachable')}>{error.message}</Notice>;
    return <Loading label={t('loading')} />;
  }
  if (isMaking || (workspaces.length === 0 && !('workspaceId' in place))) {
    return (
      <FirstWorkspace
        isFirst={workspaces.length === 0}
        onDone={() => {
          setIsMaking(false);
        }}
      />
    );
  }
  const wanted = 'workspaceId' in place ? place.workspaceId : localStorage.getItem(LAST_WORKSPACE);
  const current = workspaces.find((workspace) => workspace.id === wanted);
  if (!('workspaceId' in place) && place.view !== 'unknown') {
    return <Start workspace={current ?? workspaces[0]} />;
  }
  if (!current) {
    const home = {
      label: t('to_start'),
      run: () => {
        navigate('/');
      },
    };
    const below = (
      <Suspense fallback={null}>
        <Unsaved />
      </Suspense>
    );
    return (
      <Notice title={t('no_access')} action={home} below={below}>
        {t('no_access_more')}
      </Notice>
    );
  }
  return (
    <Inside
      workspace={current}
      workspaces={workspaces}
      place={place}
      onNewWorkspace={() => {
        setIsMaking(true);
      }}
    />
  );
}

/** The address without a place: on to the page that was looked at last, or to the first one. */
function Start({ workspace }: { workspace: Workspace | undefined }) {
  const t = useT(messages);
  const workspaceId = workspace?.id ?? '';
  const { data: pages, error } = usePages(workspaceId);
  useEffect(() => {
    if (!pages && !error) return;
    const last = localStorage.getItem(lastPageKey(workspaceId));
    const page = pages?.find((each) => each.id === last) ?? pages?.[0];
    navigate(page ? paths.page(workspaceId, page.id) : paths.home(workspaceId), 'replace');
  }, [pages, error, workspaceId]);
  return <Loading label={t('loading')} />;
}

interface InsideProps {
  workspace: Workspace;
  workspaces: Workspace[];
  place: Place;
  onNewWorkspace: () => void;
}

function Inside({ workspace, workspaces, place, onNewWorkspace }: InsideProps) {
  const t = useT(messages);
  const { isSidebarOpen, isDockOpen, isPaletteOpen } = useLayout();
  const setAside = useObservable(client.documents.setAside ?? undefined);
  useWorkspaceEvents(workspace.id);
  useReturn();
  usePaletteKey();

  usePreload();

  useEffect(() => {
    localStorage.setItem(LAST_WORKSPACE, workspace.id);
    if (place.view === 'page') localStorage.setItem(lastPageKey(workspace.id), place.pageId);
    if (place.view === 'channel') showDock(true);
    else makeWay();
  }, [workspace.id, place]);

  return (
    <div className={`shell${isSidebarOpen ? ' with-sidebar' : ''}${isDockOpen ? ' with-dock' : ''}`}>
      <a className="skip" href="#content">
        {t('skip')}
      </a>
      {isSidebarOpen && (
        <Sidebar
          workspace={workspace}
          workspaces={workspaces}
          place={place}
          onNewWorkspace={onNewWorkspace}
        />
      )}
      <div className="middle">
        <Topbar workspace={workspace} place={place} />
        {setAside && setAside.length > 0 && (
          <Suspense fallback={null}>
            <SetAside copies={setAside} />
          </Suspense>
        )}
        <main id="content" tabIndex={-1}>
          <Suspense fallback={<Loading label={t('loading')} />}>
            <Boundary key={location.pathname}>
              <View place={place} workspace={workspace} />
            </Boundary>
          </Suspense>
        </main>
      </div>
      {isDockOpen && (
        <aside className="dock" aria-label={t('chat')}>
          <Suspense fallback={<Loading label={t('loading')} />}>
            <Boundary key={workspace.id}>
              <ChatDock workspaceId={workspace.id} />
            </Boundary>
          </Suspense>
        </aside>
      )}
      {isPaletteOpen && (
        <Suspense fallback={null}>
          <Palette workspace={workspace} workspaces={workspaces} />
        </Suspense>
      )}
    </div>
  );
}

function View({ place, workspace }: { place: Place; workspace: Workspace }) {
  const t = useT(messages);
  switch (place.view) {
    case 'home':
    case 'channel':
      return <Home workspace={workspace} />;
    case 'trash':
      return <Trash workspaceId={workspace.id} />;
    case 'notifications':
      return <Notifications workspaceId={workspace.id} />;
    case 'settings':
      return <Settings workspace={workspace} section={place.section} />;
    case 'page':
      return <PageView key={place.pageId} workspaceId={workspace.id} pageId={place.pageId} />;
    case 'agents':
      return <AgentsView workspaceId={workspace.id} />;
  }
  return <Notice title={t('not_here')}>{t('not_here_more')}</Notice>;
}

/** Have the small parts here before somebody asks for them: while the server is away, too. */
function usePreload(): void {
  useEffect(() => {
    const timer = setTimeout(preload, PRELOAD_MS);
    return () => {
      clearTimeout(timer);
    };
  }, []);
}

function preload(): void {
  const loaders = [loadPalette, loadHome, loadTrash, loadNotifications, loadSettings];
  // What does not come now is asked for again when it is needed, and told then.
  for (const load of loaders) load().catch(() => undefined);
}

function usePaletteKey(): void {
  useEffect(() => {
    const open = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() !== 'k' || !(event.metaKey || event.ctrlKey) || event.shiftKey) return;
      event.preventDefault();
      showPalette(true);
    };
    addEventListener('keydown', open);
    return () => {
      removeEventListener('keydown', open);
    };
  }, []);
}
