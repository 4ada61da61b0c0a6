/**
 * A channel's document, `channel:{channel_id}`: its messages, and the smallest edits of them.
 *
 *     messages    Map of message id -> Map {id, sender_id, sender_type, content_type, content, created_at,
 *                 edited_at, thread_id, deleted}
 *     reactions   Map of "{message id}|{emoji}|{principal id}" -> true
 *     reads       Map of principal id -> the last message id read
 *     pins        Map of message id -> the principal id of who pinned it
 *
 * Message ids are UUIDv7: their order is the order of the messages. The server's guard judges each edit as a whole,
 * and whoever breaks a rule has to throw their copy away; so edits that it would refuse raise `ChannelRuleError`
 * here, before anything is written. Readers are total, whatever a document holds.
 */

import * as Y from 'yjs';

import { faultOf, readContent, type MessageContent, type NewContent } from './messageContent.js';

export type { JsonObject, MessageContent, NewContent, ResponseStatus } from './messageContent.js';
export { MAX_TEXT_CHARACTERS, readContent, textOf } from './messageContent.js';

export const MAX_REACTIONS_OF_ONE = 20;
export const MAX_REACTIONS_AT_MESSAGE = 1000;
export const MAX_PINS = 100;

const MAX_EMOJI_CHARACTERS = 32;
const MESSAGE_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** The origin of all transactions that are made here, for undo managers and observers. */
export const CHANNEL_ORIGIN = Symbol('ionflux.channel');

interface MessageFields {
  id: string;
  sender_id: string;
  sender_type: 'user' | 'agent';
  created_at: string;
  edited_at: string | null;
  thread_id: string | null;
  deleted: boolean;
}

/** A message as readers give it, with the names of the REST API. What was deleted says nothing. */
export type Message = MessageFields & MessageContent;

/** An edit that the server would refuse. */
export class ChannelRuleError extends Error {
  constructor(
    /** The rule, as the server names it. */
    readonly rule: string,
    message: string,
  ) {
    super(message);
    this.name = 'ChannelRuleError';
  }
}

/** A message to post. */
export type NewMessage = NewContent & {
  id: string;
  /** Oneself: `user:{id}`, or `key:{id}` for an API key. */
  sender_id: string;
  created_at: Date;
  /** The message that begins the thread. */
  thread_id?: string | null;
};

// Edits

/** Add a message. One whose id is taken is left alone, so that posting again is no second message. */
export function post(doc: Y.Doc, message: NewMessage): void {
  const messages = messagesOf(doc);
  if (messages.has(message.id)) return;
  requireRule(isMessageId(message.id), 'message.id', 'The id of a message is a UUIDv7.');
  requireContent(message);
  const threadId = message.thread_id ?? null;
  if (threadId !== null) requireThread(doc, message.id, threadId);
  doc.transact(() => {
    messages.set(
      message.id,
      new Y.Map<unknown>([
        ['id', message.id],
        ['sender_id', message.sender_id],
        ['sender_type', 'user'],
        ['content_type', message.content_type],
        ['content', writeContent(message)],
        ['created_at', message.created_at.toISOString()],
        ['edited_at', null],
        ['thread_id', threadId],
        ['deleted', false],
      ]),
    );
  }, CHANNEL_ORIGIN);
}

/** Give a message of one's own another content. */
export function edit(doc: Y.Doc, messageId: string, content: NewContent, me: string, editedAt: Date): void {
  const message = ownMessage(doc, messageId, me);
  requireContent(content);
  doc.transact(() => {
    if (message.get('content_type') !== content.content_type)
      message.set('content_type', content.content_type);
    message.set('content', writeContent(content));
    message.set('edited_at', editedAt.toISOString());
  }, CHANNEL_ORIGIN);
}

/** Mark a message as deleted: one's own, or anybody's for those who manage the channel. */
export function remove(doc: Y.Doc, messageId: string, me: string, canManage = false): void {
  const message = canManage ? messageMap(doc, messageId) : ownMessage(doc, messageId, me);
  if (message.get('deleted') !== true) doc.transact(() => message.set('deleted', true), CHANNEL_ORIGIN);
}

