// What the chat asks of the REST API.
import type { channel, IonfluxClient, Schemas } from '@ionflux/client';
import type { Agent, Channel, Command, Member, StoredFile, StoredMessage, Unread } from './model';

const ALL = 200;
const PAGE = 100;

/** A part of a list. */
export interface Listing<T> {
  items: T[];
  next_cursor: string | null;
}

/** Return all items of a list that has several parts. */
export async function listAll<T>(read: (cursor: string | undefined) => Promise<Listing<T>>): Promise<T[]> {
  const found: T[] = [];
  let cursor: string | undefined;
  do {
    const part = await read(cursor);
    found.push(...part.items);
    cursor = part.next_cursor ?? undefined;
  } while (cursor !== undefined);
  return found;
}

export function listChannels(client: IonfluxClient, id: string): Promise<Channel[]> {
  return listAll((cursor) =>
    client.call(client.api.GET('/v1/workspaces/{workspace_id}/channels', inWorkspace(id, cursor))),
  );
}

/** Those that are archived: they are in no other list. */
export function listArchived(client: IonfluxClient, id: string): Promise<Channel[]> {
  return listAll((cursor) => {
    const { path, query } = inWorkspace(id, cursor).params;
    const params = { path, query: { ...query, archived: true } };
    return client.call(client.api.GET('/v1/workspaces/{workspace_id}/channels', { params }));
  });
}

export function listMembers(client: IonfluxClient, id: string): Promise<Member[]> {
  return listAll((cursor) =>
    client.call(client.api.GET('/v1/workspaces/{workspace_id}/members', inWorkspace(id, cursor))),
  );
}

export function listAgents(client: IonfluxClient, id: string): Promise<Agent[]> {
  return listAll((cursor) =>
    client.call(client.api.GET('/v1/workspaces/{workspace_id}/agents', inWorkspace(id, cursor))),
  );
}

export function listUnread(client: IonfluxClient, id: string): Promise<Unread[]> {
  return listAll((cursor) =>
    client.call(client.api.GET('/v1/workspaces/{workspace_id}/unread', inWorkspace(id, cursor))),
  );
}

export function createChannel(
  client: IonfluxClient,
  id: string,
  body: Schemas['NewChannel'],
): Promise<Channel> {
  const params = { path: { workspace_id: id } };
  return client.call(client.api.POST('/v1/workspaces/{workspace_id}/channels', { params, body }));
}

export function changeChannel(
  client: IonfluxClient,
  channelId: string,
  body: Schemas['ChannelChange'],
): Promise<Channel> {
  const params = { path: { channel_id: channelId } };
  return client.call(client.api.PATCH('/v1/channels/{channel_id}', { params, body }));
}

export function addMember(client: IonfluxClient, channelId: string, userId: string): Promise<Channel> {
  const params = { path: { channel_id: channelId } };
  const body = { user_id: userId };
  return client.call(client.api.POST('/v1/channels/{channel_id}/members', { params, body }));
}

/** Take somebody out of a private channel, or leave it. */
export async function removeMember(client: IonfluxClient, channelId: string, userId: string): Promise<void> {
  const params = { path: { channel_id: channelId, member_id: userId } };
  await client.call(client.api.DELETE('/v1/channels/{channel_id}/members/{member_id}', { params }));
}

export function openDirectMessage(client: IonfluxClient, id: string, userIds: string[]): Promise<Channel> {
  const params = { path: { workspace_id: id } };
  const body = { user_ids: userIds };
  return client.call(client.api.POST('/v1/workspaces/{workspace_id}/direct-messages', { params, body }));
}

export function listCommands(client: IonfluxClient, channelId: string): Promise<Command[]> {
  const path = { channel_id: channelId };
  return listAll((cursor) =>
    client.call(
      client.api.GET('/v1/channels/{channel_id}/commands', { params: { path, query: part(cursor) } }),
    ),
  );
}

export function listDefinitions(client: IonfluxClient): Promise<Schemas['AgentDefinitionAnswer'][]> {
  return listAll((cursor) =>
    client.call(client.api.GET('/v1/agent-definitions', { params: { query: part(cursor) } })),
  );
}

