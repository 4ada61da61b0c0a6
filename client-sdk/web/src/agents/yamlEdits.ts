// Changing one value of a YAML text and nothing else: comments and order stay. Pure.
import { isMap, parseDocument, type Document } from 'yaml';

export type Path = readonly string[];

/** Return the value at a path, or undefined where the text says nothing, or is no YAML. */
export function valueAt(yaml: string, path: Path): unknown {
  const document = parseDocument(yaml);
  if (document.errors.length > 0 || !isMap(document.contents)) return undefined;
  const found: unknown = document.getIn(path);
  return typeof found === 'object' && found !== null && 'toJSON' in found
    ? (found as { toJSON: () => unknown }).toJSON()
    : found;
}

/** Tell whether the text can be changed by a form: it is YAML, and a mapping or nothing. */
export function isEditable(yaml: string): boolean {
  const document = parseDocument(yaml);
  return document.errors.length === 0 && (document.contents === null || isMap(document.contents));
}

/** Return the text with another value at a path; undefined takes it out, and what is empty then. */
export function withValue(yaml: string, path: Path, value: unknown): string {
  const document: Document = parseDocument(yaml);
  if (value === undefined) {
    document.deleteIn(path);
    for (let length = path.length - 1; length > 0; length--) {
      const above = document.getIn(path.slice(0, length));
      if (!isMap(above) || above.items.length > 0) break;
      document.deleteIn(path.slice(0, length));
    }
  } else {
    if (!isMap(document.contents)) document.contents = document.createNode({});
    document.setIn(path, document.createNode(value));
  }
  if (isMap(document.contents) && document.contents.items.length === 0 && document.commentBefore === null)
    return '';
  return document.toString({ lineWidth: 0 });
}