/** Put an emoji at a message. */
export function react(doc: Y.Doc, messageId: string, emoji: string, me: string): void {
  const reactions = reactionsOf(doc);
  const key = reactionKey(messageId, emoji, me);
  if (reactions.has(key)) return;
  requireRule(isEmoji(emoji), 'reaction.schema', 'A reaction is an emoji, or a short word without spaces.');
  messageMap(doc, messageId);
  const there = [...reactions.keys()].filter((other) => other.startsWith(`${messageId}|`));
  const own = there.filter((other) => other.endsWith(`|${me}`)).length;
  requireRule(
    own < MAX_REACTIONS_OF_ONE && there.length < MAX_REACTIONS_AT_MESSAGE,
    'reaction.limit',
    'There are too many reactions at this message.',
  );
  doc.transact(() => reactions.set(key, true), CHANNEL_ORIGIN);
}

/** Take one's emoji back; what is not there stays away. */
export function unreact(doc: Y.Doc, messageId: string, emoji: string, me: string): void {
  const reactions = reactionsOf(doc);
  const key = reactionKey(messageId, emoji, me);
  if (reactions.has(key))
    doc.transact(() => {
      reactions.delete(key);
    }, CHANNEL_ORIGIN);
}

/** Note how far one has read. A mark never goes back. */
export function markRead(doc: Y.Doc, messageId: string, me: string): void {
  const reads = doc.getMap<unknown>('reads');
  const mark = reads.get(me);
  requireRule(isMessageId(messageId), 'read.schema', 'A read mark is the id of a message.');
  if (!isMessageId(mark) || mark < messageId) doc.transact(() => reads.set(me, messageId), CHANNEL_ORIGIN);
}

/** Pin a message in one's own name; one that is pinned stays pinned by who did it. */
export function pin(doc: Y.Doc, messageId: string, me: string): void {
  const pins = doc.getMap<unknown>('pins');
  if (pins.has(messageId)) return;
  messageMap(doc, messageId);
  requireRule(pins.size < MAX_PINS, 'pin.limit', `A channel has at most ${String(MAX_PINS)} pins.`);
  doc.transact(() => pins.set(messageId, me), CHANNEL_ORIGIN);
}

/** Unpin what one has pinned, or anything for those who manage the channel. */
export function unpin(doc: Y.Doc, messageId: string, me: string, canManage = false): void {
  const pins = doc.getMap<unknown>('pins');
  if (!pins.has(messageId)) return;
  requireRule(
    canManage || pins.get(messageId) === me,
    'pin.owner',
    'You may unpin only what you have pinned.',
  );
  doc.transact(() => {
    pins.delete(messageId);
  }, CHANNEL_ORIGIN);
}

// Readers

/** Return the ids of all messages that have a proper one, oldest first. */
export function messageIds(doc: Y.Doc): string[] {
  return [...messagesOf(doc).keys()].filter(isMessageId).sort();
}

/** Return all messages, oldest first. */
export function readMessages(doc: Y.Doc): Message[] {
  return messageIds(doc).flatMap((id) => readMessage(doc, id) ?? []);
}

/** Return a message, or null where there is none. */
export function readMessage(doc: Y.Doc, messageId: string): Message | null {
  const found = messagesOf(doc).get(messageId);
  return found instanceof Y.Map ? asMessage(messageId, found.toJSON()) : null;
}

/** Return a message of plain values, live or as REST gives it; what makes no sense of them is left out. */
export function asMessage(messageId: string, fields: Record<string, unknown>): Message {
  const isDeleted = fields.deleted === true;
  const { thread_id: threadId } = fields;
  return {
    id: messageId,
    sender_id: typeof fields.sender_id === 'string' ? fields.sender_id : '',
    sender_type: fields.sender_type === 'agent' ? 'agent' : 'user',
    created_at: timeOf(fields.created_at) ?? timeOfId(messageId).toISOString(),
    edited_at: timeOf(fields.edited_at),
    thread_id: isMessageId(threadId) && threadId !== messageId ? threadId : null,
    deleted: isDeleted,
    ...(isDeleted
      ? { content_type: 'text', content: { text: '' } }
      : readContent(fields.content_type, fields.content)),
  };
}