/** Return messages that are older than one, the newest first. */
export function listMessages(
  client: IonfluxClient,
  channelId: string,
  { before, threadId }: { before: string | undefined; threadId: string | null },
): Promise<Listing<StoredMessage>> {
  const query = {
    limit: PAGE,
    ...(before === undefined ? {} : { before }),
    ...(threadId === null ? {} : { thread_id: threadId }),
  };
  const params = { path: { channel_id: channelId }, query };
  return client.call(client.api.GET('/v1/channels/{channel_id}/messages', { params }));
}

export async function listPins(client: IonfluxClient, channelId: string): Promise<StoredMessage[]> {
  const params = { path: { channel_id: channelId }, query: { limit: ALL } };
  return (await client.call(client.api.GET('/v1/channels/{channel_id}/pins', { params }))).items;
}

/** A change of a message that has left the live document. */
export type ArchiveChange =
  | { kind: 'edit'; content: channel.NewContent }
  | { kind: 'remove' | 'pin' | 'unpin' }
  | { kind: 'react' | 'unreact'; emoji: string };

export async function changeArchived(
  client: IonfluxClient,
  channelId: string,
  messageId: string,
  change: ArchiveChange,
): Promise<void> {
  const { api } = client;
  const path = { message_id: messageId };
  const params = { path, query: { channel_id: channelId } };
  switch (change.kind) {
    case 'edit':
      await client.call(api.PATCH('/v1/messages/{message_id}', { params, body: change.content }));
      return;
    case 'remove':
      await client.call(api.DELETE('/v1/messages/{message_id}', { params }));
      return;
    case 'pin':
      await client.call(api.PUT('/v1/messages/{message_id}/pin', { params }));
      return;
    case 'unpin':
      await client.call(api.DELETE('/v1/messages/{message_id}/pin', { params }));
      return;
    default: {
      const at = { path: { ...path, emoji: change.emoji }, query: params.query };
      const way = '/v1/messages/{message_id}/reactions/{emoji}';
      await client.call(
        change.kind === 'react' ? api.PUT(way, { params: at }) : api.DELETE(way, { params: at }),
      );
    }
  }
}

export function readFile(client: IonfluxClient, fileId: string): Promise<StoredFile> {
  return client.call(client.api.GET('/v1/files/{file_id}', { params: { path: { file_id: fileId } } }));
}

interface FileToSend {
  file: File;
  /** The channel whose readers may read it. */
  document: string;
  onProgress: (progress: number) => void;
  signal: AbortSignal;
}

/** Send a file, and tell how far it has come: only an XMLHttpRequest knows that. */
export async function sendFile(
  client: IonfluxClient,
  workspaceId: string,
  given: FileToSend,
): Promise<StoredFile> {
  const session = await client.call(client.api.GET('/v1/auth/browser-session', { signal: given.signal }));
  const query = new URLSearchParams({ name: nameOf(given.file), document: given.document });
  const request = new XMLHttpRequest();
  request.open('POST', `/v1/workspaces/${workspaceId}/files?${query.toString()}`);
  request.setRequestHeader('Content-Type', 'application/octet-stream');
  request.setRequestHeader('X-CSRF-Token', session.csrf_token);
  request.responseType = 'json';
  return new Promise((resolve, reject) => {
    request.upload.onprogress = ({ loaded, total }) => {
      given.onProgress(total === 0 ? 1 : loaded / total);
    };
    request.onload = () => {
      const answer = request.response as (StoredFile & { detail?: string }) | null;
      if (request.status === 201 && answer) resolve(answer);
      else reject(new Error(answer?.detail ?? `${request.status} ${request.statusText}`));
    };
    request.onerror = () => {
      reject(new Error('The server cannot be reached.'));
    };
    given.signal.addEventListener('abort', () => {
      request.abort();
    });
    request.onabort = () => {
      reject(new DOMException('Stopped.', 'AbortError'));
    };
    request.send(given.file);
  });
}

/** Return a name that the server takes, whatever the file is called. */
function nameOf(file: File): string {
  const name = file.name.replace(/[\x00-\x1f/\\]+/g, '_');
  return Array.from(name).slice(-255).join('') || 'file';
}

function inWorkspace(id: string, cursor: string | undefined) {
  return { params: { path: { workspace_id: id }, query: part(cursor) } };
}

function part(cursor: string | undefined) {
  return cursor === undefined ? { limit: ALL } : { limit: ALL, cursor };
}
