// The workspace itself: its name, and leaving it.
import { useMe } from '../client';
import { client } from '../connection';
import { useT } from '../i18n';
import { isManager, type Workspace } from '../model';
import { refresh } from '../resource';
import { navigate } from '../router';
import { say } from '../toasts';
import { Fault } from '../ui/Fault';
import { Field } from '../ui/Field';
import { handing, useSending } from '../ui/useSending';
import { keys } from '../workspace';
import { messages } from './messages';
import { Act, Part } from './Part';

export function General({ workspace }: { workspace: Workspace }) {
  const t = useT(messages);
  const me = useMe();
  const form = useSending();
  const path = { workspace_id: workspace.id };
  const rename = (read: (name: string) => string) =>
    form.send(async () => {
      const body = { name: read('name') };
      await client.call(client.api.PATCH('/v1/workspaces/{workspace_id}', { params: { path }, body }));
      await refresh(keys.workspaces);
      say(t('done'));
    });
  const gone = async () => {
    navigate('/');
    await refresh(keys.workspaces);
  };
  const leave = async () => {
    const params = { path: { ...path, user_id: me.id } };
    await client.call(client.api.DELETE('/v1/workspaces/{workspace_id}/members/{user_id}', { params }));
    await gone();
  };
  const destroy = async () => {
    await client.call(client.api.DELETE('/v1/workspaces/{workspace_id}', { params: { path } }));
    await gone();
  };
  return (
    <>
      <h1>{t('general')}</h1>
      {isManager(workspace.role) && (
        <Part title={t('workspace_name')}>
          <form className="settings-form" onSubmit={handing(rename)}>
            <Field
              label={t('workspace_name')}
              name="name"
              defaultValue={workspace.name}
              required
              maxLength={200}
            />
            <Fault text={form.fault} />
            <div>
              <button className="button primary" disabled={form.isBusy}>
                {t('save')}
              </button>
            </div>
          </form>
        </Part>
      )}
      {workspace.role === 'owner' ? (
        <Part title={t('delete_workspace')} more={t('delete_workspace_more')}>
          <div>
            <Act
              label={t('delete_workspace')}
              ask={t('delete_workspace_sure', { name: workspace.name })}
              isDangerous
              run={destroy}
            />
          </div>
        </Part>
      ) : (
        <Part title={t('leave')} more={t('leave_more')}>
          <div>
            <Act label={t('leave')} ask={t('leave_sure', { name: workspace.name })} isDangerous run={leave} />
          </div>
        </Part>
      )}
    </>
  );
}
