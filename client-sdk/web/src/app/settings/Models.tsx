// Language models: providers with keys of one's own, what they cost this month, and how much they may.
import { client } from '../connection';
import { useLanguage, useT } from '../i18n';
import type { Workspace } from '../model';
import { refresh, useResource } from '../resource';
import { say } from '../toasts';
import { Fault } from '../ui/Fault';
import { Field } from '../ui/Field';
import { handing, useSending } from '../ui/useSending';
import { keys } from '../workspace';
import { messages } from './messages';
import { Act, Part, Select } from './Part';

type Read = (name: string) => string;
const KINDS = ['openai', 'anthropic', 'google', 'mistral', 'groq', 'openrouter', 'ollama', 'custom'] as const;
const SCOPES = ['workspace', 'user', 'run'] as const;

export function Models({ workspace }: { workspace: Workspace }) {
  const t = useT(messages);
  return (
    <>
      <h1>{t('models')}</h1>
      <Providers workspaceId={workspace.id} />
      <Usage workspaceId={workspace.id} />
      <Budgets workspaceId={workspace.id} />
    </>
  );
}

function Providers({ workspaceId }: { workspaceId: string }) {
  const t = useT(messages);
  const form = useSending();
  const path = { workspace_id: workspaceId };
  const key = `${keys.settings(workspaceId, 'models')}/providers`;
  const { data } = useResource(key, () =>
    client.call(client.api.GET('/v1/workspaces/{workspace_id}/llm-providers', { params: { path } })),
  );
  const { data: models } = useResource(`${keys.settings(workspaceId, 'models')}/all`, () =>
    client.call(client.api.GET('/v1/workspaces/{workspace_id}/llm-models', { params: { path } })),
  );
  const add = (read: Read) =>
    form.send(async () => {
      const body = {
        name: read('name'),
        kind: read('kind'),
        api_key: read('api_key') || null,
        base_url: read('base_url') || null,
      };
      await client.call(
        client.api.POST('/v1/workspaces/{workspace_id}/llm-providers', { params: { path }, body }),
      );
      await refresh(keys.settings(workspaceId, 'models'));
    });
  const at = (llm_provider_id: string) => ({ path: { llm_provider_id } });
  const test = async (id: string) => {
    await client.call(
      client.api.POST('/v1/llm-providers/{llm_provider_id}/test', { params: at(id), body: {} }),
    );
    say(t('works'));
  };
  const remove = async (id: string) => {
    await client.call(client.api.DELETE('/v1/llm-providers/{llm_provider_id}', { params: at(id) }));
    await refresh(keys.settings(workspaceId, 'models'));
  };
  const hasBuiltIn = models?.items.some((model) => model.is_built_in);
  return (
    <Part title={t('providers')} more={t(hasBuiltIn ? 'providers_built_in' : 'providers_more')}>
      {data && data.items.length > 0 && (
        <ul className="rows">
          {data.items.map((provider) => (
            <li key={provider.id}>
              <span className="grow">
                {provider.name}
                <span className="muted small"> · {provider.base_url}</span>
              </span>
              {!provider.is_enabled && <span className="tag bad">{t('off')}</span>}
              <Act label={t('test')} run={() => test(provider.id)} />
              <Act
                label={t('remove')}
                ask={t('remove_sure', { name: provider.name })}
                isDangerous
                run={() => remove(provider.id)}
              />
            </li>
          ))}
        </ul>
      )}
      <form onSubmit={handing(add)}>
        <div className="settings-line">
          <Field label={t('provider_name')} name="name" required maxLength={64} />
          <Select label={t('kind')} name="kind" value="openai" options={KINDS.map((kind) => [kind, kind])} />
          <Field label={t('api_key')} name="api_key" type="password" autoComplete="off" />
          <Field label={t('base_url')} name="base_url" type="url" />
          <button className="button primary" disabled={form.isBusy}>
            {t('add')}
          </button>
        </div>
        <Fault text={form.fault} />
      </form>
    </Part>
  );
}

function Usage({ workspaceId }: { workspaceId: string }) {
  const t = useT(messages);
  const language = useLanguage();
  const path = { workspace_id: workspaceId };
  const { data } = useResource(`${keys.settings(workspaceId, 'models')}/usage`, () =>
    client.call(client.api.GET('/v1/workspaces/{workspace_id}/llm-usage', { params: { path } })),
  );
  if (!data) return null;
  const tokens = (data.input_tokens + data.output_tokens).toLocaleString(language);
  return (
    <Part title={t('usage')}>
      <p>
        {t('usage_line', {
          calls: data.calls.toLocaleString(language),
          tokens,
          cost: dollars(data.cost_usd, language),
        })}
      </p>
      {data.lines.length > 0 && (
        <ul className="rows">
          {data.lines.map((line, index) => (
            <li key={index}>
              <span className="grow">
                {line.provider} · {line.model}
              </span>
              <span className="muted small">{dollars(line.cost_usd, language)}</span>
            </li>
          ))}
        </ul>
      )}
    </Part>
  );
}

function Budgets({ workspaceId }: { workspaceId: string }) {
  const t = useT(messages);
  const language = useLanguage();
  const form = useSending();
  const path = { workspace_id: workspaceId };
  const key = `${keys.settings(workspaceId, 'models')}/budgets`;
  const { data } = useResource(key, () =>
    client.call(client.api.GET('/v1/workspaces/{workspace_id}/llm-budgets', { params: { path } })),
  );
  const set = (read: Read) =>
    form.send(async () => {
      const body = { scope: read('scope') as (typeof SCOPES)[number], limit_usd: Number(read('limit')) };
      await client.call(
        client.api.PUT('/v1/workspaces/{workspace_id}/llm-budgets', { params: { path }, body }),
      );
      await refresh(key);
    });
  const remove = async (llm_budget_id: string) => {
    await client.call(
      client.api.DELETE('/v1/llm-budgets/{llm_budget_id}', { params: { path: { llm_budget_id } } }),
    );
    await refresh(key);
  };
  return (
    <Part title={t('budgets')} more={t('budgets_more')}>
      {data && data.items.length > 0 && (
        <ul className="rows">
          {data.items.map((budget) => (
            <li key={budget.id}>
              <span className="grow">{t(`budget_${budget.scope}`)}</span>
              {budget.is_exhausted && <span className="tag bad">{t('exhausted')}</span>}
              <span>
                {budget.limit_usd === null ? budget.limit_tokens : dollars(budget.limit_usd, language)}
              </span>
              <Act label={t('remove')} isDangerous run={() => remove(budget.id)} />
            </li>
          ))}
        </ul>
      )}
      <form onSubmit={handing(set)}>
        <div className="settings-line">
          <Select
            label={t('budget')}
            name="scope"
            value="workspace"
            options={SCOPES.map((scope) => [scope, t(`budget_${scope}`)])}
          />
          <Field label={t('limit')} name="limit" type="number" min="0" step="0.01" required />
          <button className="button primary" disabled={form.isBusy}>
            {t('set')}
          </button>
        </div>
        <Fault text={form.fault} />
      </form>
    </Part>
  );
}

function dollars(amount: number, language: string): string {
  return amount.toLocaleString(language, { style: 'currency', currency: 'USD', maximumFractionDigits: 4 });
}
