// Where comments are in the texts of a page, for editors to show: read from the live document of its comments, with
// the thread that is looked at, and what a comment is being written on.
import { comments, type LiveDocument } from '@ionflux/client';
import { useSyncExternalStore } from 'react';

type Listener = () => void;

/** A part of a block's text that a comment is on, or is to be on. */
export interface Mark extends comments.TextRange {
  /** Null for the one that is being written. */
  threadId: string | null;
  isChosen: boolean;
}

/** What a comment is to be on. */
export interface CommentTarget extends comments.Anchor {
  /** Counts the attempts to comment: with each the field begins empty. */
  turn: number;
}

const PAGE: comments.Anchor = { blockId: null, range: null, quote: null };

export class CommentMarks {
  private readonly listeners = new Set<Listener>();
  private readonly askers = new Set<Listener>();
  private ranges: readonly comments.CommentedRange[];
  private thread: string | null = null;
  private anchor: CommentTarget = { ...PAGE, turn: 0 };

  constructor(readonly live: LiveDocument) {
    this.ranges = comments.commentedRanges(live.doc);
    live.doc.on('update', this.changed);
  }

  close(): void {
    this.live.doc.off('update', this.changed);
  }

  listen = (listener: Listener): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Has somebody told when one wants to see a thread, or to begin one. */
  listenForAsking(listener: Listener): () => void {
    this.askers.add(listener);
    return () => this.askers.delete(listener);
  }

  canComment = (): boolean => this.live.status.get().canWrite;

  /** Returns what is to be marked in the texts of a block. */
  ofBlock(blockId: string): Mark[] {
    const marks: Mark[] = this.ranges
      .filter((range) => range.blockId === blockId)
      .map((range) => ({ ...range, isChosen: range.threadId === this.thread }));
    const { range } = this.anchor;
    if (this.anchor.blockId === blockId && range) marks.push({ ...range, threadId: null, isChosen: true });
    return marks;
  }

  target = (): CommentTarget => this.anchor;

  /** Says what the next comment is to be on, which somebody begins now. */
  begin(anchor: comments.Anchor): void {
    this.aim(anchor);
    for (const asked of this.askers) asked();
  }

  /** Says that the next comment is to be on the page itself. */
  rest(): void {
    this.aim(PAGE);
  }

  chosen = (): string | null => this.thread;

  open(threadId: string): void {
    this.choose(threadId);
    for (const asked of this.askers) asked();
  }

  choose(threadId: string | null): void {
    if (this.thread === threadId) return;
    this.thread = threadId;
    this.tell();
  }

  private aim(anchor: comments.Anchor): void {
    this.anchor = { ...anchor, turn: this.anchor.turn + 1 };
    this.tell();
  }

  private readonly changed = () => {
    this.ranges = comments.commentedRanges(this.live.doc);
    this.tell();
  };

  private tell(): void {
    for (const listener of this.listeners) listener();
  }
}

export function useTarget(marks: CommentMarks): CommentTarget {
  return useSyncExternalStore(marks.listen, marks.target);
}

export function useChosen(marks: CommentMarks): string | null {
  return useSyncExternalStore(marks.listen, marks.chosen);
}

export function useCanComment(marks: CommentMarks): boolean {
  return useSyncExternalStore((listener) => marks.live.status.subscribe(listener), marks.canComment);
}
