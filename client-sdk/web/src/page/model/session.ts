// A page that is open: its document, who is there, and how one changes it so that undo takes back one's own only.
import { blocksOf, type LiveDocument, type Stamp } from '@ionflux/client';
import { ySyncPluginKey } from '@tiptap/y-tiptap';
import { createContext, useContext } from 'react';
import type { Awareness } from 'y-protocols/awareness';
import * as Y from 'yjs';
import type { CommentMarks } from './commentMarks';
import { PageStore } from './store';

/** REST as the page uses it; throws what the shell's client throws. */
export interface Rest {
  send: <T>(method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body?: unknown) => Promise<T>;
  /** Sends a file, telling how much of it has left (0 to 1). */
  upload: (
    workspaceId: string,
    document: string,
    file: File,
    progress: (part: number) => void,
  ) => Promise<UploadedFile>;
}

export interface UploadedFile {
  id: string;
  name: string;
  content_type: string;
}

export interface Somebody {
  /** The principal: `user:{id}`. */
  id: string;
  name: string;
}

export interface PageSession {
  readonly doc: Y.Doc;
  readonly awareness: Awareness;
  readonly store: PageStore;
  readonly undo: Y.UndoManager;
  readonly rest: Rest;
  readonly me: Somebody;
  readonly pageId: string;
  readonly workspaceId: string;
  readonly canWrite: boolean;
  /** How what is written here stands. */
  readonly status: LiveDocument['status'];
  /** The suggestion that is written to and not the page; null: the page is. */
  readonly branch: string | null;
  /** Its comments, where they are in its texts. */
  readonly marks: CommentMarks;
  /** What lists of pages call it, while its document does not say. */
  readonly title: string;
  /**
   * Runs a change of one's own, all of it in one transaction, and a step of its own to take back. Changes of the same
   * kind that come close together are one step.
   */
  edit: <T>(change: () => T, kind?: 'move') => T;
  stamp: () => Stamp;
}

interface Facts {
  doc: Y.Doc;
  awareness: Awareness;
  rest: Rest;
  me: Somebody;
  pageId: string;
  workspaceId: string;
  canWrite: boolean;
  status: LiveDocument['status'];
  branch: string | null;
  marks: CommentMarks;
  title: string;
}

/** What one's own edits of blocks have as their origin; editors of texts have that of y-tiptap. */
const ORIGIN = { name: 'page' };

export function openSession(facts: Facts): PageSession & { close: () => void } {
  const blocks = blocksOf(facts.doc);
  const store = new PageStore(facts.doc);
  const undo = new Y.UndoManager([blocks, facts.doc.getMap('meta')], {
    trackedOrigins: new Set([ORIGIN, ySyncPluginKey]),
    captureTimeout: 400,
    captureTransaction: (transaction) => transaction.meta.get('addToHistory') !== false,
    deleteFilter: (item) => !holdsWorkOfOthers(item, blocks, facts.doc.clientID),
  });
  return {
    ...facts,
    store,
    undo,
    edit: stepsOf(facts.doc, undo),
    stamp: () => ({ by: facts.me.id, at: new Date().toISOString() }),
    close: () => {
      undo.destroy();
      store.close();
    },
  };
}

function stepsOf(doc: Y.Doc, undo: Y.UndoManager): PageSession['edit'] {
  let last: string | undefined;
  return (change, kind) => {
    if (kind === undefined || kind !== last) undo.stopCapturing();
    last = kind;
    return doc.transact(change, ORIGIN);
  };
}

/** Undoing that one has added a block must not take along what others have written in it since. */
function holdsWorkOfOthers(item: Y.Item, blocks: Y.Map<unknown>, mine: number): boolean {
  if (item.parent !== blocks || !(item.content instanceof Y.ContentType)) return false;
  return hasItemsOfOthers(item.content.type as Y.AbstractType<unknown>, mine);
}

function hasItemsOfOthers(type: Y.AbstractType<unknown>, mine: number): boolean {
  const isForeign = (item: Y.Item): boolean => {
    if (item.deleted) return false;
    if (item.id.client !== mine) return true;
    return (
      item.content instanceof Y.ContentType &&
      hasItemsOfOthers(item.content.type as Y.AbstractType<unknown>, mine)
    );
  };
  for (const item of type._map.values()) if (isForeign(item)) return true;
  for (let item = type._start; item !== null; item = item.right) if (isForeign(item)) return true;
  return false;
}

export const PageContext = createContext<PageSession | null>(null);

export function usePage(): PageSession {
  const page = useContext(PageContext);
  if (page === null) throw new Error('This part belongs into a page.');
  return page;
}
