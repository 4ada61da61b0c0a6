// The blocks of a page as React reads them: each is read again only when something of it has changed.
import { blockIds, blocksOf, readBlock, readTitle, type Block } from '@ionflux/client';
import { useSyncExternalStore } from 'react';
import * as Y from 'yjs';
import { usePage } from './session';

type Listener = () => void;

/** What changes where in the document a block stands, or whether it is shown. */
const OF_LIST = ['order', 'deleted_at', 'moved_to'];

export class PageStore {
  private ids: readonly string[] | null = null;
  private readonly blocks = new Map<string, Block | null>();
  private readonly listeners = new Set<Listener>();
  private readonly watchers = new Map<string, Set<Listener>>();
  private version = 0;

  constructor(readonly doc: Y.Doc) {
    blocksOf(doc).observeDeep(this.changed);
    doc.getMap('meta').observe(this.retitled);
  }

  close(): void {
    blocksOf(this.doc).unobserveDeep(this.changed);
    this.doc.getMap('meta').unobserve(this.retitled);
  }

  listen = (listener: Listener): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  watch(id: string, listener: Listener): () => void {
    const watchers = this.watchers.get(id) ?? new Set();
    this.watchers.set(id, watchers.add(listener));
    return () => watchers.delete(listener);
  }

  /** The ids of the blocks that are shown, in document order. */
  order = (): readonly string[] => (this.ids ??= blockIds(this.doc));

  /** Counts the changes of anything but texts. */
  count = (): number => this.version;

  title = (): string => readTitle(this.doc) ?? '';

  block(id: string): Block | null {
    const known = this.blocks.get(id);
    if (known !== undefined) return known;
    const found = blocksOf(this.doc).has(id) ? readBlock(this.doc, id) : null;
    this.blocks.set(id, found);
    return found;
  }

  private readonly retitled = () => {
    for (const listener of this.listeners) listener();
  };

  private readonly changed = (events: Y.YEvent<Y.AbstractType<unknown>>[]) => {
    const touched = new Set<string>();
    for (const event of events) {
      // Whoever shows a text follows it by itself.
      if (event instanceof Y.YXmlEvent || event instanceof Y.YTextEvent) continue;
      const [id] = event.path;
      if (typeof id === 'string') touched.add(id);
      else for (const key of event.changes.keys.keys()) touched.add(key);
      if (event.path.length === 0 || OF_LIST.some((key) => event.changes.keys.has(key))) this.ids = null;
    }
    if (touched.size === 0) return;
    for (const id of touched) this.blocks.delete(id);
    this.version += 1;
    for (const listener of this.listeners) listener();
    for (const id of touched) for (const watcher of this.watchers.get(id) ?? []) watcher();
  };
}

export function useBlockIds(): readonly string[] {
  const { store } = usePage();
  return useSyncExternalStore(store.listen, store.order);
}

export function useTitle(): string {
  const { store } = usePage();
  return useSyncExternalStore(store.listen, store.title);
}

export function useBlock(id: string): Block | null {
  const { store } = usePage();
  return useSyncExternalStore(
    (listener) => store.watch(id, listener),
    () => store.block(id),
  );
}
