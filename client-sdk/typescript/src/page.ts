// A page's document, `page:{page_id}`: reading it, and the smallest edits that do what somebody wants.
//
// Pure functions over a `Y.Doc`. Each operation is one transaction, so that it arrives whole or not at all; put
// several, or an origin for `Y.UndoManager`, around them with `doc.transact(() => ..., origin)`. They are made to
// merge: a block is moved by writing its order key, a content is changed by its differences, what is deleted is
// marked. Anybody may have written anything, so reading is total: what does not fit is shown as its default and
// told in `faults`, and a type that is not known here is `unreadable`. Nothing is changed by being read.

import * as Y from 'yjs';

import { blockType, type BlockType, type Contents, readers } from './blocks/contents.js';
import { InvalidContentError, UnknownBlockError, UnreadableBlockError } from './blocks/errors.js';
import { isObject, type Json, plain } from './blocks/json.js';
import { orderFor } from './blocks/lists.js';
import { isKey } from './blocks/order.js';
import { Reader } from './blocks/reader.js';
import { OF_SERVER, type Patch, patchContent, unfolded, writeContent } from './blocks/shapes.js';

/** Where a block lies on the canvas, in canvas units. */
export interface Place {
  x: number;
  y: number;
  width: number;
  height: number;
  zIndex: number;
}

export const DEFAULT_PLACE: Readonly<Place> = { x: 0, y: 0, width: 640, height: 240, zIndex: 0 };

/** How far from the origin a block can lie, and how large it can be. */
export const MAX_POSITION = 10 ** 9;

interface BlockFacts {
  readonly id: string;
  readonly version: number;
  readonly place: Readonly<Place>;
  /** Null where the block has no usable key; then it comes last. */
  readonly order: string | null;
  readonly createdAt: string | null;
  readonly createdBy: string | null;
  readonly isDeleted: boolean;
  /** The paths of what did not fit and is shown as its default. */
  readonly faults: readonly string[];
}

/** A block of one of the types that are known here. */
export type KnownBlock<T extends BlockType = BlockType> = {
  [Type in T]: BlockFacts & {
    readonly type: Type;
    readonly isReadable: true;
    readonly content: Contents[Type];
  };
}[T];

/** What is no block of a known type; `content` is as much of it as JSON can say. */
export interface UnreadableBlock extends BlockFacts {
  readonly type: string;
  readonly isReadable: false;
  readonly content: Json;
}

export type Block = KnownBlock | UnreadableBlock;

/** Who does something, and when (RFC 3339). */
export interface Stamp {
  by: string;
  at: string;
}

export interface NewBlock {
  id?: string;
  place?: Partial<Place>;
  /** The block to stand behind; null: the first place; undefined: the last one. */
  after?: string | null | undefined;
  stamp: Stamp;
}

type BlockMap = Y.Map<unknown>;

/** Returns the Map of all blocks. */
export function blocksOf(doc: Y.Doc): Y.Map<unknown> {
  return doc.getMap('blocks');
}

/** Returns the page's title, null while nobody has written one. */
export function readTitle(doc: Y.Doc): string | null {
  const title = doc.getMap('meta').get('title');
  return typeof title === 'string' ? title : null;
}

/** Returns the ids of all blocks in document order, those in the page's trash only if asked for. */
export function blockIds(doc: Y.Doc, { deleted = false } = {}): string[] {
  const entries = [...orders(doc)].filter(([, entry]) => deleted || !entry.isDeleted);
  entries.sort(([leftId, left], [rightId, right]) => {
    if (left.order === right.order) return leftId < rightId ? -1 : 1;
    if (left.order === null) return 1;
    if (right.order === null) return -1;
    return left.order < right.order ? -1 : 1;
  });
  return entries.map(([id]) => id);
}

/** Returns the blocks of a page in document order, without those in its trash. */
export function readBlocks(doc: Y.Doc): Block[] {
  return blockIds(doc).map((id) => readBlock(doc, id));
}

