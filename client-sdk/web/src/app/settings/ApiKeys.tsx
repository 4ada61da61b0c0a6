// Keys for programs that work in the workspace as oneself.
import { useState } from 'react';
import { client } from '../connection';
import { useLanguage, useT } from '../i18n';
import type { Workspace } from '../model';
import { readAll, refresh, useResource } from '../resource';
import { Fault } from '../ui/Fault';
import { Field } from '../ui/Field';
import { ago } from '../ui/time';
import { handing, useSending } from '../ui/useSending';
import { keys, query } from '../workspace';
import { messages } from './messages';
import { Act, Part, Secret, Select } from './Part';

const READ = '*:read';
const WRITE = '*:write';

export function ApiKeys({ workspace }: { workspace: Workspace }) {
  const t = useT(messages);
  const language = useLanguage();
  const form = useSending();
  const [made, setMade] = useState('');
  const path = { workspace_id: workspace.id };
  const key = keys.settings(workspace.id, 'keys');
  const { data: found = [] } = useResource(key, () =>
    readAll((cursor) =>
      client.call(
        client.api.GET('/v1/workspaces/{workspace_id}/api-keys', {
          params: { path, ...query(cursor).params },
        }),
      ),
    ),
  );
  const make = (read: (name: string) => string) =>
    form.send(async () => {
      const scopes = read('scope') === WRITE ? [READ, WRITE] : [READ];
      const body = { name: read('name'), scopes };
      const answer = await client.call(
        client.api.POST('/v1/workspaces/{workspace_id}/api-keys', { params: { path }, body }),
      );
      setMade(answer.key ?? '');
      await refresh(key);
    });
  const revoke = async (api_key_id: string) => {
    const params = { path: { ...path, api_key_id } };
    await client.call(client.api.DELETE('/v1/workspaces/{workspace_id}/api-keys/{api_key_id}', { params }));
    await refresh(key);
  };
  return (
    <>
      <h1>{t('keys')}</h1>
      <Part title={t('new_key')} more={t('keys_more')}>
        <form onSubmit={handing(make)}>
          <div className="settings-line">
            <Field label={t('key_name')} name="name" required maxLength={200} />
            <Select
              label={t('scope')}
              name="scope"
              value={READ}
              options={[
                [READ, t('scope_read')],
                [WRITE, t('scope_write')],
              ]}
            />
            <button className="button primary" disabled={form.isBusy}>
              {t('make')}
            </button>
          </div>
          <Fault text={form.fault} />
        </form>
        {made && <Secret text={made} />}
      </Part>
      {found.length > 0 && (
        <Part title={t('keys')}>
          <ul className="rows">
            {found.map((each) => (
              <li key={each.id}>
                <span className="grow">
                  {each.name} <span className="muted small">…{each.last_characters}</span>
                </span>
                <span className="tag">{each.scopes.join(', ')}</span>
                <span className="muted small">
                  {each.last_used_at ? ago(each.last_used_at, language) : t('unused')}
                </span>
                <Act
                  label={t('revoke')}
                  ask={t('revoke_sure', { name: each.name })}
                  isDangerous
                  run={() => revoke(each.id)}
                />
              </li>
            ))}
          </ul>
        </Part>
      )}
    </>
  );
}
