// Reads the fields of what anybody may have written: what does not fit is the default, and told as a fault.

import * as Y from 'yjs';

import { isObject, type Json, type JsonObject, plain } from './json.js';
import { isKey } from './order.js';

export const MAX_LINE = 500;
export const MAX_PROSE = 5000;

interface TextLimits {
  max?: number;
  min?: number;
  pattern?: RegExp;
}

/** An object in a document, a shared Map or a plain value, seen as fields. */
export class Reader {
  private constructor(
    private readonly map: Y.Map<unknown> | JsonObject,
    private readonly path: string,
    private readonly faults: string[],
  ) {}

  /** Returns a reader of what lies somewhere, null if that is no object. */
  static of(value: unknown, path: string, faults: string[]): Reader | null {
    if (value instanceof Y.Map || isObject(value)) {
      if (!(value instanceof Y.AbstractType) || value instanceof Y.Map)
        return new Reader(value, path, faults);
    }
    faults.push(path);
    return null;
  }

  has(name: string): boolean {
    return this.map instanceof Y.Map ? this.map.has(name) : Object.hasOwn(this.map, name);
  }

  get(name: string): unknown {
    return this.map instanceof Y.Map ? this.map.get(name) : this.map[name];
  }

  keys(): string[] {
    return this.map instanceof Y.Map ? [...this.map.keys()] : Object.keys(this.map);
  }

  /** Returns a text, the default where there is none. */
  text<D extends string | null>(name: string, fallback: D, limits: TextLimits = {}): string | D {
    const value = this.get(name);
    if (value === undefined || (value === null && fallback === null)) return fallback;
    const written = value instanceof Y.Text ? value.toJSON() : value;
    if (typeof written === 'string' && isWithin(written, limits)) return written;
    this.fault(name);
    return fallback;
  }

  line(name: string): string {
    return this.text(name, '', { max: MAX_LINE });
  }

  prose(name: string): string {
    return this.text(name, '', { max: MAX_PROSE });
  }

  id(name: string): string | null {
    return this.text(name, null, { min: 1, max: 100 });
  }

  url(name: string): string | null {
    return this.text(name, null, { max: 2000, pattern: /^https?:\/\/[!-~]+$/ });
  }

  order(): string | null {
    const value = this.get('order');
    return isKey(value) ? value : null;
  }

  /** Returns one of some words, the first where there is none of them. */
  oneOf<const T extends readonly [string, ...string[]]>(name: string, words: T): T[number] {
    const value = this.get(name);
    if (value === undefined) return words[0];
    if (typeof value === 'string' && words.includes(value)) return value;
    this.fault(name);
    return words[0];
  }

  whole(name: string, least: number, most: number): number | null {
    const value = this.get(name);
    if (value === undefined || value === null) return null;
    if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
    this.fault(name);
    return null;
  }

  object(name: string): JsonObject {
    if (!this.has(name)) return {};
    const value = plain(this.get(name));
    if (isObject(value)) return value;
    this.fault(name);
    return {};
  }

  /** Returns a list of what fits. */
  list<T>(name: string, most: number, read: (value: Json) => T | null): T[] {
    if (!this.has(name)) return [];
    const value = plain(this.get(name));
    const items = Array.isArray(value) && value.length <= most ? value.map(read) : [null];
    if (items.includes(null)) {
      this.fault(name);
      return [];
    }
    return items as T[];
  }

  /** Returns a rich text to bind an editor to; null where none was written. */
  rich(name: string): Y.XmlFragment | null {
    const value = this.get(name);
    if (value instanceof Y.XmlFragment) return value;
    if (value !== undefined) this.fault(name);
    return null;
  }

  /** Returns the entries of a Map by their ids, each read as an object. */
  entries<T>(name: string, read: (entry: Reader) => T): Map<string, T> {
    const found = new Map<string, T>();
    if (!this.has(name)) return found;
    const path = `${this.path}.${name}`;
    const reader = Reader.of(this.get(name), path, this.faults);
    for (const key of reader?.keys() ?? []) {
      if (key.length === 0 || key.length > 100) {
        this.faults.push(path);
        continue;
      }
      const entry = Reader.of(reader?.get(key), `${path}.${key}`, this.faults);
      if (entry) found.set(key, read(entry));
    }
    return found;
  }

  inner(name: string): Reader | null {
    return this.has(name) ? Reader.of(this.get(name), `${this.path}.${name}`, this.faults) : null;
  }

  fault(name: string): void {
    this.faults.push(`${this.path}.${name}`);
  }
}

function isWithin(text: string, { min = 0, max = Infinity, pattern }: TextLimits): boolean {
  if (text.length < min || (text.length > max && Array.from(text).length > max)) return false;
  return pattern === undefined || pattern.test(text);
}