/** Return what a key of the reactions says, or null where it says nothing. */
export function parseReaction(key: string): { messageId: string; emoji: string; principalId: string } | null {
  const [messageId, emoji, principalId, ...rest] = key.split('|');
  if (!isMessageId(messageId) || !emoji || !principalId || rest.length > 0) return null;
  return { messageId, emoji, principalId };
}

/** Tell whether a value is a UUIDv7 in its one spelling. */
export function isMessageId(value: unknown): value is string {
  return typeof value === 'string' && MESSAGE_ID.test(value);
}

/** Return when an id was made, as it says itself. */
export function timeOfId(messageId: string): Date {
  return new Date(parseInt(messageId.replaceAll('-', '').slice(0, 12), 16));
}

let lastMilliseconds = 0;
let lastCount = 0;

/** Return an id for a message: a UUIDv7 (RFC 9562), greater than all that were made here before. */
export function newMessageId(now: Date): string {
  const random = crypto.getRandomValues(new Uint8Array(9));
  const milliseconds = Math.max(now.getTime(), lastMilliseconds);
  lastCount = milliseconds === lastMilliseconds ? lastCount + 1 : (random[8] ?? 0);
  lastMilliseconds = milliseconds;
  if (lastCount > 0xfff) [lastMilliseconds, lastCount] = [milliseconds + 1, 0];
  const time = lastMilliseconds.toString(16).padStart(12, '0');
  const count = lastCount.toString(16).padStart(3, '0');
  random[0] = ((random[0] ?? 0) & 0x3f) | 0x80;
  const rest = [...random.slice(0, 8)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${count}-${rest.slice(0, 4)}-${rest.slice(4)}`;
}

// What the guard asks

function requireRule(isKept: boolean, rule: string, message: string): asserts isKept {
  if (!isKept) throw new ChannelRuleError(rule, message);
}

function requireContent(content: NewContent): void {
  const fault = faultOf(content);
  requireRule(fault === null, 'message.content', fault ?? '');
}

/** A thread begins with a message that is in no thread and is there, or is older than all that are. */
function requireThread(doc: Y.Doc, messageId: string, threadId: string): void {
  const first = messagesOf(doc).get(threadId);
  const isInThread = first instanceof Y.Map && isMessageId(first.get('thread_id'));
  requireRule(
    threadId !== messageId && !isInThread,
    'message.thread',
    'A thread begins with a message that is in no thread.',
  );
  const isBefore =
    isMessageId(threadId) &&
    messageIds(doc).every((other) => threadId < other || doc.getMap('pins').has(other));
  requireRule(
    first !== undefined || isBefore,
    'message.thread',
    'There is no message that this one could answer.',
  );
}

function messageMap(doc: Y.Doc, messageId: string): Y.Map<unknown> {
  const message = messagesOf(doc).get(messageId);
  if (!(message instanceof Y.Map))
    throw new ChannelRuleError('message.unknown', 'There is no such message here.');
  return message;
}

function ownMessage(doc: Y.Doc, messageId: string, me: string): Y.Map<unknown> {
  const message = messageMap(doc, messageId);
  requireRule(
    message.get('sender_id') === me,
    'message.sender',
    'You may edit and delete only your own messages.',
  );
  return message;
}

/** Count characters as the server does, in code points. */
function isEmoji(emoji: string): boolean {
  return emoji.length > 0 && Array.from(emoji).length <= MAX_EMOJI_CHARACTERS && !/[\s|\p{Cc}]/u.test(emoji);
}

function reactionKey(messageId: string, emoji: string, principalId: string): string {
  return `${messageId}|${emoji}|${principalId}`;
}

function writeContent({ content }: NewContent): Y.Map<unknown> {
  return new Y.Map<unknown>(Object.entries(content));
}

function messagesOf(doc: Y.Doc): Y.Map<unknown> {
  return doc.getMap<unknown>('messages');
}

function reactionsOf(doc: Y.Doc): Y.Map<unknown> {
  return doc.getMap<unknown>('reactions');
}

function timeOf(value: unknown): string | null {
  const time = typeof value === 'string' ? Date.parse(value) : NaN;
  return Number.isNaN(time) ? null : new Date(time).toISOString();
}
