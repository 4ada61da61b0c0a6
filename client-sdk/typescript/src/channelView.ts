/**
 * A channel as it is now: read once, then brought up to date by what changes, for lists of thousands of messages.
 *
 * A view is an observable value: `get()` gives the same frozen state until something has changed. Messages that did
 * not change are the same objects as before, so that who shows them can leave them alone.
 */

import type * as Y from 'yjs';

import { isMessageId, parseReaction, readMessage, type Message } from './channel.js';

/** What is in a channel's document. */
export interface ChannelState {
  /** All messages, oldest first, those in threads too. */
  readonly messages: readonly Message[];
  /** Message id -> emoji -> the principals who put it there. */
  readonly reactions: ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>;
  /** Principal id -> the last message that they have read. */
  readonly reads: ReadonlyMap<string, string>;
  /** Message id -> who pinned it. */
  readonly pins: ReadonlyMap<string, string>;
}

/** A channel's document, read live. */
export class ChannelView {
  readonly #doc: Y.Doc;
  readonly #listeners = new Set<() => void>();
  readonly #messages = new Map<string, Message>();
  readonly #reactions = new Map<string, ReadonlyMap<string, readonly string[]>>();
  #state: ChannelState;

  constructor(doc: Y.Doc) {
    this.#doc = doc;
    for (const id of doc.getMap('messages').keys()) this.#readMessage(id);
    this.#readReactions(doc.getMap('reactions').keys());
    this.#state = this.#compose(['messages', 'reactions', 'reads', 'pins']);
    doc.getMap('messages').observeDeep(this.#onMessages);
    doc.getMap('reactions').observe(this.#onReactions);
    doc.getMap('reads').observe(this.#onReads);
    doc.getMap('pins').observe(this.#onPins);
  }

  get = (): ChannelState => this.#state;

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Look no more. */
  destroy(): void {
    this.#listeners.clear();
    this.#doc.getMap('messages').unobserveDeep(this.#onMessages);
    this.#doc.getMap('reactions').unobserve(this.#onReactions);
    this.#doc.getMap('reads').unobserve(this.#onReads);
    this.#doc.getMap('pins').unobserve(this.#onPins);
  }

  readonly #onMessages = (events: Y.YEvent<Y.AbstractType<unknown>>[]): void => {
    const changed = new Set<string>();
    for (const event of events) {
      if (event.path.length > 0) changed.add(String(event.path[0]));
      else for (const key of event.changes.keys.keys()) changed.add(key);
    }
    for (const id of changed) this.#readMessage(id);
    this.#change(['messages']);
  };

  readonly #onReactions = (event: Y.YMapEvent<unknown>): void => {
    this.#readReactions(event.keysChanged as Set<string>);
    this.#change(['reactions']);
  };

  readonly #onReads = (): void => {
    this.#change(['reads']);
  };

  readonly #onPins = (): void => {
    this.#change(['pins']);
  };

  #readMessage(id: string): void {
    const message = isMessageId(id) ? readMessage(this.#doc, id) : null;
    if (message === null) this.#messages.delete(id);
    else this.#messages.set(id, message);
  }

  #readReactions(keys: Iterable<string>): void {
    const root = this.#doc.getMap('reactions');
    for (const key of keys) {
      const reaction = parseReaction(key);
      if (reaction === null) continue;
      const emojis = new Map(this.#reactions.get(reaction.messageId));
      const others = (emojis.get(reaction.emoji) ?? []).filter((who) => who !== reaction.principalId);
      const who = root.has(key) ? [...others, reaction.principalId] : others;
      if (who.length > 0) emojis.set(reaction.emoji, who);
      else emojis.delete(reaction.emoji);
      if (emojis.size > 0) this.#reactions.set(reaction.messageId, emojis);
      else this.#reactions.delete(reaction.messageId);
    }
  }

  #change(parts: (keyof ChannelState)[]): void {
    this.#state = { ...this.#state, ...this.#compose(parts) };
    for (const listener of [...this.#listeners]) listener();
  }

  #compose(parts: (keyof ChannelState)[]): ChannelState {
    const has = (part: keyof ChannelState) => parts.includes(part);
    const now = this.#state as ChannelState | undefined;
    return {
      messages: has('messages') || !now ? sorted(this.#messages) : now.messages,
      reactions: has('reactions') || !now ? new Map(this.#reactions) : now.reactions,
      reads: has('reads') || !now ? plain(this.#doc, 'reads', (_, mark) => isMessageId(mark)) : now.reads,
      pins: has('pins') || !now ? plain(this.#doc, 'pins', (id) => isMessageId(id)) : now.pins,
    };
  }
}

function sorted(messages: ReadonlyMap<string, Message>): Message[] {
  return [...messages.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

function plain(
  doc: Y.Doc,
  root: string,
  isProper: (key: string, value: string) => boolean,
): Map<string, string> {
  const entries = [...doc.getMap<unknown>(root).entries()];
  return new Map(
    entries.filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string' && isProper(entry[0], entry[1]),
    ),
  );
}
