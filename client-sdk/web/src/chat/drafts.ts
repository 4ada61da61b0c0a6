// What somebody writes, as they see it: mentions are names there, and tokens in the message that is sent. Pure.
import { mentions } from '@ionflux/client';

/** A text in the making. `targets` says whom `@name` means, where that was chosen from the list. */
export interface Draft {
  text: string;
  targets: ReadonlyMap<string, string>;
}

export const EMPTY: Draft = { text: '', targets: new Map() };

/** Return a message's text as its author edits it. */
export function toDraft(text: string): Draft {
  const targets = new Map<string, string>();
  const pieces = mentions.splitMentions(text);
  for (const { text: name, target } of pieces) {
    if (target !== undefined && target !== mentions.EVERYBODY) targets.set(name, target);
  }
  return { text: pieces.map((piece) => piece.text).join(''), targets };
}

/** Return the text that is sent. Names that were not chosen from the list stay words. */
export function fromDraft({ text, targets }: Draft): string {
  const names = [...targets.keys()].sort((a, b) => b.length - a.length);
  if (names.length === 0) return text.trim();
  const pattern = new RegExp(`(?:${names.map(escapePattern).join('|')})(?![\\p{L}\\p{N}])`, 'gu');
  return text
    .replace(pattern, (name) => mentions.writeMention(name.slice(1), targets.get(name) ?? ''))
    .trim();
}

/** What is being written at the caret, where a list of candidates helps. */
export type Trigger =
  | { kind: 'command'; query: string; start: number; end: number }
  | { kind: 'argument'; command: string; query: string; start: number; end: number }
  | { kind: 'mention'; query: string; start: number; end: number };

/** Return what is being written at the caret, or null. */
export function findTrigger(text: string, caret: number): Trigger | null {
  const before = text.slice(0, caret);
  const command = /^\/([\p{L}\p{N}_-]*)$/u.exec(before);
  if (command) return { kind: 'command', query: command[1] ?? '', start: 0, end: caret };
  const argument = /^\/([\p{L}\p{N}_-]+)\s(?:.*\s)?([\p{L}_][\p{L}\p{N}_]*)?$/u.exec(before);
  if (argument && !isInQuotes(before)) {
    const query = argument[2] ?? '';
    return { kind: 'argument', command: argument[1] ?? '', query, start: caret - query.length, end: caret };
  }
  const mention = /(?:^|[\s(])@([\p{L}\p{N}_.-]*(?: [\p{L}\p{N}_.-]*)?)$/u.exec(before);
  if (mention) {
    const query = mention[1] ?? '';
    return { kind: 'mention', query, start: caret - query.length - 1, end: caret };
  }
  return null;
}

/** Return a draft in which something chosen stands in the place of what was being written, and the caret behind it. */
export function complete(
  draft: Draft,
  trigger: Trigger,
  chosen: { text: string; target?: string | undefined },
): { draft: Draft; caret: number } {
  const text = draft.text.slice(0, trigger.start) + chosen.text + draft.text.slice(trigger.end);
  const targets = new Map(draft.targets);
  if (chosen.target !== undefined) targets.set(chosen.text.trimEnd(), chosen.target);
  return { draft: { text, targets }, caret: trigger.start + chosen.text.length };
}

/** Return candidates that fit a query, those that begin so before those that have it in them. */
export function rank<T>(items: readonly T[], query: string, nameOf: (item: T) => string, most = 8): T[] {
  const wanted = fold(query);
  const scored = items.flatMap((item) => {
    const at = fold(nameOf(item)).indexOf(wanted);
    return at < 0 ? [] : [{ item, at: at === 0 ? 0 : 1 }];
  });
  return scored
    .sort((a, b) => a.at - b.at)
    .slice(0, most)
    .map(({ item }) => item);
}

function fold(text: string): string {
  return text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
}

function isInQuotes(text: string): boolean {
  return text.replaceAll('\\"', '').split('"').length % 2 === 0;
}

function escapePattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
