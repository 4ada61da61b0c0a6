// What a browser keeps: copies of documents and requests that wait, over reloads, refusals and new epochs.
import 'fake-indexeddb/auto';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type IonfluxClient, UnsavedChangesError, describeStatus, until } from '@ionflux/client';
import { Clients, type Person, ask, isSaved, pageOf, person, reads, status } from './world.ts';

const clients = new Clients();
const keeping = (somebody: Person): IonfluxClient => clients.of(somebody, { offline: true });

await test('what is written offline survives a reload and is sent, also of documents nobody opens', async () => {
  const ann = await person('Ann');
  const before = keeping(ann);
  const [page, other] = [await pageOf(before), await pageOf(before, 'Other')];
  const [live, second] = [before.documents.open(page.document), before.documents.open(other.document)];
  live.doc.getText('t').insert(0, 'online');
  await Promise.all([status(live, isSaved), second.synced]);

  await ask('kill');
  await status(live, (one) => one.kind === 'offline');
  live.doc.getText('t').insert(6, ', then offline');
  live.doc.getText('t').insert(0, '> ');
  second.doc.getText('t').insert(0, 'second');
  // Said once they are written, which is not before this turn is over.
  assert.equal(describeStatus(live.status.get()), 'offline');
  const kept = await status(live, (one) => one.unsaved === 2);
  assert.equal(describeStatus(kept), 'offline, 2 changes kept here');
  await before.outbox.add('patch', '/v1/pages/{page_id}', {
    params: { path: { page_id: page.id } },
    body: { title: 'Written offline' },
  });
  await before.close();

  const after = keeping(ann);
  const again = after.documents.open(page.document);
  await again.ready;
  assert.equal(again.doc.getText('t').toJSON(), '> online, then offline');
  assert.equal((await status(again, (one) => one.unsaved > 0)).unsaved, 2);
  assert.equal((await until(after.outbox.status, (one) => one.waiting.length > 0)).waiting.length, 1);

  await ask('start');
  await status(again, isSaved);
  after.outbox.retry();
  await until(after.outbox.status, (one) => one.waiting.length === 0);
  const elsewhere = clients.of(ann);
  await reads(elsewhere.documents.open(page.document), '> online, then offline');
  await reads(elsewhere.documents.open(other.document), 'second');
  const params = { path: { page_id: page.id } };
  const read = await elsewhere.call(elsewhere.api.GET('/v1/pages/{page_id}', { params }));
  assert.equal(read.title, 'Written offline');
});

await test('a copy of an earlier epoch is set aside with what only it holds, and never merged', async () => {
  const ann = await person('Ann');
  const client = keeping(ann);
  const page = await pageOf(client);
  const live = client.documents.open(page.document);
  live.doc.getText('t').insert(0, 'of old');
  await status(live, isSaved);
  await ask('kill');
  await status(live, (one) => one.kind === 'offline');
  live.doc.getText('t').insert(6, ', unsaved');
  await ask('reset', { document: page.document });
  await ask('start');

  const refused = await status(live, (one) => one.kind === 'refused');
  assert.equal(refused.code, 'epoch_ended');
  assert.match(describeStatus(refused), /^refused: The document has begun anew.*\(1 change kept here\)$/);
  const aside = client.documents.setAside;
  assert.ok(aside);
  const [copy] = await until(aside, (copies) => copies.length > 0);
  assert.equal(copy?.unsaved, 1);
  assert.equal(copy.document, page.document);
  live.release();

  const anew = client.documents.open(page.document);
  assert.notEqual(anew, live);
  await anew.synced;
  assert.equal(anew.doc.getText('t').toJSON(), '');
  const held = await client.documents.readCopy(copy);
  assert.equal(held.getText('t').toJSON(), 'of old, unsaved');
  await client.documents.discardSetAside(copy);
  assert.deepEqual(aside.get(), []);
});

await test('who is sent away hears why and keeps their words, which are taken once they are back', async () => {
  const owner = clients.of(await person('Olga'));
  const page = await pageOf(owner);
  const member = await person('Max');
  const params = { path: { workspace_id: page.workspace_id } };
  const invite = (): Promise<unknown> =>
    owner.call(
      owner.api.POST('/v1/workspaces/{workspace_id}/members', {
        params,
        body: { email: member.email, role: 'member' },
      }),
    );
  await invite();
  const client = keeping(member);
  const live = client.documents.open(page.document);
  live.doc.getText('t').insert(0, 'mine');
  await status(live, isSaved);
  await owner.call(
    owner.api.DELETE('/v1/workspaces/{workspace_id}/members/{user_id}', {
      params: { path: { ...params.path, user_id: member.id } },
    }),
  );
  await status(live, (one) => one.kind === 'refused');
  live.doc.getText('t').insert(4, ', too');
  assert.equal(
    describeStatus(live.status.get()),
    'refused: There is no such document, or you may not read it. (1 change kept here)',
  );
  await client.close();

  const back = keeping(member);
  const again = back.documents.open(page.document);
  await again.ready;
  await status(again, (one) => one.kind === 'refused');
  assert.equal(again.doc.getText('t').toJSON(), 'mine, too');
  await assert.rejects(back.documents.forgetCopies(), UnsavedChangesError);
  const third = keeping(member).documents.open(page.document);
  await status(third, (one) => one.kind === 'refused');
  await invite();
  third.retry();
  await status(third, isSaved);
  await reads(owner.documents.open(page.document), 'mine, too');
});

await test('a request that is refused stays in sight with the reason, and holds up nothing', async () => {
  const ann = keeping(await person('Ann'));
  const page = await pageOf(ann);
  const params = { path: { page_id: '00000000-0000-7000-8000-000000000000' } };
  const wrong = await ann.outbox.add('patch', '/v1/pages/{page_id}', { params, body: { title: 'Nowhere' } });
  await ann.outbox.add('patch', '/v1/pages/{page_id}', {
    params: { path: { page_id: page.id } },
    body: { title: 'Somewhere' },
  });
  const { refused } = await until(ann.outbox.status, (one) => one.waiting.length === 0);
  assert.deepEqual(
    refused.map((entry) => [entry.id, entry.refusal?.status]),
    [[wrong.id, 404]],
  );
  await ann.outbox.discard(wrong.id);
  assert.deepEqual(ann.outbox.status.get().refused, []);
});

await clients.close();
