// Who is signed in decides what is shown: a door, the workspace, or that the server cannot be reached.
import { lazy, Suspense, useEffect } from 'react';
import { loadSession, useSessionState } from './connection';
import { useLanguage, useT } from './i18n';
import { messages } from './messages';
import { usePlace } from './router';
import { Toasts } from './toasts';
import { Loading, Notice } from './ui/Notice';
import { Card, Door } from './views/Door';
import { SessionEnded } from './views/SessionEnded';

const Shell = lazy(() => import('./shell/Shell'));
const AccountLink = lazy(() => import('./account/AccountLink'));

export function App() {
  const { state } = useSessionState();
  const t = useT(messages);
  const language = useLanguage();
  const place = usePlace();

  useEffect(() => {
    void loadSession();
  }, []);
  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);

  if (state.kind === 'loading') return <Loading label={t('loading')} />;
  if (state.kind === 'unreachable') {
    return (
      <Notice title={t('unreachable')} action={{ label: t('again'), run: () => void loadSession() }}>
        {t('unreachable_more')}
      </Notice>
    );
  }
  if (place.view === 'account') {
    return (
      <Card>
        <Suspense fallback={<Loading label={t('loading')} />}>
          <AccountLink />
        </Suspense>
      </Card>
    );
  }
  if (state.kind === 'out') return <Door place={place} />;
  return (
    <>
      <Suspense fallback={<Loading label={t('loading')} />}>
        <Shell place={place} />
      </Suspense>
      {state.kind === 'ended' && <SessionEnded email={state.me.email} />}
      <Toasts />
    </>
  );
}
