// Plain JSON and what of a document's shared types it can say.

import * as Y from 'yjs';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = Record<string, Json>;

/** Returns what lies in a document as JSON; rich texts are left out, whoever needs them binds to them. */
export function plain(value: unknown): Json {
  if (value instanceof Y.XmlFragment || value instanceof Y.Doc) return null;
  if (value instanceof Y.Text) return value.toJSON();
  if (value instanceof Y.Array) return value.toArray().map(plain);
  if (value instanceof Y.Map) {
    return Object.fromEntries([...value.entries()].map(([key, item]) => [key, plain(item)]));
  }
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Uint8Array || typeof value === 'bigint') return null;
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
  }
  return typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number' ? value : null;
}

/** Tells whether a value is an object of JSON. */
export function isObject(value: unknown): value is JsonObject {
  if (Array.isArray(value) || value instanceof Uint8Array) return false;
  return typeof value === 'object' && value !== null;
}

/** Tells whether two values say the same. */
export function equal(left: Json | undefined, right: Json | undefined): boolean {
  if (Object.is(left, right)) return true;
  if (Array.isArray(left) && Array.isArray(right)) {
    return left.length === right.length && left.every((item, index) => equal(item, right[index]));
  }
  if (!isObject(left) || !isObject(right)) return false;
  const keys = Object.keys(left);
  return keys.length === Object.keys(right).length && keys.every((key) => equal(left[key], right[key]));
}
