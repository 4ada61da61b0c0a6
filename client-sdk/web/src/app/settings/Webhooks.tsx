// Addresses elsewhere that are told of what happens in the workspace.
import { useState } from 'react';
import { client } from '../connection';
import { useT } from '../i18n';
import type { Workspace } from '../model';
import { readAll, refresh, useResource } from '../resource';
import { say } from '../toasts';
import { Fault } from '../ui/Fault';
import { Field } from '../ui/Field';
import { handing, useSending } from '../ui/useSending';
import { keys, query } from '../workspace';
import { messages } from './messages';
import { Act, Part, Secret } from './Part';

export function Webhooks({ workspace }: { workspace: Workspace }) {
  const t = useT(messages);
  const form = useSending();
  const [secret, setSecret] = useState('');
  const path = { workspace_id: workspace.id };
  const key = keys.settings(workspace.id, 'webhooks');
  const { data: webhooks = [] } = useResource(key, () =>
    readAll((cursor) =>
      client.call(
        client.api.GET('/v1/workspaces/{workspace_id}/webhooks', {
          params: { path, ...query(cursor).params },
        }),
      ),
    ),
  );
  const add = (read: (name: string) => string) =>
    form.send(async () => {
      const body = {
        url: read('url'),
        event_types: read('types')
          .split(/[\s,]+/)
          .filter(Boolean),
      };
      const made = await client.call(
        client.api.POST('/v1/workspaces/{workspace_id}/webhooks', { params: { path }, body }),
      );
      setSecret(made.secret ?? '');
      await refresh(key);
    });
  const at = (webhook_id: string) => ({ params: { path: { webhook_id } } });
  const act = (work: Promise<unknown>) => work.then(() => refresh(key));
  const test = async (id: string) => {
    await client.call(client.api.POST('/v1/webhooks/{webhook_id}/test', at(id)));
    say(t('test_sent'));
  };
  return (
    <>
      <h1>{t('webhooks')}</h1>
      <Part title={t('new_webhook')} more={t('webhooks_more')}>
        <form onSubmit={handing(add)}>
          <div className="settings-line">
            <Field label={t('url')} name="url" type="url" required />
            <Field label={t('event_types')} name="types" placeholder="page.*, message.posted" />
            <button className="button primary" disabled={form.isBusy}>
              {t('add')}
            </button>
          </div>
          <Fault text={form.fault} />
        </form>
        {secret && <Secret text={secret} />}
      </Part>
      {webhooks.length > 0 && (
        <Part title={t('webhooks')}>
          <ul className="rows">
            {webhooks.map((webhook) => (
              <li key={webhook.id}>
                <span className="grow">
                  {webhook.url}
                  <br />
                  <span className="muted small">{webhook.event_types.join(', ') || t('every_event')}</span>
                </span>
                {webhook.state === 'paused' && (
                  <span className="tag bad">{webhook.paused_reason ?? t('paused')}</span>
                )}
                <Act label={t('test')} run={() => test(webhook.id)} />
                {webhook.state === 'paused' ? (
                  <Act
                    label={t('resume')}
                    run={() =>
                      act(
                        client.call(
                          client.api.POST('/v1/webhooks/{webhook_id}/resume', {
                            ...at(webhook.id),
                            body: {},
                          }),
                        ),
                      )
                    }
                  />
                ) : (
                  <Act
                    label={t('pause')}
                    run={() =>
                      act(client.call(client.api.POST('/v1/webhooks/{webhook_id}/pause', at(webhook.id))))
                    }
                  />
                )}
                <Act
                  label={t('remove')}
                  ask={t('remove_sure', { name: webhook.url })}
                  isDangerous
                  run={() => act(client.call(client.api.DELETE('/v1/webhooks/{webhook_id}', at(webhook.id))))}
                />
              </li>
            ))}
          </ul>
        </Part>
      )}
    </>
  );
}
