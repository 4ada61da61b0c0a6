// Signing in, staying signed in, and what happens when that ends.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type TokenPair, apiKey, tokens, until } from '@ionflux/client';
import { Clients, ask, isSaved, pageOf, person, reads, status } from './world.ts';

const clients = new Clients();

await test('a token that ends is renewed inside the connection, once for all documents', async () => {
  let sockets = 0;
  class Counted extends WebSocket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols);
      sockets += 1;
    }
  }
  const ann = await person('Ann');
  const page = await pageOf(clients.of(ann));
  // The server asks for another a minute before the end: a few seconds from now.
  const access = await ask<string>('token', { user: ann.id, access: ann.access, seconds: 63 });
  const pairs: TokenPair[] = [];
  const renewed = new Promise<void>((resolve) => {
    const auth = tokens({
      ...{ access, refresh: ann.refresh },
      onChange: (pair) => {
        pairs.push(pair);
        resolve();
      },
    });
    const client = clients.of(ann, { auth, webSocket: Counted });
    const live = client.documents.open(page.document);
    client.documents.open(`inbox:${ann.id}`);
    void live.synced.then(() => {
      live.doc.getText('t').insert(0, 'before');
    });
  });
  await renewed;
  const reader = clients.of(ann, { auth: tokens({ access: pairs[0]?.access ?? '' }) });
  await reads(reader.documents.open(page.document), 'before');
  assert.equal(pairs.length, 1);
  assert.equal(sockets, 1);
});

await test('a session that ends says so, keeps what was written, and goes on after signing in', async () => {
  const ann = await person('Ann');
  const page = await pageOf(clients.of(ann));
  const access = await ask<string>('token', { user: ann.id, access: ann.access, seconds: -5 });
  const client = clients.of(ann, { auth: tokens({ access }) });
  const live = client.documents.open(page.document);
  live.doc.getText('t').insert(0, 'meanwhile');
  const refused = await status(live, (one) => one.kind === 'refused');
  assert.equal(refused.code, 'credential_refused');
  assert.equal(refused.unsaved, 1);
  await until(client.session, (state) => state === 'ended');

  const body = { email: ann.email, password: 'correct horse battery' };
  await client.call(client.api.POST('/v1/auth/login', { body }));
  assert.equal(client.session.get(), 'active');
  await status(live, isSaved);
});

await test('an API key opens documents and requests alike', async () => {
  const ann = clients.of(await person('Ann'));
  const page = await pageOf(ann);
  const made = await ann.call(
    ann.api.POST('/v1/workspaces/{workspace_id}/api-keys', {
      params: { path: { workspace_id: page.workspace_id } },
      body: { name: 'Key', scopes: ['*:write'] },
    }),
  );
  const client = clients.of(await person('Bob'), { auth: apiKey(made.key ?? '') });
  const params = { path: { page_id: page.id } };
  assert.equal((await client.call(client.api.GET('/v1/pages/{page_id}', { params }))).title, 'Plan');
  const live = client.documents.open(page.document);
  live.doc.getText('t').insert(0, 'by key');
  await status(live, isSaved);
});

await clients.close();