/** Returns a block, in the page's trash or not. Throws UnknownBlockError. */
export function readBlock(doc: Y.Doc, id: string): Block {
  const blocks = blocksOf(doc);
  if (!blocks.has(id)) throw new UnknownBlockError(id);
  const value = blocks.get(id);
  if (!(value instanceof Y.Map)) return notABlock(id, value);
  const block = value as BlockMap;
  const faults: string[] = [];
  if (block.get('id') !== id) faults.push('id');
  if (!isKey(block.get('order'))) faults.push('order');
  const facts = { id, ...readFacts(block, faults) };
  const type = blockType(block.get('type'));
  if (type === null || facts.version > 1) faults.push(type === null ? 'type' : 'schema_version');
  const fields =
    faults.includes('type') || facts.version > 1 ? null : Reader.of(block.get('content'), 'content', faults);
  if (type === null || fields === null) {
    const name = block.get('type');
    const content = plain(block.get('content'));
    return { ...facts, type: typeof name === 'string' ? name : '', isReadable: false, content, faults };
  }
  return { ...facts, type, isReadable: true, content: readers[type](fields), faults } as KnownBlock;
}

/** Writes what the page is called. The pages' list follows: REST's `PATCH /v1/pages/{id}` does the same. */
export function writeTitle(doc: Y.Doc, title: string): void {
  const meta = doc.getMap('meta');
  if (meta.get('title') !== title) meta.set('title', title);
}

/**
 * Adds a block; returns its id. Rich texts of the content are given as plain text or as ProseMirror's JSON.
 * Throws InvalidContentError.
 */
export function addBlock(doc: Y.Doc, type: BlockType, content: Patch, options: NewBlock): string {
  checkContent(type, content);
  const id = options.id ?? newId();
  const place = { ...DEFAULT_PLACE, ...options.place };
  doc.transact(() => {
    const order = orderFor(orders(doc), options.after);
    const block = new Y.Map<unknown>();
    blocksOf(doc).set(id, block);
    const fields = {
      id,
      type,
      ...placeFields(place),
      order,
      created_at: options.stamp.at,
      created_by: options.stamp.by,
    };
    for (const [key, value] of Object.entries(fields)) block.set(key, value);
    const map = new Y.Map<unknown>();
    block.set('content', map);
    writeContent(map, type, content);
  });
  return id;
}

/** Puts a block elsewhere on the canvas, or gives it another size or depth. Throws UnknownBlockError. */
export function placeBlock(doc: Y.Doc, id: string, place: Partial<Place>): void {
  const block = living(doc, id);
  doc.transact(() => {
    for (const [key, value] of Object.entries(placeFields(place))) {
      if (block.get(key) !== value) block.set(key, value);
    }
  });
}

/** Moves a block behind another one in the document; null: to the first place. Throws UnknownBlockError. */
export function moveBlock(doc: Y.Doc, id: string, after: string | null): void {
  living(doc, id).set('order', orderFor(orders(doc), after, id));
}

/**
 * Changes the content of a block by a JSON merge patch: null takes a field away. Rich texts are changed by editors,
 * see `richTextOf`. Throws UnknownBlockError, UnreadableBlockError, InvalidContentError.
 */
export function changeBlock(doc: Y.Doc, id: string, patch: Patch): void {
  const block = living(doc, id);
  const type = readableType(doc, id);
  checkContent(type, patch);
  doc.transact(() => {
    patchContent(contentMap(block, type), type, patch);
  });
}

/**
 * Returns the fragment of a rich text in a block's content to bind an editor to, making it where there is none:
 * `path` is `['doc']`, or `['cards', id, 'doc']` for a card of a board.
 */
export function richTextOf(doc: Y.Doc, id: string, path: readonly string[] = ['doc']): Y.XmlFragment {
  const block = living(doc, id);
  const type = readableType(doc, id);
  let place = block.get('content') instanceof Y.Map ? (block.get('content') as BlockMap) : null;
  for (const key of path.slice(0, -1)) {
    const inner: unknown = place?.get(key);
    place = inner instanceof Y.Map ? inner : null;
  }
  const name = path[path.length - 1] ?? 'doc';
  const found = place?.get(name);
  if (found instanceof Y.XmlFragment) return found;
  return doc.transact(() => {
    let target = contentMap(block, type);
    for (const key of path.slice(0, -1)) {
      const inner = target.get(key);
      if (!(inner instanceof Y.Map)) throw new UnreadableBlockError(id);
      target = inner as BlockMap;
    }
    const fragment = new Y.XmlFragment();
    target.set(name, fragment);
    return fragment;
  });
}

