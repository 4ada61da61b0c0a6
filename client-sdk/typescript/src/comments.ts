/**
 * The comments on a page, `comments:{page_id}`: where they are in its texts, and beginning a thread (docs/comments.md).
 *
 * A range of a text is a pair of Yjs relative positions in the page's document, so it survives edits: `start` sticks
 * to what follows it and `end` to what is before it. Readers are total, whatever a document holds.
 */

import * as Y from 'yjs';

import { newMessageId } from './channel.js';

export const MAX_QUOTE_CHARACTERS = 2000;

/** The origin of all transactions that are made here, for undo managers and observers. */
export const COMMENTS_ORIGIN = Symbol('ionflux.comments');

/** A part of a block's text. */
export interface TextRange {
  start: Y.RelativePosition;
  end: Y.RelativePosition;
}

/** A range that an open thread is on. */
export interface CommentedRange extends TextRange {
  threadId: string;
  blockId: string;
}

/** What a new thread is on: nothing but its page, a block, or a range of a block's text. */
export interface Anchor {
  blockId: string | null;
  range: TextRange | null;
  /** What stands there. */
  quote: string | null;
}

/** Begin a thread with a comment, as oneself (`user:{id}`). Returns the id of the thread. */
export function beginThread(
  doc: Y.Doc,
  { blockId, range, quote }: Anchor,
  { by, text, at = new Date() }: { by: string; text: string; at?: Date },
): string {
  const [id, commentId] = [newMessageId(at), newMessageId(at)];
  const created_at = at.toISOString();
  const thread = {
    id,
    block_id: blockId,
    start: range && encode(range.start),
    end: range && encode(range.end),
    quote: quote === null ? null : Array.from(quote).slice(0, MAX_QUOTE_CHARACTERS).join(''),
    created_by: by,
    created_at,
    resolved_by: null,
    resolved_at: null,
  };
  const comment = {
    ...{ id: commentId, thread_id: id, author_id: by, author_type: 'user', text },
    ...{ created_at, edited_at: null, deleted: false },
  };
  doc.transact(() => {
    doc.getMap('threads').set(id, new Y.Map(Object.entries(thread)));
    doc.getMap('comments').set(commentId, new Y.Map(Object.entries(comment)));
  }, COMMENTS_ORIGIN);
  return id;
}

/** Return the ranges that threads are on which are neither settled nor deleted. */
export function commentedRanges(doc: Y.Doc): CommentedRange[] {
  const alive = new Set<unknown>();
  for (const comment of doc.getMap('comments').values())
    if (comment instanceof Y.Map && comment.get('deleted') !== true) alive.add(comment.get('thread_id'));
  const found: CommentedRange[] = [];
  for (const [threadId, thread] of doc.getMap('threads')) {
    if (!(thread instanceof Y.Map) || !alive.has(threadId) || thread.get('resolved_at')) continue;
    const blockId: unknown = thread.get('block_id');
    const [start, end] = [decode(thread.get('start')), decode(thread.get('end'))];
    if (typeof blockId === 'string' && start && end) found.push({ threadId, blockId, start, end });
  }
  return found;
}

function encode(position: Y.RelativePosition): string {
  const bytes = String.fromCharCode(...Y.encodeRelativePosition(position));
  return btoa(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

function decode(value: unknown): Y.RelativePosition | null {
  if (typeof value !== 'string') return null;
  try {
    const bytes = atob(value.replaceAll('-', '+').replaceAll('_', '/'));
    return Y.decodeRelativePosition(Uint8Array.from(bytes, (byte) => byte.charCodeAt(0)));
  } catch {
    return null; // anybody can write anything there
  }
}
