// Who is in the workspace, and who was invited.
import { useMe } from '../client';
import { client } from '../connection';
import { useT } from '../i18n';
import { isManager, type Member, type Role, type Workspace } from '../model';
import { readAll, refresh, useResource } from '../resource';
import { say } from '../toasts';
import { Avatar } from '../ui/Avatar';
import { Fault } from '../ui/Fault';
import { Field } from '../ui/Field';
import { handing, useSending } from '../ui/useSending';
import { keys, query, useMembers } from '../workspace';
import { messages } from './messages';
import { Act, Part, Select } from './Part';

const ROLES = ['admin', 'member', 'guest'] as const;

export function Members({ workspace }: { workspace: Workspace }) {
  const t = useT(messages);
  const { data: members = [] } = useMembers(workspace.id);
  const canManage = isManager(workspace.role);
  return (
    <>
      <h1>{t('members')}</h1>
      {canManage && <Invitations workspaceId={workspace.id} />}
      <Part title={t('people', { count: members.length })}>
        <ul className="rows">
          {members.map((member) => (
            <MemberRow
              key={member.user_id}
              member={member}
              workspaceId={workspace.id}
              canManage={canManage}
            />
          ))}
        </ul>
      </Part>
    </>
  );
}

function MemberRow(props: { member: Member; workspaceId: string; canManage: boolean }) {
  const { member, workspaceId, canManage } = props;
  const t = useT(messages);
  const me = useMe();
  const params = { path: { workspace_id: workspaceId, user_id: member.user_id } };
  const change = async (role: Role) => {
    await client.call(
      client.api.PATCH('/v1/workspaces/{workspace_id}/members/{user_id}', { params, body: { role } }),
    );
    await refresh(keys.members(workspaceId));
  };
  const remove = async () => {
    await client.call(client.api.DELETE('/v1/workspaces/{workspace_id}/members/{user_id}', { params }));
    await refresh(keys.members(workspaceId));
  };
  const isFixed = !canManage || member.role === 'owner' || member.user_id === me.id;
  return (
    <li>
      <Avatar id={member.user_id} name={member.name} url={member.avatar_url} size={28} />
      <span className="grow">
        {member.name}
        <br />
        <span className="muted small">{member.email}</span>
      </span>
      {isFixed ? (
        <span className="tag">{t(`role_${member.role}`)}</span>
      ) : (
        <>
          <Select<Role>
            label={t('role_of', { name: member.name })}
            isLabelHidden
            value={member.role}
            options={ROLES.map((role) => [role, t(`role_${role}`)])}
            onChoose={(role) => void change(role)}
          />
          <Act label={t('remove')} ask={t('remove_sure', { name: member.name })} isDangerous run={remove} />
        </>
      )}
    </li>
  );
}

function Invitations({ workspaceId }: { workspaceId: string }) {
  const t = useT(messages);
  const form = useSending();
  const path = { workspace_id: workspaceId };
  const key = keys.settings(workspaceId, 'members');
  const { data: invitations = [] } = useResource(key, () =>
    readAll((cursor) =>
      client.call(
        client.api.GET('/v1/workspaces/{workspace_id}/invitations', {
          params: { path, ...query(cursor).params },
        }),
      ),
    ),
  );
  const invite = (read: (name: string) => string) =>
    form.send(async () => {
      const body = { email: read('email'), role: read('role') as Role };
      await client.call(
        client.api.POST('/v1/workspaces/{workspace_id}/invitations', { params: { path }, body }),
      );
      say(t('invited', { email: body.email }));
      await refresh(key);
    });
  const at = (invitation_id: string) => ({ params: { path: { ...path, invitation_id } } });
  const resend = async (id: string) => {
    await client.call(
      client.api.POST('/v1/workspaces/{workspace_id}/invitations/{invitation_id}/resend', at(id)),
    );
    say(t('mailed'));
  };
  const revoke = async (id: string) => {
    await client.call(client.api.DELETE('/v1/workspaces/{workspace_id}/invitations/{invitation_id}', at(id)));
    await refresh(key);
  };
  return (
    <Part title={t('invite')} more={t('invite_more')}>
      <form onSubmit={handing(invite)}>
        <div className="settings-line">
          <Field label={t('email')} name="email" type="email" required />
          <Select<Role>
            label={t('role')}
            name="role"
            value="member"
            options={ROLES.map((role) => [role, t(`role_${role}`)])}
          />
          <button className="button primary" disabled={form.isBusy}>
            {t('invite_send')}
          </button>
        </div>
        <Fault text={form.fault} />
      </form>
      {invitations.length > 0 && (
        <ul className="rows">
          {invitations.map((invitation) => (
            <li key={invitation.id}>
              <span className="grow">{invitation.email}</span>
              <span className="tag">{t(`role_${invitation.role}`)}</span>
              <Act label={t('resend')} run={() => resend(invitation.id)} />
              <Act label={t('revoke')} isDangerous run={() => revoke(invitation.id)} />
            </li>
          ))}
        </ul>
      )}
    </Part>
  );
}
