// A stock Tiptap editor on one text of a document, for a page in a browser: bound by the plugin that Tiptap's own
// extension for collaboration consists of, to an unmodified provider on either wire.
import { HocuspocusProvider } from '@hocuspocus/provider'
import { Editor, Extension } from '@tiptap/core'
import StarterKit from '@tiptap/starter-kit'
import { ySyncPlugin } from '@tiptap/y-tiptap'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'

const providers = {
  'y-websocket': ({ url, document, token }, doc) => new WebsocketProvider(url, document, doc, { params: { token } }),
  hocuspocus: ({ url, document, token }, doc) => new HocuspocusProvider({ url, name: document, document: doc, token })
}

/** Opens an editor on the text at a path (a root map's name, then keys), once the server's state is there. */
export async function open (options) {
  const doc = new Y.Doc()
  const provider = providers[options.wire](options, doc)
  await new Promise(resolve => provider.on(options.wire === 'y-websocket' ? 'sync' : 'synced', resolve))
  const [root, ...keys] = options.path
  const fragment = keys.reduce((type, key) => type.get(key), doc.getMap(root))
  const live = Extension.create({ name: 'live', addProseMirrorPlugins: () => [ySyncPlugin(fragment)] })
  const extensions = [StarterKit.configure({ undoRedo: false }), live]
  globalThis.editor = new Editor({ element: globalThis.document.body, extensions, autofocus: 'start' })
}
