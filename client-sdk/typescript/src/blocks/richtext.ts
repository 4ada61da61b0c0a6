// Rich texts: how ProseMirror's JSON, as Tiptap writes it, lies in an XmlFragment that editors bind to.

import * as Y from 'yjs';

import type { Json, JsonObject } from './json.js';

export interface RichMark {
  type: string;
  attrs?: JsonObject;
}

export interface RichNode {
  type: string;
  attrs?: JsonObject;
  content?: RichNode[];
  text?: string;
  marks?: RichMark[];
}

/** What a new rich text may be given as: lines of plain text, or ProseMirror's JSON. */
export type RichInput = string | RichNode;

type XmlChild = Y.XmlElement | Y.XmlText | Y.XmlHook;

/** Returns the nodes of a fragment as ProseMirror's JSON, those of unknown types too. */
export function readRich(fragment: Y.XmlFragment): RichNode {
  return { type: 'doc', content: (fragment.toArray() as XmlChild[]).flatMap(readChild) };
}

/** Returns what people read in a rich text, a line for each of its paragraphs. */
export function plainText(fragment: Y.XmlFragment): string {
  return linesOf(readRich(fragment)).join('\n');
}

/** Puts a rich text into an empty fragment. */
export function writeRich(fragment: Y.XmlFragment, input: RichInput): void {
  const nodes = typeof input === 'string' ? paragraphs(input) : (input.content ?? []);
  fragment.insert(0, makeNodes(nodes));
}

function paragraphs(text: string): RichNode[] {
  if (text === '') return [];
  return text
    .split('\n')
    .map((line) => ({ type: 'paragraph', content: line ? [{ type: 'text', text: line }] : [] }));
}

function makeNodes(nodes: readonly RichNode[]): (Y.XmlElement | Y.XmlText)[] {
  const made: (Y.XmlElement | Y.XmlText)[] = [];
  let line: RichNode[] = [];
  const endLine = () => {
    if (line.length > 0) made.push(makeText(line));
    line = [];
  };
  for (const node of nodes) {
    if (node.type === 'text') {
      if (node.text) line.push(node);
      continue;
    }
    endLine();
    made.push(makeElement(node));
  }
  endLine();
  return made;
}

function makeText(nodes: readonly RichNode[]): Y.XmlText {
  const text = new Y.XmlText();
  text.applyDelta(
    nodes.map((node) => ({
      insert: node.text,
      attributes: Object.fromEntries((node.marks ?? []).map((mark) => [mark.type, mark.attrs ?? {}])),
    })),
  );
  return text;
}

function makeElement(node: RichNode): Y.XmlElement {
  const element = new Y.XmlElement<Record<string, Json>>(node.type);
  for (const [name, value] of Object.entries(node.attrs ?? {})) {
    if (value !== null) element.setAttribute(name, value);
  }
  element.insert(0, makeNodes(node.content ?? []));
  return element as unknown as Y.XmlElement;
}

function readChild(child: XmlChild): RichNode[] {
  if (child instanceof Y.XmlText) return readText(child);
  if (!(child instanceof Y.XmlElement)) return [];
  const node: RichNode = { type: child.nodeName };
  const attrs = child.getAttributes() as JsonObject;
  if (Object.keys(attrs).length > 0) node.attrs = attrs;
  const content = (child.toArray() as XmlChild[]).flatMap(readChild);
  if (content.length > 0) node.content = content;
  return [node];
}

function readText(text: Y.XmlText): RichNode[] {
  const delta = text.toDelta() as { insert: unknown; attributes?: Record<string, Json> }[];
  return delta.flatMap(({ insert, attributes }) => {
    if (typeof insert !== 'string') return [];
    const node: RichNode = { type: 'text', text: insert };
    const marks = Object.entries(attributes ?? {}).map(([name, attrs]) => readMark(name, attrs));
    if (marks.length > 0) node.marks = marks;
    return [node];
  });
}

/** A mark that may lie over itself has a hash behind its name. */
function readMark(name: string, attrs: Json): RichMark {
  const mark: RichMark = { type: name.replace(/--[A-Za-z0-9+/=]{8}$/, '') };
  if (typeof attrs === 'object' && attrs !== null && !Array.isArray(attrs) && Object.keys(attrs).length > 0) {
    mark.attrs = attrs;
  }
  return mark;
}

const INLINE = new Set(['text', 'hardBreak', 'mention']);

function linesOf(node: RichNode): string[] {
  const content = node.content ?? [];
  if (content.length > 0 && content.every((child) => INLINE.has(child.type))) {
    return content.map(wordsOf).join('').split('\n');
  }
  return content.flatMap(linesOf);
}

function wordsOf(node: RichNode): string {
  if (node.type === 'hardBreak') return '\n';
  if (node.type !== 'mention') return node.text ?? '';
  const label = node.attrs?.label ?? node.attrs?.id;
  return `@${typeof label === 'string' ? label : ''}`;
}