/** Puts a block into the page's trash, with what others write into it meanwhile. Throws UnknownBlockError. */
export function deleteBlock(doc: Y.Doc, id: string, stamp: Stamp): void {
  const blocks = blocksOf(doc);
  doc.transact(() => {
    if (blocks.has(id) && !(blocks.get(id) instanceof Y.Map)) {
      blocks.delete(id);
      return;
    }
    const block = living(doc, id);
    block.set('deleted_at', stamp.at);
    block.set('deleted_by', stamp.by);
  });
}

/** Takes a block out of the page's trash. Throws UnknownBlockError. */
export function restoreBlock(doc: Y.Doc, id: string): void {
  const block = blocksOf(doc).get(id);
  if (!(block instanceof Y.Map)) throw new UnknownBlockError(id);
  doc.transact(() => {
    for (const key of ['deleted_at', 'deleted_by', 'moved_to']) if (block.has(key)) block.delete(key);
  });
}

/** Returns blocks as bytes that `pasteBlocks` takes, whatever their types are; where they lie is kept. */
export function copyBlocks(doc: Y.Doc, ids: readonly string[]): Uint8Array {
  const copy = new Y.Doc();
  copy.transact(() => {
    for (const id of ids) {
      const block = blocksOf(doc).get(id);
      if (block instanceof Y.Map) blocksOf(copy).set(id, (block as BlockMap).clone());
    }
  });
  return Y.encodeStateAsUpdate(copy);
}

/** Adds copied blocks as new ones of somebody's, moved by some canvas units; returns their ids. */
export function pasteBlocks(
  doc: Y.Doc,
  copied: Uint8Array,
  { stamp, dx = 24, dy = 24, after }: { stamp: Stamp; dx?: number; dy?: number; after?: string | null },
): string[] {
  const source = new Y.Doc();
  Y.applyUpdate(source, copied);
  const ids: string[] = [];
  doc.transact(() => {
    let behind = after;
    for (const old of blockIds(source, { deleted: true })) {
      const original = blocksOf(source).get(old) as BlockMap;
      const id = newId();
      const { place } = readBlock(source, old);
      const order = orderFor(orders(doc), behind);
      const block = original.clone();
      blocksOf(doc).set(id, block);
      for (const key of ['deleted_at', 'deleted_by', 'moved_to']) block.delete(key);
      const moved = placeFields({ x: place.x + dx, y: place.y + dy });
      const fields = { id, order, ...moved, created_at: stamp.at, created_by: stamp.by };
      for (const [key, value] of Object.entries(fields)) block.set(key, value);
      ids.push(id);
      if (behind !== undefined) behind = id;
    }
  });
  return ids;
}

/** Returns a new id: a UUIDv7, so that the order of ids is the order of time. */
export function newId(now: number = Date.now()): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  for (let index = 5, time = now; index >= 0; index -= 1, time = Math.floor(time / 256))
    bytes[index] = time % 256;
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x70;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

interface Entry {
  order: string | null;
  isDeleted: boolean;
}

/** Order counts those in the trash too, so that they come back to their place. */
function orders(doc: Y.Doc): Map<string, Entry> {
  const found = new Map<string, Entry>();
  for (const [id, value] of blocksOf(doc).entries()) {
    const order: unknown = value instanceof Y.Map ? value.get('order') : null;
    const isDeleted = value instanceof Y.Map && (value.get('deleted_at') ?? null) !== null;
    found.set(id, { order: isKey(order) ? order : null, isDeleted });
  }
  return found;
}

