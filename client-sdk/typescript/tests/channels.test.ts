// Channels' documents as this package writes them, judged by the guard of a real server and read back by REST.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { channel, ChannelView, type IonfluxClient, mentions } from '@ionflux/client';
import { Clients, isSaved, person, status } from './world.ts';

const clients = new Clients();

async function room(client: IonfluxClient) {
  const workspace = await client.call(client.api.POST('/v1/workspaces', { body: { name: 'Studio' } }));
  const params = { path: { workspace_id: workspace.id } };
  const body = { name: 'general' };
  return client.call(client.api.POST('/v1/workspaces/{workspace_id}/channels', { params, body }));
}

await test('what is written is taken by the guard, and is what REST says', async () => {
  const ann = await person('Ann');
  const client = clients.of(ann);
  const made = await room(client);
  const live = client.documents.open(made.document);
  await live.synced;
  const { doc } = live;
  const me = `user:${ann.id}`;
  const view = new ChannelView(doc);
  const now = new Date();
  const [first, reply, file, proposal] = [1, 2, 3, 4].map(() => channel.newMessageId(now)) as [
    string,
    string,
    string,
    string,
  ];

  const said = `Hello ${mentions.writeMention('Ann [Lee]', me)}, @channel`;
  channel.post(doc, {
    id: first,
    sender_id: me,
    created_at: now,
    content_type: 'markdown',
    content: { text: said },
  });
  channel.post(doc, {
    id: reply,
    sender_id: me,
    created_at: now,
    thread_id: first,
    content_type: 'text',
    content: { text: '👋' },
  });
  channel.post(doc, {
    id: file,
    sender_id: me,
    created_at: now,
    content_type: 'file_attachment',
    content: { file_id: 'f', name: 'n.txt' },
  });
  channel.post(doc, {
    id: proposal,
    sender_id: me,
    created_at: now,
    content_type: 'json_proposal',
    content: { proposal: { a: [1] } },
  });
  channel.edit(doc, reply, { content_type: 'markdown', content: { text: '**Hi**' } }, me, now);
  channel.remove(doc, file, me);
  channel.react(doc, first, '🎉', me);
  channel.react(doc, first, 'ok', me);
  channel.unreact(doc, first, 'ok', me);
  channel.pin(doc, first, me);
  channel.pin(doc, reply, me);
  channel.unpin(doc, reply, me);
  channel.markRead(doc, reply, me);
  channel.markRead(doc, first, me);
  await status(live, isSaved);

  const params = { path: { channel_id: made.id } };
  const { items } = await client.call(client.api.GET('/v1/channels/{channel_id}/messages', { params }));
  const stored = items.map((item) => channel.asMessage(item.id, { ...item })).reverse();
  assert.deepEqual(stored, channel.readMessages(doc));
  assert.deepEqual(view.get().messages, stored);
  assert.deepEqual([...(view.get().reactions.get(first) ?? [])], [['🎉', [me]]]);
  assert.deepEqual(items.at(-1)?.reactions, [{ emoji: '🎉', user_ids: [me] }]);
  assert.deepEqual([...view.get().pins], [[first, me]]);
  assert.equal(view.get().reads.get(me), reply);
  assert.deepEqual([...mentions.mentioned(said)], [me, mentions.EVERYBODY]);
});

await test('what the guard would refuse is not written', async () => {
  const ann = await person('Ann');
  const client = clients.of(ann);
  const live = client.documents.open((await room(client)).document);
  await live.synced;
  const { doc } = live;
  const me = `user:${ann.id}`;
  const now = new Date();
  const said = { sender_id: me, created_at: now, content_type: 'text', content: { text: 'Hi' } } as const;
  const [root, reply] = [channel.newMessageId(now), channel.newMessageId(now)];
  channel.post(doc, { ...said, id: root });
  channel.post(doc, { ...said, id: reply, thread_id: root });
  const before = doc.store.clients.size;

  const refused = (rule: string, act: () => void) => {
    assert.throws(act, (error) => error instanceof channel.ChannelRuleError && error.rule === rule);
  };
  const next = channel.newMessageId(now);
  refused('message.content', () => {
    channel.post(doc, { ...said, id: next, content: { text: 'x'.repeat(channel.MAX_TEXT_CHARACTERS + 1) } });
  });
  refused('message.thread', () => {
    channel.post(doc, { ...said, id: next, thread_id: reply });
  });
  refused('message.id', () => {
    channel.post(doc, { ...said, id: crypto.randomUUID() });
  });
  refused('message.sender', () => {
    channel.remove(doc, root, 'user:somebody-else');
  });
  refused('reaction.schema', () => {
    channel.react(doc, root, 'two words', me);
  });
  refused('message.unknown', () => {
    channel.pin(doc, next, me);
  });
  for (let number = 0; number < channel.MAX_REACTIONS_OF_ONE; number++)
    channel.react(doc, root, `r${number}`, me);
  refused('reaction.limit', () => {
    channel.react(doc, root, 'more', me);
  });
  assert.equal(doc.store.clients.size, before);
  await status(live, isSaved);
});

await test('ids of messages are in the order in which they were made', () => {
  const now = new Date();
  const made = Array.from({ length: 5000 }, () => channel.newMessageId(now));
  assert.deepEqual([...made].sort(), made);
  assert.ok(made.every((id) => channel.isMessageId(id)));
});

await clients.close();
