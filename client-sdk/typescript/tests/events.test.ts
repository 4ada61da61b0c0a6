// What happens in a workspace, told as it happens: one thing after another, and over the end of a server.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { type IonfluxClient, type WorkspaceEvent } from '@ionflux/client';
import { Clients, type Page, ask, pageOf, person } from './world.ts';

/** Less than the time after which a stream looks by itself, without having been told of anything. */
const SOON_SECONDS = 12;

const clients = new Clients();

/** Does what there are events of, in a workspace of its own. */
class Studio {
  readonly #client: IonfluxClient;
  readonly #params: { path: { workspace_id: string } };

  constructor(client: IonfluxClient, page: Page) {
    this.#client = client;
    this.#params = { path: { workspace_id: page.workspace_id } };
  }

  readonly makePage = async (title: string): Promise<void> => {
    const options = { params: this.#params, body: { title } };
    await this.#client.call(this.#client.api.POST('/v1/workspaces/{workspace_id}/pages', options));
  };

  /** Nobody but those who look at all that happens takes note of this. */
  readonly rename = async (name: string): Promise<void> => {
    const options = { params: this.#params, body: { name } };
    await this.#client.call(this.#client.api.PATCH('/v1/workspaces/{workspace_id}', options));
  };
}

/** Takes the next events; fails when they do not come soon. */
async function take(events: AsyncGenerator<WorkspaceEvent>, count: number): Promise<WorkspaceEvent[]> {
  const taken: WorkspaceEvent[] = [];
  const late = new AbortController();
  const isLate = setTimeout(SOON_SECONDS * 1000, 'late', { signal: late.signal }).catch(() => 'in time');
  while (taken.length < count) {
    const next = await Promise.race([events.next(), isLate]);
    if (typeof next === 'string') throw new Error(`in time there were only ${JSON.stringify(taken)}`);
    assert.ok(!next.done, 'the stream goes on');
    taken.push(next.value);
  }
  late.abort();
  return taken;
}

/** Returns what sends requests, and when the first stream has begun to answer. */
function watched(): { fetch: typeof globalThis.fetch; isOpen: Promise<void> } {
  let open: () => void;
  const isOpen = new Promise<void>((resolve) => {
    open = resolve;
  });
  const fetch = async (...request: Parameters<typeof globalThis.fetch>): Promise<Response> => {
    const response = await globalThis.fetch(...request);
    if (!response.body || !response.headers.get('content-type')?.startsWith('text/event-stream'))
      return response;
    const [copy, body] = response.body.tee();
    void copy.getReader().read().then(open);
    return new Response(body, response);
  };
  return { fetch, isOpen };
}

const told = (events: readonly WorkspaceEvent[]): string[] =>
  events.map(({ type, payload }) => `${type} ${String(payload.title)}`);

await test('event after event comes soon, also many at once and what nobody else follows', async () => {
  const ann = clients.of(await person('Ann'));
  const page = await pageOf(ann);
  const studio = new Studio(ann, page);
  const stop = new AbortController();
  const events = ann.events(page.workspace_id, { after: 0, signal: stop.signal });
  const past = await take(events, 1);
  while (past.at(-1)?.type !== 'page.created') past.push(...(await take(events, 1)));

  for (const title of ['First', 'Second', 'Third']) {
    await studio.makePage(title);
    past.push(...(await take(events, 1)));
    assert.deepEqual(told(past.slice(-1)), [`page.created ${title}`]);
  }
  await studio.rename('Office');
  past.push(...(await take(events, 1)));
  assert.equal(past.at(-1)?.type, 'workspace.updated');
  const many = ['a', 'b', 'c', 'd', 'e'];
  await Promise.all(many.map(studio.makePage));
  const atOnce = await take(events, many.length);
  assert.deepEqual(
    told(atOnce).sort(),
    many.map((title) => `page.created ${title}`),
  );
  const positions = [...past, ...atOnce].map(({ position }) => position);
  assert.deepEqual(
    positions,
    positions.map((_, index) => index + 1),
  );

  stop.abort();
  assert.equal((await events.next()).done, true);
  const stranger = clients.of(await person('Bob'));
  await assert.rejects(stranger.events(page.workspace_id).next(), { name: 'ApiProblem', status: 404 });
});

await test('over the end of a server none is left out and none comes twice, not even before the first', async () => {
  const somebody = await person('Ann');
  const ann = clients.of(somebody);
  const page = await pageOf(ann);
  const studio = new Studio(ann, page);
  const types = ['page.created'];
  const { fetch, isOpen } = watched();
  const there = clients.of(somebody, { fetch });
  const all = ann.events(page.workspace_id, { after: 0, types });
  const [plan] = await take(all, 1);
  assert.ok(plan);
  const fromNow = there.events(page.workspace_id, { types });
  const firstFromNow = fromNow.next();
  await isOpen;

  await ask('kill');
  await ask('start');
  await studio.makePage('Afterwards');
  assert.deepEqual(told(await take(all, 1)), ['page.created Afterwards']);
  const first = await firstFromNow;
  assert.deepEqual(told(first.done ? [] : [first.value]), ['page.created Afterwards']);
  await studio.makePage('Again');
  assert.deepEqual(told(await take(all, 1)), ['page.created Again']);
  assert.deepEqual(told(await take(fromNow, 1)), ['page.created Again']);

  await ann.close();
  assert.equal((await all.next()).done, true);
});

await clients.close();
