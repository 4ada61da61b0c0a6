// Opens a page live, or a branch of it: its document, for as long as it is shown.
import { useEffect, useMemo, useState } from 'react';
import type { useClient } from '../../app/client';
import { setClock } from '../../app/clock';
import { CommentMarks } from './commentMarks';
import { openSession, type PageSession, type Rest, type Somebody } from './session';

type Client = ReturnType<typeof useClient>;

interface PageFacts {
  pageId: string;
  workspaceId: string;
  me: Somebody;
  /** The suggestion that is to be written to; null: the page itself. */
  branch: string | null;
}

interface Opened {
  session: PageSession | null;
  /** Why the page is not given. */
  why: string | null;
}

interface State extends Opened {
  of: string;
  canWrite: boolean;
}

/** The document of a page, or of a suggestion for it. */
export function documentOf(pageId: string, branch: string | null): string {
  return branch === null ? `page:${pageId}` : `suggestion:${branch}`;
}

/** Opens a page. It is given once its content is there, from the server or from the copy in this browser. */
export function useOpenPage(
  client: Client,
  rest: Rest,
  { pageId, workspaceId, me, branch }: PageFacts,
): Opened {
  const name = documentOf(pageId, branch);
  const [state, setState] = useState<State>({ session: null, why: null, of: name, canWrite: false });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const live = client.documents.open(name);
    const comments = client.documents.open(`comments:${pageId}`);
    const marks = new CommentMarks(comments);
    void setClock(); // what one says in comments has a time
    let session: ReturnType<typeof openSession> | null = null;
    let isCurrent = true;
    const follow = () => {
      if (!isCurrent) return;
      const { kind, code, why, canWrite } = live.status.get();
      // The document has begun anew on the server: so does this page, with a copy of the new one.
      if (kind === 'refused' && code === 'epoch_ended') setTurn((before) => before + 1);
      else
        setState({
          session,
          why: session === null && kind === 'refused' ? (why ?? '') : null,
          of: name,
          canWrite,
        });
    };
    const stop = live.status.subscribe(follow);
    // Comments that were refused for good have been set aside, which people are told: they go on with a new copy.
    const stopComments = comments.status.subscribe(() => {
      const { kind, code } = comments.status.get();
      if (kind === 'refused' && (code === 'epoch_ended' || code === 'rule_violated'))
        setTurn((before) => before + 1);
    });
    follow();
    void Promise.all([live.ready, titleOf(rest, pageId)]).then(([, title]) => {
      if (!isCurrent) return;
      const { doc, awareness } = live;
      session = openSession({
        ...{ doc, awareness, rest, me, pageId, workspaceId, branch, marks, title },
        status: live.status,
        canWrite: false,
      });
      follow();
    });
    return () => {
      isCurrent = false;
      stop();
      stopComments();
      session?.close();
      marks.close();
      comments.release();
      live.release();
    };
  }, [client, rest, pageId, workspaceId, me, branch, name, turn]);
  const { session, why, canWrite } = state;
  const shown = useMemo(() => session && { ...session, canWrite }, [session, canWrite]);
  return state.of === name ? { session: shown, why } : { session: null, why: null };
}

/** What lists call the page: its document need not say. */
async function titleOf(rest: Rest, pageId: string): Promise<string> {
  try {
    return (await rest.send<{ title: string }>('GET', `/v1/pages/${pageId}`)).title;
  } catch {
    return ''; // offline, or a page that is not given: then its document is not either
  }
}