function readFacts(block: BlockMap, faults: string[]) {
  return {
    version: readVersion(block, faults),
    place: readPlace(block, faults),
    order: isKey(block.get('order')) ? (block.get('order') as string) : null,
    createdAt: readText(block, 'created_at', faults),
    createdBy: readText(block, 'created_by', faults),
    isDeleted: (block.get('deleted_at') ?? null) !== null,
  };
}

function readVersion(block: BlockMap, faults: string[]): number {
  const version = block.get('schema_version') ?? 1;
  if (typeof version === 'number' && Number.isInteger(version) && version >= 1) return version;
  faults.push('schema_version');
  return 1;
}

const PLACE_KEYS = {
  x: 'position_x',
  y: 'position_y',
  width: 'width',
  height: 'height',
  zIndex: 'z_index',
} as const satisfies Record<keyof Place, string>;

function readPlace(block: BlockMap, faults: string[]): Place {
  const place: Place = { ...DEFAULT_PLACE };
  for (const name of Object.keys(PLACE_KEYS) as (keyof Place)[]) {
    const value = block.get(PLACE_KEYS[name]);
    const least = name === 'width' || name === 'height' ? 0 : -MAX_POSITION;
    if (typeof value === 'number' && value >= least && value <= MAX_POSITION) place[name] = Math.round(value);
    else faults.push(PLACE_KEYS[name]);
  }
  return place;
}

/** The fields of a block that say where it lies, in whole units and within bounds. */
function placeFields(place: Partial<Place>): Record<string, number> {
  const fields: Record<string, number> = {};
  for (const name of Object.keys(place) as (keyof Place)[]) {
    const value = place[name];
    if (value === undefined || Number.isNaN(value)) continue;
    const least = name === 'width' || name === 'height' ? 0 : -MAX_POSITION;
    fields[PLACE_KEYS[name]] = Math.min(MAX_POSITION, Math.max(least, Math.round(value)));
  }
  return fields;
}

function readText(block: BlockMap, name: string, faults: string[]): string | null {
  const value = block.get(name) ?? null;
  if (value === null || typeof value === 'string') return value;
  faults.push(name);
  return null;
}

function notABlock(id: string, value: unknown): UnreadableBlock {
  const facts = { id, version: 1, place: DEFAULT_PLACE, order: null, createdAt: null, createdBy: null };
  return { ...facts, isDeleted: false, type: '', isReadable: false, content: plain(value), faults: [''] };
}

/** Returns a block that is not in the trash. */
function living(doc: Y.Doc, id: string): BlockMap {
  const value = blocksOf(doc).get(id);
  if (value === undefined) throw new UnknownBlockError(id);
  if (!(value instanceof Y.Map)) throw new UnreadableBlockError(id);
  if ((value.get('deleted_at') ?? null) !== null) throw new UnknownBlockError(id);
  return value as BlockMap;
}

function readableType(doc: Y.Doc, id: string): BlockType {
  const block = readBlock(doc, id);
  if (!block.isReadable) throw new UnreadableBlockError(id);
  return block.type;
}

/** Returns the Map of a content. One that a client has put there as a plain object is made into one first. */
function contentMap(block: BlockMap, type: BlockType): Y.Map<unknown> {
  const content = block.get('content');
  if (content instanceof Y.Map) return content as BlockMap;
  const map = unfolded(type, content);
  block.set('content', map);
  return map;
}

/** Checks the fields that a caller writes, those that are taken away aside. Throws InvalidContentError. */
function checkContent(type: BlockType, patch: Patch): void {
  const faults: string[] = [];
  for (const name of OF_SERVER[type] ?? []) if (patch[name] !== undefined) faults.push(`content.${name}`);
  const fields = Reader.of(withoutTexts(patch), 'content', faults);
  if (fields) readers[type](fields);
  if (faults.length > 0) throw new InvalidContentError(faults);
}

function withoutTexts(patch: Patch): Json {
  const kept: Record<string, Json> = {};
  for (const [key, value] of Object.entries(patch)) {
    if (key === 'doc' || value === null) continue;
    kept[key] = isObject(value) ? withoutTexts(value) : value;
  }
  return kept;
}
