// One's own account: name and picture, password, and where one is signed in.
import { useMe } from '../client';
import { client, loadSession } from '../connection';
import { useLanguage, useT } from '../i18n';
import { refresh, useResource } from '../resource';
import { say } from '../toasts';
import { Fault } from '../ui/Fault';
import { Field } from '../ui/Field';
import { ago } from '../ui/time';
import { handing, useSending } from '../ui/useSending';
import { messages } from './messages';
import { Act, Part } from './Part';

type Read = (name: string) => string;
const SESSIONS = 'settings/sessions';

export function Profile() {
  const t = useT(messages);
  const me = useMe();
  const form = useSending();
  const save = (read: Read) =>
    form.send(async () => {
      const profile_info = {
        ...me.profile_info,
        avatar_url: read('avatar') || null,
        bio: read('bio') || null,
      };
      await client.call(client.api.PATCH('/v1/me', { body: { name: read('name'), profile_info } }));
      await loadSession();
      say(t('done'));
    });
  return (
    <>
      <h1>{t('profile')}</h1>
      <Part title={t('who_you_are')}>
        <form className="settings-form" onSubmit={handing(save)}>
          <Field label={t('name')} name="name" defaultValue={me.name} required maxLength={200} />
          <Field
            label={t('avatar')}
            name="avatar"
            type="url"
            defaultValue={me.profile_info.avatar_url ?? ''}
          />
          <Field label={t('bio')} name="bio" defaultValue={me.profile_info.bio ?? ''} />
          <p className="muted small">
            {me.email} · {t(me.email_verified_at ? 'verified' : 'unverified')}
          </p>
          <Fault text={form.fault} />
          <div className="settings-line">
            <button className="button primary" disabled={form.isBusy}>
              {t('save')}
            </button>
            {!me.email_verified_at && <Act label={t('verify')} run={verify} />}
          </div>
        </form>
      </Part>
      <Password />
      <Sessions />
    </>
  );

  async function verify() {
    await client.call(client.api.POST('/v1/me/verify-email'));
    say(t('mailed'));
  }
}

function Password() {
  const t = useT(messages);
  const form = useSending();
  const change = (read: Read) =>
    form.send(async () => {
      const body = { current_password: read('current'), new_password: read('next') };
      await client.call(client.api.POST('/v1/me/password', { body }));
      say(t('done'));
    });
  return (
    <Part title={t('password')} more={t('password_more')}>
      <form className="settings-form" onSubmit={handing(change)}>
        <Field
          label={t('current_password')}
          name="current"
          type="password"
          autoComplete="current-password"
          required
        />
        <Field
          label={t('new_password')}
          name="next"
          type="password"
          autoComplete="new-password"
          minLength={8}
          required
        />
        <Fault text={form.fault} />
        <div>
          <button className="button" disabled={form.isBusy}>
            {t('change')}
          </button>
        </div>
      </form>
    </Part>
  );
}

function Sessions() {
  const t = useT(messages);
  const language = useLanguage();
  const { data } = useResource(SESSIONS, () => client.call(client.api.GET('/v1/me/sessions')));
  const end = async (session_id: string) => {
    await client.call(
      client.api.DELETE('/v1/me/sessions/{session_id}', { params: { path: { session_id } } }),
    );
    await refresh(SESSIONS);
  };
  return (
    <Part title={t('sessions')} more={t('sessions_more')}>
      <ul className="rows">
        {data?.items.map((session) => (
          <li key={session.id}>
            <span className="grow">
              {session.user_agent || session.address}
              <span className="muted small"> · {ago(session.last_used_at, language)}</span>
            </span>
            {session.is_current ? (
              <span className="tag">{t('this_one')}</span>
            ) : (
              <Act label={t('end')} isDangerous run={() => end(session.id)} />
            )}
          </li>
        ))}
      </ul>
    </Part>
  );
}
