// Requests with their types and refusals, presence, and runs of agents.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiProblem, type IonfluxClient, type Run, type RunMessage, everyItem, until } from '@ionflux/client';
import { Clients, type Page, ask, pageOf, person } from './world.ts';

const clients = new Clients();

await test('an operation answers with its type, and a refusal is an error with a code', async () => {
  const ann = clients.of(await person('Ann'));
  const page = await pageOf(ann);
  const params = { path: { workspace_id: page.workspace_id } };
  for (const title of ['Second', 'Third']) {
    await ann.call(ann.api.POST('/v1/workspaces/{workspace_id}/pages', { params, body: { title } }));
  }
  const titles: string[] = [];
  const pages = everyItem((cursor) => {
    const query = { limit: 2, ...(cursor !== undefined && { cursor }) };
    return ann.call(ann.api.GET('/v1/workspaces/{workspace_id}/pages', { params: { ...params, query } }));
  });
  for await (const { title } of pages) titles.push(title);
  assert.deepEqual(titles.sort(), ['Plan', 'Second', 'Third']);

  const misfit = { params, body: { title: 5 as unknown as string } };
  const refused = ann.call(ann.api.POST('/v1/workspaces/{workspace_id}/pages', misfit));
  await assert.rejects(refused, /The body does not fit: title: Expected `str`/);

  const stranger = clients.of(await person('Bob'));
  const refusal = stranger.call(
    stranger.api.GET('/v1/pages/{page_id}', { params: { path: { page_id: page.id } } }),
  );
  await assert.rejects(refusal, (error: unknown) => {
    assert.ok(error instanceof ApiProblem);
    assert.deepEqual([error.status, error.code, error.isTemporary], [404, 'not_found', false]);
    return true;
  });
});

await test('who is here is told with the name that the server vouches for', async () => {
  const somebody = await person('Ann');
  const ann = clients.of(somebody);
  const page = await pageOf(ann);
  const here = ann.documents.open(page.document);
  const there = clients.of(somebody).documents.open(page.document);
  await Promise.all([here.synced, there.synced]);
  there.presence.show('user', { name: 'Somebody else' });
  there.presence.show('cursor', 7);
  const others = await until(here.presence, (present) => present[0]?.fields.cursor === 7);
  assert.deepEqual(
    others.map(({ user }) => [user.name, user.kind, user.id]),
    [['Ann', 'user', `user:${somebody.id}`]],
  );
  there.release();
});

/** Makes an agent that speaks with the stand-in for a model. */
async function agentOf(client: IonfluxClient, page: Page, config = ''): Promise<string> {
  const params = { path: { workspace_id: page.workspace_id } };
  const provider = await ask<{ name: string; base_url: string }>('provider');
  await client.call(
    client.api.POST('/v1/workspaces/{workspace_id}/llm-providers', { params, body: provider }),
  );
  const body = await ask<{ name: string; agent_definition_id: string; yaml_config: string }>('agent', {
    config,
  });
  const agent = await client.call(client.api.POST('/v1/workspaces/{workspace_id}/agents', { params, body }));
  return agent.id;
}

await test('a run is started, watched to its end and undone', async () => {
  const ann = clients.of(await person('Ann'));
  const page = await pageOf(ann);
  const agentId = await agentOf(ann, page);
  const call = { name: 'create_page', arguments: { title: 'Made by a run' } };
  await ask('answer', { words: 'make a page', response: { toolCalls: [call] }, has_result: false });
  await ask('answer', { words: 'make a page', response: { content: 'I made it.' }, has_result: true });
  const inputs = { campaign_brief: 'Summer' };
  const { run_id } = await ann.runs.start(agentId, { prompt: 'make a page', inputs, place: page.document });

  const told: RunMessage[] = [];
  for await (const message of ann.runs.watch(run_id)) told.push(message);
  const steps = told.flatMap((message) => (message.type === 'step' ? [message.step.step] : []));
  assert.equal(new Set(steps).size, steps.length);
  assert.ok(steps.includes('answer'));
  const last = told.at(-1);
  assert.ok(last?.type === 'run');
  assert.deepEqual([last.run.status, last.run.output_preview], ['success', 'I made it.']);
  const undone = await ann.runs.undo(run_id);
  assert.equal(undone.run_id, run_id);
});

await test('a run that asks first goes on with what one says', async () => {
  const ann = clients.of(await person('Ann'));
  const page = await pageOf(ann);
  const agentId = await agentOf(ann, page, 'tools: {approval: {create_page: ask}}\n');
  const call = { name: 'create_page', arguments: { title: 'Asked for' } };
  await ask('answer', { words: 'ask me first', response: { toolCalls: [call] }, has_result: false });
  await ask('answer', { words: 'ask me first', response: { content: 'Well.' }, has_result: true });
  const inputs = { campaign_brief: 'Summer' };
  const start = async (): Promise<Run> =>
    ann.runs.start(agentId, { prompt: 'ask me first', inputs, place: page.document });
  const titles = async (): Promise<string[]> => {
    const params = { path: { workspace_id: page.workspace_id } };
    const { items } = await ann.call(ann.api.GET('/v1/workspaces/{workspace_id}/pages', { params }));
    return items.map(({ title }) => title).sort();
  };
  for (const [answer, expected] of [
    ['reject', ['Plan']],
    ['approve', ['Asked for', 'Plan']],
  ] as const) {
    const { run_id } = await start();
    let status = '';
    for await (const message of ann.runs.watch(run_id)) {
      if (message.type !== 'run') continue;
      status = message.run.status;
      const waiting = message.run.waiting_for;
      if (waiting) await ann.runs[answer](run_id, waiting.step);
    }
    assert.equal(status, 'success');
    assert.deepEqual(await titles(), expected);
  }
});

await test('a run that lasts is cancelled', async () => {
  const ann = clients.of(await person('Ann'));
  const page = await pageOf(ann);
  const agentId = await agentOf(ann, page);
  await ask('answer', { words: 'wait for ever', response: { content: 'Never heard' }, latency: 3_600_000 });
  const inputs = { campaign_brief: 'Summer' };
  const run: Run = await ann.runs.start(agentId, { prompt: 'wait for ever', inputs, place: page.document });
  await ann.runs.cancel(run.run_id);
  let status = '';
  for await (const message of ann.runs.watch(run.run_id)) {
    if (message.type === 'run') status = message.run.status;
  }
  assert.equal(status, 'cancelled');
});

await clients.close();
