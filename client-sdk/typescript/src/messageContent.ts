/**
 * What a message of a channel may contain, by its content type, and reading it from plain values.
 *
 *     text, markdown            text
 *     file_attachment           file_id, name, text (what is said about the file)
 *     json_proposal             title, text, proposal (a JSON object)
 *     agent_command_response    text, command, command_message_id, status, run_id, data; by agents alone
 */

export const MAX_TEXT_CHARACTERS = 20_000;
export const MAX_NAME_CHARACTERS = 300;
export const MAX_JSON_BYTES = 64 * 1024;

export type JsonObject = Record<string, unknown>;

/** How far an agent is with what it was asked in a channel. */
export type ResponseStatus = 'accepted' | 'refused' | 'answered' | 'running' | 'finished' | 'failed';

/** What people and programs can say. */
export type NewContent =
  | { content_type: 'text' | 'markdown'; content: { text: string } }
  | { content_type: 'file_attachment'; content: { file_id: string; name?: string; text?: string } }
  | { content_type: 'json_proposal'; content: { proposal: JsonObject; title?: string; text?: string } };

/** What a message can say; `unreadable` stands for what is none of its type. */
export type MessageContent =
  | NewContent
  | {
      content_type: 'agent_command_response';
      content: {
        text: string;
        command?: string;
        command_message_id?: string;
        status?: ResponseStatus;
        run_id?: string;
        data?: JsonObject;
      };
    }
  | { content_type: 'unreadable'; content: Record<string, never> };

const UNREADABLE: MessageContent = { content_type: 'unreadable', content: {} };
const STATUSES = new Set<unknown>(['accepted', 'refused', 'answered', 'running', 'finished', 'failed']);

/** Return a content that is given as plain values. Total: what fits no type is unreadable. */
export function readContent(contentType: unknown, value: unknown): MessageContent {
  if (!isObject(value)) return UNREADABLE;
  switch (contentType) {
    case 'text':
    case 'markdown':
      return typeof value.text === 'string'
        ? { content_type: contentType, content: { text: value.text } }
        : UNREADABLE;
    case 'file_attachment':
      return typeof value.file_id === 'string'
        ? {
            content_type: contentType,
            content: { file_id: value.file_id, ...strings(value, ['name', 'text']) },
          }
        : UNREADABLE;
    case 'json_proposal':
      return isObject(value.proposal)
        ? {
            content_type: contentType,
            content: { proposal: value.proposal, ...strings(value, ['title', 'text']) },
          }
        : UNREADABLE;
    case 'agent_command_response':
      return typeof value.text === 'string'
        ? { content_type: contentType, content: readResponse(value.text, value) }
        : UNREADABLE;
    default:
      return UNREADABLE;
  }
}

/** Return what a content says in words; empty where it says nothing. */
export function textOf(message: MessageContent): string {
  return message.content_type === 'unreadable' ? '' : (message.content.text ?? '');
}

/** Return what is wrong with a content that somebody wants to post, or null. */
export function faultOf({ content_type, content }: NewContent): string | null {
  const text = content.text ?? '';
  if (characters(text) > MAX_TEXT_CHARACTERS)
    return `A message has at most ${String(MAX_TEXT_CHARACTERS)} characters.`;
  const names =
    content_type === 'file_attachment'
      ? [content.file_id, content.name]
      : content_type === 'json_proposal'
        ? [content.title]
        : [];
  if (names.some((name) => characters(name ?? '') > MAX_NAME_CHARACTERS)) {
    return `A name has at most ${String(MAX_NAME_CHARACTERS)} characters.`;
  }
  if (content_type === 'json_proposal' && bytesOf(content.proposal) > MAX_JSON_BYTES) {
    return `A JSON object has at most ${String(MAX_JSON_BYTES)} bytes.`;
  }
  return null;
}

function readResponse(
  text: string,
  value: JsonObject,
): Extract<MessageContent, { content_type: 'agent_command_response' }>['content'] {
  return {
    text,
    ...strings(value, ['command', 'command_message_id', 'run_id']),
    ...(STATUSES.has(value.status) ? { status: value.status as ResponseStatus } : {}),
    ...(isObject(value.data) ? { data: value.data } : {}),
  };
}

function strings<Name extends string>(value: JsonObject, names: Name[]): Partial<Record<Name, string>> {
  const found: Partial<Record<Name, string>> = {};
  for (const name of names) {
    const field = value[name];
    if (typeof field === 'string') found[name] = field;
  }
  return found;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Count as the server does: code points, not the halves of them. */
function characters(text: string): number {
  return Array.from(text).length;
}

function bytesOf(value: JsonObject): number {
  return new TextEncoder().encode(JSON.stringify(value)).length;
}
