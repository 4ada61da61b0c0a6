// Reads and writes pages with the SDK for a test: one JSON command a line in, one JSON answer a line out.
import { createInterface } from 'node:readline';

import * as Y from 'yjs';

import * as sdk from '../dist/page.js';
import { keyBetween } from '../dist/blocks/order.js';
import { readRich } from '../dist/blocks/richtext.js';

const decode = (update) => {
  const doc = new Y.Doc();
  if (update) Y.applyUpdate(doc, Buffer.from(update, 'base64'));
  return doc;
};
const encode = (doc) => Buffer.from(Y.encodeStateAsUpdate(doc)).toString('base64');

const shown = (value) => {
  if (value instanceof Y.XmlFragment) return readRich(value);
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, entry]) => [key, shown(entry)]));
  if (Array.isArray(value)) return value.map(shown);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, shown(entry)]));
};

const commands = {
  read: ({ update }) => {
    const doc = decode(update);
    const before = encode(doc);
    const blocks = sdk.blockIds(doc, { deleted: true }).map((id) => shown(sdk.readBlock(doc, id)));
    return { blocks, isUntouched: encode(doc) === before };
  },
  edit: ({ update, edits }) => {
    const doc = decode(update);
    let edited = 0;
    const results = edits.map(([name, ...args]) => {
      const target = name === 'pasteBlocks' ? [Buffer.from(args[0], 'base64'), ...args.slice(1)] : args;
      const result = sdk[name](doc, ...target);
      return result instanceof Uint8Array ? Buffer.from(result).toString('base64') : (shown(result) ?? null);
    });
    doc.on('update', () => (edited += 1));
    const [last] = edits.slice(-1);
    if (last?.[0] === 'changeBlock') sdk.changeBlock(doc, ...last.slice(1)); // again: nothing is different
    return { update: encode(doc), results, edited };
  },
  keys: ({ pairs }) => pairs.map(([before, after]) => keyBetween(before, after)),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...args } = JSON.parse(line);
  let answer;
  try {
    answer = { answer: commands[command](args) };
  } catch (error) {
    answer = { error: error.name, message: error.message };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
