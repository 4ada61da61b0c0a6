// Live documents of one client and of several, against a server that is killed and comes back.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeStatus } from '@ionflux/client';
import { Clients, ask, isSaved, pageOf, person, reads, status } from './world.ts';

const clients = new Clients();

await test('two clients converge, and each hears when it is saved', async () => {
  const ann = await person('Ann');
  const first = clients.of(ann);
  const page = await pageOf(first);
  const one = first.documents.open(page.document);
  const other = clients.of(ann).documents.open(page.document);
  await Promise.all([one.synced, other.synced]);

  one.doc.getText('t').insert(0, 'Hello');
  assert.equal(one.status.get().kind, 'saving');
  assert.equal(one.status.get().unsaved, 1);
  await reads(other, 'Hello');
  other.doc.getText('t').insert(5, ' Ann');
  await reads(one, 'Hello Ann');
  const saved = await status(one, isSaved);
  assert.equal(describeStatus(saved), `saved on ${new URL(process.env.IONFLUX_URL ?? '').host}`);
  await status(other, isSaved);
});

await test('a document is one object for all who open it, and all documents share one socket', async () => {
  let sockets = 0;
  class Counted extends WebSocket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols);
      sockets += 1;
    }
  }
  const ann = clients.of(await person('Ann'), { webSocket: Counted });
  const [page, another] = [await pageOf(ann), await pageOf(ann, 'Another')];
  const live = ann.documents.open(page.document);
  assert.equal(ann.documents.open(page.document), live);
  await Promise.all([live.synced, ann.documents.open(another.document).synced]);
  assert.equal(sockets, 1);
});

await test('nothing is called saved before its commit, and nothing of that is lost with the server', async () => {
  const ann = await person('Ann');
  const client = clients.of(ann);
  const page = await pageOf(client);
  const live = client.documents.open(page.document);
  await live.synced;
  let saved = '';
  const text = live.doc.getText('t');
  live.status.subscribe(() => {
    if (live.status.get().kind === 'saved') saved = text.toJSON();
  });
  text.insert(0, 'kept');
  await status(live, isSaved);
  for (const letter of 'abcdefgh') text.insert(text.length, letter);
  await ask('kill');
  await status(live, (one) => one.kind === 'offline');
  assert.ok(saved.startsWith('kept'));
  const whenKilled = saved;
  text.insert(text.length, '!');
  assert.equal(client.connection.get().kind, 'offline');
  assert.match(describeStatus(live.status.get()), /^offline, \d+ changes? kept in this page only$/);

  await ask('start');
  await status(live, isSaved);
  const fresh = clients.of(ann).documents.open(page.document);
  await fresh.synced;
  assert.ok(fresh.doc.getText('t').toJSON().startsWith(whenKilled));
  assert.equal(fresh.doc.getText('t').toJSON(), 'keptabcdefgh!');
});

await clients.close();
