// A page of the workspace, as a document or as a canvas, with who is here and what stands beside it.
import { useCallback, useEffect, useMemo, useState } from 'react';
import { useClient, useMe } from '../app/client';
import { useShows } from '../app/shown';
import { Loading, Notice } from '../app/ui/Notice';
import { CanvasView } from './canvas/CanvasView';
import { DocumentView } from './document/DocumentView';
import { usePageT } from './messages';
import { NamesContext, useLoadedNames } from './model/names';
import { documentOf, useOpenPage } from './model/open';
import { restOf } from './model/rest';
import { PageContext, type PageSession } from './model/session';
import { UploadsProvider } from './model/uploads';
import { PageBar, type PanelName, type ViewName } from './PageBar';
import { Comments } from './panels/Comments';
import { Suggestions } from './panels/Suggestions';
import { Versions } from './panels/Versions';
import { SuggestingBar } from './suggesting/SuggestingBar';
import { useBranch, type Branch } from './suggesting/useBranch';
import './page.css';
import './blocks.css';
import './canvas.css';
import './panels.css';

interface PageViewProps {
  workspaceId: string;
  pageId: string;
}

export function PageView({ workspaceId, pageId }: PageViewProps) {
  const t = usePageT();
  const client = useClient();
  const me = useMe();
  const rest = useMemo(() => restOf(client), [client]);
  const names = useLoadedNames(rest, workspaceId);
  const mine = useMemo(() => ({ id: `user:${me.id}`, name: me.name }), [me.id, me.name]);
  const branch = useBranch(rest, pageId);
  const [panel, setPanel] = useState<PanelName | null>(null);
  const opened = useOpenPage(client, rest, { pageId, workspaceId, me: mine, branch: branch.id });
  useShows(documentOf(pageId, branch.id));
  if (opened.why !== null) {
    const back = branch.id === null ? undefined : { label: t('backToPage'), run: branch.leave };
    return (
      <Notice title={t('cannotOpen')} action={back}>
        {opened.why}
      </Notice>
    );
  }
  if (opened.session === null) return <Loading label={t('opening')} />;
  return (
    <PageContext value={opened.session}>
      <NamesContext value={names}>
        <UploadsProvider>
          <OpenPage
            key={documentOf(pageId, branch.id)}
            session={opened.session}
            branch={branch}
            panel={panel}
            setPanel={setPanel}
          />
        </UploadsProvider>
      </NamesContext>
    </PageContext>
  );
}

const VIEW_KEY = 'ionflux.page.view';

interface OpenPageProps {
  session: PageSession;
  branch: Branch;
  panel: PanelName | null;
  setPanel: (panel: PanelName | null) => void;
}

function OpenPage({ session, branch, panel, setPanel }: OpenPageProps) {
  const [view, setView] = useState<ViewName>(firstView);
  const { marks } = session;
  const choose = useCallback((chosen: ViewName) => {
    localStorage.setItem(VIEW_KEY, chosen);
    setView(chosen);
  }, []);
  useEffect(
    () =>
      marks.listenForAsking(() => {
        setPanel('comments');
      }),
    [marks, setPanel],
  );
  const comment = useCallback(
    (blockId: string) => {
      marks.begin({ blockId, range: null, quote: null });
    },
    [marks],
  );
  const show = useCallback((blockId: string) => {
    const element = document.querySelector(`[data-block="${CSS.escape(blockId)}"]`);
    element?.scrollIntoView({ block: 'center', behavior: 'smooth' });
    element?.classList.add('shown');
    setTimeout(() => element?.classList.remove('shown'), 1500);
  }, []);
  const handedIn = () => {
    setPanel('suggestions');
  };
  useUndoKeys(session);
  return (
    <div
      className={`page${panel === null ? '' : ' with-panel'}${session.branch === null ? '' : ' is-branch'}`}
    >
      <PageBar
        view={view}
        panel={panel}
        onView={choose}
        onPanel={setPanel}
        onSuggest={() => {
          if (branch.id === null) void branch.begin();
          else void branch.handIn(session).then(handedIn);
        }}
      />
      {session.branch !== null && <SuggestingBar branch={branch} onHandedIn={handedIn} />}
      {session.branch === null && branch.fault && (
        <p className="note bad page-fault" role="alert">
          {branch.fault}
        </p>
      )}
      <div className="page-main">
        {view === 'document' ? <DocumentView onComment={comment} /> : <CanvasView />}
      </div>
      {panel !== null && (
        <Panel
          panel={panel}
          onShow={show}
          onContinue={(id) => void branch.begin(id)}
          onClose={() => {
            marks.rest();
            marks.choose(null);
            setPanel(null);
          }}
        />
      )}
    </div>
  );
}

interface PanelProps {
  panel: PanelName;
  onShow: (blockId: string) => void;
  onContinue: (suggestionId: string) => void;
  onClose: () => void;
}

function Panel({ panel, onShow, onContinue, onClose }: PanelProps) {
  const t = usePageT();
  return (
    <aside className="page-panel" aria-label={t(panel)}>
      <header>
        <h2>{t(panel)}</h2>
        <button type="button" className="icon-button" aria-label={t('close')} onClick={onClose}>
          ×
        </button>
      </header>
      {panel === 'comments' && <Comments onShow={onShow} />}
      {panel === 'suggestions' && <Suggestions onShow={onShow} onContinue={onContinue} />}
      {panel === 'versions' && <Versions />}
    </aside>
  );
}

function firstView(): ViewName {
  if (matchMedia('(max-width: 700px)').matches) return 'document';
  return localStorage.getItem(VIEW_KEY) === 'canvas' ? 'canvas' : 'document';
}

/** Undo and redo where no editor has the focus; fields of forms have their own. */
function useUndoKeys({ undo, canWrite }: PageSession): void {
  useEffect(() => {
    if (!canWrite) return undefined;
    const pressed = (event: KeyboardEvent) => {
      const { target } = event;
      const isField =
        target instanceof HTMLElement &&
        (target.isContentEditable || target.matches('input, textarea, select'));
      if (!(event.ctrlKey || event.metaKey) || isField || event.defaultPrevented) return;
      const key = event.key.toLowerCase();
      if (key !== 'z' && key !== 'y') return;
      event.preventDefault();
      if (key === 'y' || event.shiftKey) undo.redo();
      else undo.undo();
    };
    document.addEventListener('keydown', pressed);
    return () => {
      document.removeEventListener('keydown', pressed);
    };
  }, [undo, canWrite]);
}
