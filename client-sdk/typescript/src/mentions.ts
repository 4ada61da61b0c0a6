/**
 * Mentions in the text of messages: of people, agents and everybody in a channel.
 *
 *     @[Ann Lee](user:0198c5b7-5c2f-7000-8000-000000000001)
 *     @[Marketing](agent:0198c5b7-5c2f-7000-8000-000000000002)
 *     @channel
 *
 * The label is what people read, the principal id is who is meant. Pure, and total: any text has mentions or none.
 */

/** Whom `@channel` means, where others are principal ids. */
export const EVERYBODY = 'channel';

const MAX_LABEL_CHARACTERS = 100;
const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';
const MENTION = new RegExp(
  `@\\[(?<label>[^\\[\\]\\n]{1,${String(MAX_LABEL_CHARACTERS)}})\\]\\((?<target>(?:user|agent):${UUID})\\)` +
    '|(?<![\\p{L}\\p{N}_@./-])@channel(?![\\p{L}\\p{N}_-])',
  'gu',
);

/** A piece of a text: words, or somebody who is named in it. */
export type TextPiece = { text: string; target?: undefined } | { text: string; target: string };

/** Return a text in pieces; those with a `target` (a principal id, or `EVERYBODY`) are mentions, as people read them. */
export function splitMentions(text: string): TextPiece[] {
  const pieces: TextPiece[] = [];
  let end = 0;
  for (const match of text.matchAll(MENTION)) {
    if (match.index > end) pieces.push({ text: text.slice(end, match.index) });
    const { label, target } = match.groups ?? {};
    pieces.push({ text: `@${label ?? EVERYBODY}`, target: target ?? EVERYBODY });
    end = match.index + match[0].length;
  }
  if (end < text.length) pieces.push({ text: text.slice(end) });
  return pieces;
}

/** Return who is mentioned in a text: principal ids, and `EVERYBODY`. */
export function mentioned(text: string): Set<string> {
  return new Set(splitMentions(text).flatMap((piece) => (piece.target === undefined ? [] : [piece.target])));
}

/** Return the token that mentions somebody under a label, without what a label cannot have in it. */
export function writeMention(label: string, principalId: string): string {
  const shown = Array.from(label.replace(/[[\]\s]+/gu, ' ').trim())
    .slice(0, MAX_LABEL_CHARACTERS)
    .join('');
  return `@[${shown || (principalId.split(':')[0] ?? '')}](${principalId})`;
}

/** Return a text as people read it: `@Ann Lee` where somebody is mentioned. */
export function readAloud(text: string): string {
  return splitMentions(text)
    .map((piece) => piece.text)
    .join('');
}
