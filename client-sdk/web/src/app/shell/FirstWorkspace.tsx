// For those who are in no workspace yet, or want another: make one.
import { client, signOut } from '../connection';
import { useT } from '../i18n';
import { messages } from '../messages';
import { refresh } from '../resource';
import { navigate, paths } from '../router';
import { Fault } from '../ui/Fault';
import { Field } from '../ui/Field';
import { handing, useSending } from '../ui/useSending';
import { keys } from '../workspace';

export function FirstWorkspace({ isFirst, onDone }: { isFirst: boolean; onDone: () => void }) {
  const t = useT(messages);
  const { isBusy, fault, send } = useSending();
  const make = (read: (name: string) => string) =>
    send(async () => {
      const body = { name: read('name') };
      const workspace = await client.call(client.api.POST('/v1/workspaces', { body }));
      await refresh(keys.workspaces);
      navigate(paths.home(workspace.id), isFirst ? 'replace' : 'push');
      onDone();
    });
  return (
    <main className="notice">
      <h1>{t(isFirst ? 'no_workspace' : 'new_workspace')}</h1>
      <p className="muted">{t('no_workspace_more')}</p>
      <form className="first-workspace" onSubmit={handing(make)}>
        <Field label={t('workspace_name')} name="name" required maxLength={200} autoFocus />
        <Fault text={fault} />
        <button className="button primary large wide" disabled={isBusy}>
          {t('create')}
        </button>
        <button
          type="button"
          className="button plain"
          onClick={() => {
            if (isFirst) void signOut();
            else onDone();
          }}
        >
          {t(isFirst ? 'sign_out' : 'cancel')}
        </button>
      </form>
    </main>
  );
}
