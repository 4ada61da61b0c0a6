// What those see who are not signed in: signing in, an account of one's own, a forgotten password.
import { useEffect, useState, type SyntheticEvent } from 'react';
import { ApiProblem, type IonfluxClient } from '../adapter';
import { useT } from '../i18n';
import { messages } from '../messages';
import { navigate, type Place } from '../router';
import { Field } from '../ui/Field';
import { Link } from '../ui/Link';
import './door.css';

interface DoorProps {
  client: IonfluxClient;
  place: Place;
  onSignedIn: () => Promise<void>;
}

export function Door({ client, place, onSignedIn }: DoorProps) {
  const t = useT(messages);
  const enter = async () => {
    await onSignedIn();
    if (place.view === 'sign-in' || place.view === 'sign-up' || place.view === 'forgot')
      navigate('/', 'replace');
  };
  return (
    <main className="door">
      <div className="door-card">
        <p className="brand">
          <span className="brand-mark" aria-hidden="true" /> IONFLUX
        </p>
        {place.view === 'sign-up' ? (
          <SignUp client={client} onSignedIn={enter} />
        ) : place.view === 'forgot' ? (
          <Forgot client={client} />
        ) : (
          <SignIn client={client} onSignedIn={enter} />
        )}
      </div>
      <p className="muted small door-foot">{t('door_foot')}</p>
    </main>
  );
}

interface EntryProps {
  client: IonfluxClient;
  onSignedIn: () => Promise<void>;
}

function SignIn({ client, onSignedIn }: EntryProps) {
  const t = useT(messages);
  const [offersDemo, setOffersDemo] = useState(false);
  const form = useForm(t('unreachable_more'));
  useEffect(() => {
    client.send<{ demo: boolean }>('GET', '/v1/auth/options').then(
      (options) => {
        setOffersDemo(options.demo);
      },
      () => undefined, // nothing is offered where nobody answers; signing in will say what is wrong
    );
  }, [client]);
  const signIn = (data: FormData) =>
    form.send(async () => {
      await client.send('POST', '/v1/auth/browser-session', read(data, 'email', 'password'));
      await onSignedIn();
    });
  const signInToDemo = () =>
    form.send(async () => {
      await client.send('POST', '/v1/auth/demo-session');
      await onSignedIn();
    });
  return (
    <>
      <h1>{t('sign_in')}</h1>
      {offersDemo && (
        <>
          <button
            type="button"
            className="button primary large wide"
            disabled={form.isBusy}
            onClick={() => void signInToDemo()}
          >
            {t('demo')}
          </button>
          <p className="muted small">{t('demo_more')}</p>
          <p className="door-or muted small">
            <span>{t('or')}</span>
          </p>
        </>
      )}
      <form className="door-form" onSubmit={handing(signIn)}>
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

function SignUp({ client, onSignedIn }: EntryProps) {
  const t = useT(messages);
  const form = useForm(t('unreachable_more'));
  const signUp = (data: FormData) =>
    form.send(async () => {
      await client.send('POST', '/v1/auth/register', read(data, 'name', 'email', 'password'));
      await client.send('POST', '/v1/auth/browser-session', read(data, 'email', 'password'));
      await onSignedIn();
    });
  return (
    <>
      <h1>{t('sign_up')}</h1>
      <form className="door-form" onSubmit={handing(signUp)}>
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

function Forgot({ client }: { client: IonfluxClient }) {
  const t = useT(messages);
  const [isSent, setIsSent] = useState(false);
  const form = useForm(t('unreachable_more'));
  const ask = (data: FormData) =>
    form.send(async () => {
      await client.send('POST', '/v1/auth/password-reset', read(data, 'email'));
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

function Fault({ text }: { text: string }) {
  return (
    <p className="door-fault small" role="alert">
      {text}
    </p>
  );
}

/** Send a form: one at a time, with the server's own words if it refuses. */
function useForm(unreachable: string) {
  const [isBusy, setIsBusy] = useState(false);
  const [fault, setFault] = useState('');
  const send = async (work: () => Promise<void>) => {
    setIsBusy(true);
    setFault('');
    try {
      await work();
    } catch (error) {
      if (!(error instanceof ApiProblem)) throw error;
      setFault(error.status === 0 ? unreachable : error.message);
    } finally {
      setIsBusy(false);
    }
  };
  return { isBusy, fault, send };
}

function handing(send: (data: FormData) => Promise<void>) {
  return (event: SyntheticEvent<HTMLFormElement>) => {
    event.preventDefault();
    void send(new FormData(event.currentTarget));
  };
}

function read(data: FormData, ...names: string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, textOf(data.get(name))]));
}

function textOf(value: FormDataEntryValue | null): string {
  return typeof value === 'string' ? value : '';
}
