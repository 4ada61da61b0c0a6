// What the copies in this browser hold, in words: for people whose changes no server took.
import { channel, plainText, readBlocks, readTitle, type UnsavedCopy } from '@ionflux/client';
import * as Y from 'yjs';
import { client } from './connection';

export interface Kept {
  id: string;
  title: string;
  text: string;
}

/** Reads a copy: its title, if it has one, and all its texts. */
export async function readKept(copy: UnsavedCopy): Promise<Kept> {
  const doc = await client.documents.readCopy(copy);
  const kept = { id: copy.id, title: readTitle(doc) ?? '', text: textOf(copy.document, doc) };
  doc.destroy();
  return kept;
}

function textOf(document: string, doc: Y.Doc): string {
  if (document.startsWith('channel:')) return messagesIn(doc);
  if (document.startsWith('comments:')) return commentsIn(doc);
  return readBlocks(doc)
    .flatMap((block) => textsIn(block.content))
    .join('\n\n');
}

function messagesIn(doc: Y.Doc): string {
  return channel
    .readMessages(doc)
    .filter(({ deleted }) => !deleted)
    .map((message) => channel.textOf(message))
    .join('\n');
}

function commentsIn(doc: Y.Doc): string {
  return [...doc.getMap('comments').values()]
    .map((comment): unknown => (comment instanceof Y.Map ? comment.get('text') : null))
    .filter((text) => typeof text === 'string')
    .join('\n');
}

/** All texts of a block's content, whatever its type is. */
function textsIn(value: unknown): string[] {
  if (value instanceof Y.XmlFragment) return [plainText(value)].filter(Boolean);
  if (typeof value === 'string') return [value];
  if (value instanceof Map) return [...value.values()].flatMap(textsIn);
  if (typeof value === 'object' && value !== null) return Object.values(value).flatMap(textsIn);
  return [];
}
