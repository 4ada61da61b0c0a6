// Who is signed in decides what is shown: a door, the workspace, or that the server cannot be reached.
import { lazy, Suspense, useCallback, useEffect, useMemo, useState } from 'react';
import { ApiProblem, IonfluxClient } from './adapter';
import { SessionContext } from './client';
import { useT } from './i18n';
import { messages } from './messages';
import type { Me } from './model';
import { navigate, usePlace } from './router';
import { Loading, Notice } from './ui/Notice';
import { Door } from './views/Door';

const Shell = lazy(() => import('./shell/Shell'));

type State = { kind: 'loading' } | { kind: 'out' } | { kind: 'in'; me: Me } | { kind: 'unreachable' };

interface BrowserSession {
  user: Me;
  csrf_token: string;
}

export function App() {
  const [client] = useState(() => new IonfluxClient());
  const [state, setState] = useState<State>({ kind: 'loading' });
  const t = useT(messages);
  const place = usePlace();

  const load = useCallback(async () => {
    try {
      const session = await client.send<BrowserSession>('GET', '/v1/auth/browser-session');
      client.csrf = session.csrf_token;
      setState({ kind: 'in', me: session.user });
    } catch (error) {
      if (!(error instanceof ApiProblem)) throw error;
      setState({ kind: error.status === 401 ? 'out' : 'unreachable' });
    }
  }, [client]);

  const signOut = useCallback(async () => {
    await client.send('DELETE', '/v1/auth/browser-session');
    setState({ kind: 'out' });
    navigate('/sign-in');
  }, [client]);

  useEffect(() => {
    void load();
  }, [load]);

  const session = useMemo(
    () => (state.kind === 'in' ? { client, me: state.me, reload: load, signOut } : null),
    [client, state, load, signOut],
  );

  if (state.kind === 'loading') return <Loading label={t('loading')} />;
  if (state.kind === 'unreachable') {
    return (
      <Notice title={t('unreachable')} action={{ label: t('again'), run: () => void load() }}>
        {t('unreachable_more')}
      </Notice>
    );
  }
  if (session === null) {
    return <Door client={client} place={place} onSignedIn={load} />;
  }
  return (
    <SessionContext.Provider value={session}>
      <Suspense fallback={<Loading label={t('loading')} />}>
        <Shell place={place} />
      </Suspense>
    </SessionContext.Provider>
  );
}
