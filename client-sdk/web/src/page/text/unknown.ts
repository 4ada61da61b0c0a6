// Whether a text has anything that this editor does not know. An editor deletes what does not fit its schema, so a
// text of another program is shown and left alone instead.
import type { Schema } from '@tiptap/pm/model';
import * as Y from 'yjs';

/** Returns the first node or mark that a schema does not have, null if all are known. */
export function findUnknown(fragment: Y.XmlFragment, schema: Schema): string | null {
  for (const child of fragment.toArray()) {
    const found = findIn(child, schema);
    if (found !== null) return found;
  }
  return null;
}

function findIn(node: Y.XmlElement | Y.XmlText | Y.XmlHook, schema: Schema): string | null {
  if (node instanceof Y.XmlText) return findMark(node, schema);
  if (!(node instanceof Y.XmlElement)) return 'hook';
  if (!Object.hasOwn(schema.nodes, node.nodeName)) return node.nodeName;
  return findUnknown(node, schema);
}

function findMark(text: Y.XmlText, schema: Schema): string | null {
  for (const part of text.toDelta() as { insert: unknown; attributes?: Record<string, unknown> }[]) {
    if (typeof part.insert !== 'string') return 'embed';
    for (const name of Object.keys(part.attributes ?? {})) {
      if (!Object.hasOwn(schema.marks, name.replace(/--[A-Za-z0-9+/=]{8}$/, ''))) return name;
    }
  }
  return null;
}
