// What those see who are not signed in: signing in, an account of one's own, a forgotten password.
import { useEffect, useState, type ReactNode } from 'react';
import { client, signIn, signInToDemo, signUp } from '../connection';
import { useT } from '../i18n';
import { messages } from '../messages';
import { navigate, type Place } from '../router';
import { Fault } from '../ui/Fault';
import { Field } from '../ui/Field';
import { Link } from '../ui/Link';
import { handing, useSending } from '../ui/useSending';
import './door.css';

type Read = (name: string) => string;

export function Door({ place }: { place: Place }) {
  const enter = () => {
    if (place.view === 'sign-in' || place.view === 'sign-up' || place.view === 'forgot')
      navigate('/', 'replace');
  };
  return (
    <Card>
      {place.view === 'sign-up' ? (
        <SignUp onEnter={enter} />
      ) : place.view === 'forgot' ? (
        <Forgot />
      ) : (
        <SignIn onEnter={enter} />
      )}
    </Card>
  );
}

/** The one thing on the screen before the workspace is. */
export function Card({ children }: { children: ReactNode }) {
  const t = useT(messages);
  return (
    <main className="door">
      <div className="door-card">
        <p className="brand">
          <span className="brand-mark" aria-hidden="true" /> IONFLUX
        </p>
        {children}
      </div>
      <p className="muted small door-foot">{t('door_foot')}</p>
    </main>
  );
}

interface EntryProps {
  onEnter: () => void;
}

function SignIn({ onEnter }: EntryProps) {
  const t = useT(messages);
  const [offersDemo, setOffersDemo] = useState(false);
  const form = useSending();
  useEffect(() => {
    client.call(client.api.GET('/v1/auth/options')).then(
      (options) => {
        setOffersDemo(options.demo);
      },
      () => undefined, // nothing is offered where nobody answers; signing in will say what is wrong
    );
  }, []);
  const enter = (read: Read) => form.send(() => signIn(read('email'), read('password')).then(onEnter));
  const enterDemo = () => form.send(() => signInToDemo().then(onEnter));
  return (
    <>
      <h1>{t('sign_in')}</h1>
      {offersDemo && (
        <>
          <button
            type="button"
            className="button primary large wide"
            disabled={form.isBusy}
            onClick={() => void enterDemo()}
          >
            {t('demo')}
          </button>
          <p className="muted small">{t('demo_more')}</p>
          <p className="door-or muted small">
            <span>{t('or')}</span>
          </p>
        </>
      )}
      <form className="door-form" onSubmit={handing(enter)}>
        <Field label={t('email')} name="email" type="email" autoComplete="username" required />
        <Field
          label={t('password')}
          name="password"
          type="password"
          autoComplete="current-password"
          required
        />
        <Fault text={form.fault} />
        <button
          className={offersDemo ? 'button large wide' : 'button primary large wide'}
          disabled={form.isBusy}
        >
          {t('sign_in')}
        </button>
      </form>
      <p className="door-links small">
        <Link to="/sign-up">{t('to_sign_up')}</Link>
        <Link to="/forgot">{t('forgot')}</Link>
      </p>
    </>
  );
}

function SignUp({ onEnter }: EntryProps) {
  const t = useT(messages);
  const form = useSending();
  const enter = (read: Read) =>
    form.send(() => signUp(read('name'), read('email'), read('password')).then(onEnter));
  return (
    <>
      <h1>{t('sign_up')}</h1>
      <form className="door-form" onSubmit={handing(enter)}>
        <Field label={t('name')} name="name" autoComplete="name" required maxLength={200} />
        <Field label={t('email')} name="email" type="email" autoComplete="username" required />
        <Field
          label={t('password')}
          name="password"
          type="password"
          autoComplete="new-password"
          minLength={8}
          hint={t('password_hint')}
          required
        />
        <Fault text={form.fault} />
        <button className="button primary large wide" disabled={form.isBusy}>
          {t('sign_up')}
        </button>
      </form>
      <p className="door-links small">
        <Link to="/sign-in">{t('to_sign_in')}</Link>
      </p>
    </>
  );
}

function Forgot() {
  const t = useT(messages);
  const [isSent, setIsSent] = useState(false);
  const form = useSending();
  const ask = (read: Read) =>
    form.send(async () => {
      await client.call(client.api.POST('/v1/auth/password-reset', { body: { email: read('email') } }));
      setIsSent(true);
    });
  return (
    <>
      <h1>{t('forgot')}</h1>
      {isSent ? (
        <p role="status">{t('forgot_sent')}</p>
      ) : (
        <form className="door-form" onSubmit={handing(ask)}>
          <p className="muted">{t('forgot_more')}</p>
          <Field label={t('email')} name="email" type="email" autoComplete="username" required />
          <Fault text={form.fault} />
          <button className="button primary large wide" disabled={form.isBusy}>
            {t('forgot_send')}
          </button>
        </form>
      )}
      <p className="door-links small">
        <Link to="/sign-in">{t('to_sign_in')}</Link>
      </p>
    </>
  );
}
