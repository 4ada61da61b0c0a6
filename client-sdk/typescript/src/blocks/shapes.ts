// How the content of each type lies in the document, and writing it with as few edits as there are differences.
//
// A rich text is an XmlFragment, which editors bind to; what two people may change at once is a Map; anything
// else is a plain value, which is written whole. What is equal is not touched, so it keeps what others do there.

import * as Y from 'yjs';

import type { BlockType } from './contents.js';
import { InvalidContentError } from './errors.js';
import { equal, isObject, type Json, type JsonObject, plain } from './json.js';
import { type RichInput, writeRich } from './richtext.js';

type Shape = 'rich' | 'value' | { fields: Readonly<Record<string, Shape>> } | { each: Shape };

/** A content, or a JSON merge patch of one: null takes away, rich texts are given as text or JSON. */
export type Patch = JsonObject;

const rich = { fields: { doc: 'rich' } } as const;
const plainFields = { fields: {} } as const;

const SHAPES: Readonly<Record<BlockType, { fields: Readonly<Record<string, Shape>> }>> = {
  text: rich,
  chat_bubble: rich,
  agent_snippet: rich,
  embed_panel: plainFields,
  table_view: {
    fields: {
      columns: { each: plainFields },
      rows: { each: { fields: { cells: { each: 'value' } } } },
      view: plainFields,
    },
  },
  kanban_board: { fields: { columns: { each: plainFields }, cards: { each: rich } } },
  image: plainFields,
  video: plainFields,
  shopify_product: plainFields,
  tiktok_post: plainFields,
};

/** Fields that are written by the server alone. */
export const OF_SERVER: Partial<Record<BlockType, readonly string[]>> = {
  agent_snippet: ['run_id', 'status'],
  embed_panel: ['html', 'thumbnail_url', 'resolved_url', 'found_title'],
  shopify_product: ['cache'],
  tiktok_post: ['cache'],
};

/** Writes a new content into a Map: all that others may change at once is made now. */
export function writeContent(place: Y.Map<unknown>, type: BlockType, content: Patch): void {
  writeFields(place, SHAPES[type].fields, content);
}

/** Changes a content that lies in a Map by a merge patch. */
export function patchContent(place: Y.Map<unknown>, type: BlockType, patch: Patch): void {
  patchFields(place, SHAPES[type], patch);
}

/** Returns a Map with what a plain object says, for a content that a client has written whole. */
export function unfolded(type: BlockType, value: unknown): Y.Map<unknown> {
  const map = new Y.Map<unknown>();
  const content = plain(value);
  writeFields(map, SHAPES[type].fields, isObject(content) ? content : {});
  return map;
}

function shapeOf(shape: Shape, key: string): Shape {
  if (typeof shape === 'string') return 'value';
  return 'each' in shape ? shape.each : (shape.fields[key] ?? 'value');
}

function writeFields(place: Y.Map<unknown>, shapes: Readonly<Record<string, Shape>>, value: Patch): void {
  for (const key of new Set([...Object.keys(shapes), ...Object.keys(value)])) {
    writeField(place, key, shapes[key] ?? 'value', value[key]);
  }
}

function writeField(place: Y.Map<unknown>, key: string, shape: Shape, value: Json | undefined): void {
  if (shape === 'rich') {
    const fragment = new Y.XmlFragment();
    place.set(key, fragment);
    writeRich(fragment, (value ?? '') as RichInput);
  } else if (shape === 'value') {
    if (value !== undefined && value !== null) place.set(key, value);
  } else {
    const map = new Y.Map<unknown>();
    place.set(key, map);
    const given: JsonObject = isObject(value) ? value : {};
    if ('fields' in shape) writeFields(map, shape.fields, given);
    else for (const [id, entry] of Object.entries(given)) writeField(map, id, shape.each, entry);
  }
}

function patchFields(place: Y.Map<unknown>, shape: Shape, patch: Patch): void {
  for (const [key, value] of Object.entries(patch)) {
    patchField(place, key, shapeOf(shape, key), value);
  }
}

function patchField(place: Y.Map<unknown>, key: string, shape: Shape, value: Json): void {
  const current = place.get(key);
  if (current instanceof Y.XmlFragment) {
    throw new InvalidContentError([`${key}: a rich text is written by an editor, never replaced`]);
  }
  if (value === null) {
    if (place.has(key)) place.delete(key);
  } else if (typeof shape !== 'string' && isObject(value)) {
    if (current instanceof Y.Map) patchFields(current as Y.Map<unknown>, shape, value);
    else {
      const before = plain(current);
      writeField(place, key, shape, merged(isObject(before) ? before : {}, value));
    }
  } else {
    const before = plain(current);
    const after = isObject(before) && isObject(value) ? merged(before, value) : value;
    if (!equal(before, after)) writeField(place, key, shape, after);
  }
}

function merged(value: JsonObject, patch: JsonObject): JsonObject {
  const result: JsonObject = { ...value };
  for (const [key, part] of Object.entries(patch)) {
    const before = result[key];
    if (part === null) Reflect.deleteProperty(result, key);
    else result[key] = isObject(part) ? merged(isObject(before) ? before : {}, part) : part;
  }
  return result;
}
