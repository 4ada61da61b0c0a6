// Reading and editing shared types by their path, in JSON that any test can write.
import { getSchema } from '@tiptap/core'
import { TaskItem, TaskList } from '@tiptap/extension-list'
import Mention from '@tiptap/extension-mention'
import StarterKit from '@tiptap/starter-kit'
import { prosemirrorJSONToYXmlFragment, yXmlFragmentToProseMirrorRootNode } from '@tiptap/y-tiptap'
import * as Y from 'yjs'

const schema = getSchema([StarterKit, TaskList, TaskItem.configure({ nested: true }), Mention])

const roots = {
  text: (doc, name) => doc.getText(name),
  map: (doc, name) => doc.getMap(name),
  array: (doc, name) => doc.getArray(name),
  fragment: (doc, name) => doc.getXmlFragment(name)
}

const nested = {
  text: () => new Y.Text(),
  map: () => new Y.Map(),
  array: () => new Y.Array(),
  fragment: () => new Y.XmlFragment()
}

/** Returns the shared type at a path, undefined where there is none yet. */
export function find (doc, { kind, path: [root, ...keys] }) {
  if (keys.length === 0) return roots[kind](doc, root)
  let type = doc.getMap(root)
  for (const key of keys) type = type?.get(type instanceof Y.Array ? Number(key) : key)
  return type
}

/** Returns the value at a path as JSON; undefined where there is nothing yet. */
export function read (doc, target) {
  const type = find(doc, target)
  if (type === undefined) return undefined
  if (target.kind === 'text') return type.toString()
  if (target.kind === 'fragment') return readTiptap(type)
  return type.toJSON()
}

function readTiptap (fragment) {
  const node = yXmlFragmentToProseMirrorRootNode(fragment, schema)
  if (fragment.length > 0) node.check()
  return structuredClone(node.toJSON()) // its attributes have no prototype, which counts in comparisons
}

/** Applies edits to a document in one transaction. */
export function edit (doc, edits) {
  doc.transact(() => {
    for (const step of edits) {
      const type = find(doc, step)
      if (type === undefined) throw new Error(`there is no ${step.kind} at ${step.path.join('/')}`)
      operations[step.op](type, step)
    }
  })
}

const operations = {
  textInsert: (type, { at, text, unit }) => type.insert(utf16(type, at, unit), text),
  textDelete: (type, { at, length, unit }) => {
    const start = utf16(type, at, unit)
    type.delete(start, utf16(type, at + length, unit) - start)
  },
  mapSet: (type, { key, value }) => type.set(key, value),
  mapDelete: (type, { key }) => type.delete(key),
  mapCreate: (type, { key, value }) => type.set(key, nested[value]()),
  arrayInsert: (type, { at, items }) => type.insert(at < 0 ? type.length : at, items),
  arrayDelete: (type, { at, length }) => type.delete(at, length),
  fragmentSet: (type, { value }) => prosemirrorJSONToYXmlFragment(schema, value, type),
  fragmentType: (type, { line, text }) => {
    const written = type.get(line).get(0)
    written.insert(written.length, text)
  },
  fragmentAppend: (type, { nodes }) => {
    const made = new Y.Doc().getXmlFragment('made')
    prosemirrorJSONToYXmlFragment(schema, { type: 'doc', content: nodes }, made)
    type.push(made.toArray().map((node) => node.clone()))
  }
}

/** Converts a position in Unicode code points to Yjs' UTF-16 code units. */
function utf16 (type, position, unit) {
  if (unit === 'utf16') return position
  return unitsBefore(type.toString(), position)
}

/** Returns how many UTF-16 code units the first `points` code points of a string take. */
export function unitsBefore (string, points) {
  let units = 0
  for (let point = 0; point < points && units < string.length; point += 1) {
    units += string.codePointAt(units) > 0xffff ? 2 : 1
  }
  return units
}
