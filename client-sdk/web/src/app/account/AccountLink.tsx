// Where the links of mails lead: a new password, a confirmed address, an invitation, no more mails.
import type { Schemas } from '@ionflux/client';
import { useEffect, useState, type ReactNode } from 'react';
import { client, signIn, useSessionState } from '../connection';
import { useT } from '../i18n';
import { messages } from '../messages';
import { paths } from '../router';
import { Fault } from '../ui/Fault';
import { Field } from '../ui/Field';
import { Loading } from '../ui/Notice';
import { handing, useSending } from '../ui/useSending';
import { accountMessages } from './messages';
import { useMailedLink } from './mailedLink';

type Read = (name: string) => string;

export default function AccountLink() {
  const t = useT(accountMessages);
  const { kind, token } = useMailedLink();
  switch (kind) {
    case 'reset':
      return <Reset key={token} token={token} />;
    case 'invitation':
      return <Invitation key={token} token={token} />;
    case 'verify':
    case 'unsubscribe':
      return <Confirmation key={token} kind={kind} token={token} />;
    default:
      return (
        <>
          <h1>{t('account')}</h1>
          <p className="muted">{t('no_link')}</p>
          <Onward />
        </>
      );
  }
}

function Reset({ token }: { token: string }) {
  const t = useT(accountMessages);
  const shell = useT(messages);
  const [isDone, setDone] = useState(false);
  const form = useSending();
  const set = (read: Read) =>
    form.send(async () => {
      const body = { token, new_password: read('password') };
      await client.call(client.api.POST('/v1/auth/password-reset/confirm', { body }));
      setDone(true);
    });
  return (
    <Step title={t('reset')} done={isDone ? t('reset_done') : null}>
      <form className="door-form" onSubmit={handing(set)}>
        <NewPassword label={t('new_password')} hint={shell('password_hint')} />
        <Fault text={form.fault} />
        <button className="button primary large wide" disabled={form.isBusy}>
          {t('reset_send')}
        </button>
      </form>
    </Step>
  );
}

/** Asks before it does anything: programs that look at mails open their links, too. */
function Confirmation({ kind, token }: { kind: 'verify' | 'unsubscribe'; token: string }) {
  const t = useT(accountMessages);
  const [isDone, setDone] = useState(false);
  const form = useSending();
  const confirm = () =>
    form.send(async () => {
      await client.call(
        kind === 'verify'
          ? client.api.POST('/v1/auth/verify-email', { body: { token } })
          : client.api.POST('/v1/notification-mails/unsubscribe', { params: { query: { token } } }),
      );
      setDone(true);
    });
  return (
    <Step title={t(kind)} done={isDone ? t(`${kind}_done`) : null}>
      <form className="door-form" onSubmit={handing(confirm)}>
        <p className="muted">{t(`${kind}_more`)}</p>
        <Fault text={form.fault} />
        <button className="button primary large wide" disabled={form.isBusy}>
          {t(kind)}
        </button>
      </form>
    </Step>
  );
}

function Invitation({ token }: { token: string }) {
  const t = useT(accountMessages);
  const shell = useT(messages);
  const { state } = useSessionState();
  const me = state.kind === 'in' ? state.me : null;
  const [preview, setPreview] = useState<Schemas['InvitationPreview'] | null>(null);
  const loading = useSending();
  const form = useSending();
  const { send } = loading;
  useEffect(() => {
    void send(async () => {
      setPreview(await client.call(client.api.POST('/v1/invitations/preview', { body: { token } })));
    });
    // eslint-disable-next-line react-hooks/exhaustive-deps -- an invitation is looked at once
  }, [token]);
  if (preview === null) {
    if (loading.fault === '') return <Loading label={shell('loading')} />;
    return (
      <>
        <h1>{t('account')}</h1>
        <Fault text={loading.fault} />
        <Onward />
      </>
    );
  }
  const isMine = me?.email === preview.email;
  const join = (read: Read) =>
    form.send(async () => {
      if (isMine) {
        await client.call(client.api.POST('/v1/invitations/accept', { body: { token } }));
      } else {
        const name = preview.has_account ? null : read('name');
        const body = { token, password: read('password'), name };
        await client.call(client.api.POST('/v1/invitations/join', { body }));
        await signIn(preview.email, read('password'));
      }
      location.assign(paths.home(preview.workspace_id)); // whoever was signed in before leaves nothing in memory
    });
  const { inviter_name: who, email, workspace_name: workspace, has_account: hasAccount } = preview;
  return (
    <>
      <h1>{t('invitation', { workspace })}</h1>
      <p className="muted">{t('invited', { who, email, workspace })}</p>
      <form className="door-form" onSubmit={handing(join)}>
        {me && !isMine && <p className="small">{t('is_another', { email: me.email })}</p>}
        {!isMine && <input type="hidden" name="email" autoComplete="username" value={email} readOnly />}
        {!isMine && !hasAccount && (
          <>
            <Field label={shell('name')} name="name" autoComplete="name" required maxLength={200} />
            <NewPassword label={shell('password')} hint={shell('password_hint')} />
          </>
        )}
        {!isMine && hasAccount && (
          <Field
            label={t('own_password')}
            name="password"
            type="password"
            autoComplete="current-password"
            required
          />
        )}
        <Fault text={form.fault} />
        <button className="button primary large wide" disabled={form.isBusy}>
          {t('join')}
        </button>
      </form>
    </>
  );
}

function NewPassword({ label, hint }: { label: string; hint: string }) {
  return (
    <Field
      label={label}
      hint={hint}
      name="password"
      type="password"
      autoComplete="new-password"
      minLength={8}
      required
    />
  );
}

interface StepProps {
  title: string;
  /** What came of it, once it is done. */
  done: string | null;
  children: ReactNode;
}

function Step({ title, done, children }: StepProps) {
  return (
    <>
      <h1>{title}</h1>
      {done === null ? (
        children
      ) : (
        <>
          <p role="status">{done}</p>
          <Onward />
        </>
      )}
    </>
  );
}

/** To the start, loaded anew: who is signed in may be another than before. */
function Onward() {
  const t = useT(accountMessages);
  return (
    <a className="button primary large wide" href="/">
      {t('on')}
    </a>
  );
}
