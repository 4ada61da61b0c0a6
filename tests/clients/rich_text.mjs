// A stock Tiptap 3 editor's schema for one rich text: {update, tree} in, what the editor makes of both out.
//
// `update` is a document whose fragment `body` the editor reads; `tree` is ProseMirror's JSON that it writes.
import { getSchema } from '@tiptap/core'
import Highlight from '@tiptap/extension-highlight'
import Image from '@tiptap/extension-image'
import { TaskItem, TaskList } from '@tiptap/extension-list'
import Mention from '@tiptap/extension-mention'
import { TableKit } from '@tiptap/extension-table'
import StarterKit from '@tiptap/starter-kit'
import { prosemirrorJSONToYXmlFragment, updateYFragment, yXmlFragmentToProseMirrorRootNode } from '@tiptap/y-tiptap'
import { text } from 'node:stream/consumers'
import * as Y from 'yjs'

const KindOfMention = Mention.extend({
  addAttributes () {
    return { ...this.parent?.(), kind: { default: null } }
  }
})
const schema = getSchema([
  StarterKit, TaskList, TaskItem.configure({ nested: true }), KindOfMention, TableKit, Image, Highlight
])

const { update, tree } = JSON.parse(await text(process.stdin))
const read = new Y.Doc()
Y.applyUpdate(read, Buffer.from(update, 'base64'))
const body = read.getXmlFragment('body')
const before = body.toString()
let edits = 0
read.on('update', () => { edits += 1 })
const node = yXmlFragmentToProseMirrorRootNode(body, schema)
node.check()
updateYFragment(read, body, node, { mapping: new Map(), isOMark: new Map() })

const written = new Y.Doc()
prosemirrorJSONToYXmlFragment(schema, tree, written.getXmlFragment('body'))

process.stdout.write(JSON.stringify({
  edits,
  json: node.toJSON(),
  xml: [before, body.toString(), written.getXmlFragment('body').toString()],
  update: Buffer.from(Y.encodeStateAsUpdate(written)).toString('base64')
}))
