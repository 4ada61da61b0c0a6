// What stands in a list of messages, from the messages alone: days, the unread divider, who speaks on. Pure.
import type { channel } from '@ionflux/client';

export type Row =
  | { kind: 'day'; key: string; date: Date }
  | { kind: 'unread'; key: string }
  | {
      kind: 'message';
      key: string;
      message: channel.Message;
      /** Whether it goes on what the one above began: then who and when is not told again. */
      isContinued: boolean;
      replies: Replies | undefined;
    };

/** What is known of a thread without opening it. */
export interface Replies {
  count: number;
  lastAt: string;
  senders: string[];
}

const CONTINUED_MILLISECONDS = 5 * 60_000;

interface Given {
  messages: readonly channel.Message[];
  replies: ReadonlyMap<string, Replies>;
  /** The last message that was read when the channel was opened; null: there is no divider. */
  mark: string | null;
  me: string;
}

/** Return the rows of a list, oldest first. */
export function rowsOf({ messages, replies, mark, me }: Given): Row[] {
  const rows: Row[] = [];
  let before: channel.Message | undefined;
  let isDivided = mark === null;
  for (const message of messages) {
    const isNewDay = before === undefined || dayOf(before) !== dayOf(message);
    if (isNewDay)
      rows.push({ kind: 'day', key: `day ${dayOf(message)}`, date: new Date(message.created_at) });
    const isFirstUnread = !isDivided && mark !== null && message.id > mark && message.sender_id !== me;
    if (isFirstUnread) {
      rows.push({ kind: 'unread', key: 'unread' });
      isDivided = true;
    }
    rows.push({
      kind: 'message',
      key: message.id,
      message,
      isContinued: !isNewDay && !isFirstUnread && before !== undefined && isContinuation(before, message),
      replies: replies.get(message.id),
    });
    before = message;
  }
  return rows;
}

/** Return what is known of each thread. */
export function repliesOf(messages: readonly channel.Message[]): Map<string, Replies> {
  const found = new Map<string, Replies>();
  for (const { thread_id: root, deleted, created_at: lastAt, sender_id: sender } of messages) {
    if (root === null || deleted) continue;
    const { count = 0, senders = [] } = found.get(root) ?? {};
    found.set(root, { count: count + 1, lastAt, senders: [...new Set([...senders, sender])] });
  }
  return found;
}

/** Return how many messages of others are behind a mark. */
export function countUnread(
  messages: readonly channel.Message[],
  mark: string | undefined,
  me: string,
): number {
  return messages.filter(
    ({ id, sender_id: sender, deleted }) => id > (mark ?? '') && sender !== me && !deleted,
  ).length;
}

/**
 * Leave out what is told twice: that a command has arrived, where its run is told of, and that a run is done, where
 * its answer stands.
 */
export function withoutEchoes(messages: readonly channel.Message[]): channel.Message[] {
  const [begun, answered] = [new Set<string>(), new Set<string>()];
  for (const message of messages) {
    if (message.content_type !== 'agent_command_response' || message.deleted) continue;
    const { run_id: run, command_message_id: command } = message.content;
    if (run === undefined) continue;
    if (command !== undefined) begun.add(command);
    if (!isOfServer(message)) answered.add(run);
  }
  return messages.filter((message) => {
    if (message.content_type !== 'agent_command_response' || !isOfServer(message)) return true;
    const { command_message_id: command = '', run_id: run = '', status } = message.content;
    return !(status === 'accepted' && begun.has(command)) && !(status === 'finished' && answered.has(run));
  });
}

function isOfServer({ sender_id: sender }: channel.Message): boolean {
  return sender.startsWith('system:');
}

function isContinuation(before: channel.Message, message: channel.Message): boolean {
  return (
    before.sender_id === message.sender_id &&
    !before.deleted &&
    before.content_type !== 'agent_command_response' &&
    message.content_type !== 'agent_command_response' &&
    Date.parse(message.created_at) - Date.parse(before.created_at) < CONTINUED_MILLISECONDS
  );
}

function dayOf(message: channel.Message): string {
  return new Date(message.created_at).toDateString();
}
