// Relative positions as a stock Yjs client has them: {update, made, wanted} in, what it makes and finds out.
//
// `made` is pairs of encoded positions to find in the one text of the page's block; `wanted` offsets of that
// text (in UTF-16, as Yjs counts) with the side to stick to, to encode.
import { text } from 'node:stream/consumers'
import * as Y from 'yjs'

const { update, made, wanted } = JSON.parse(await text(process.stdin))
const doc = new Y.Doc()
Y.applyUpdate(doc, Buffer.from(update, 'base64'))
const body = doc.getMap('blocks').get('b').get('content').get('doc').get(0).get(0)

const find = position => {
  const decoded = Y.decodeRelativePosition(Buffer.from(position, 'base64url'))
  const found = Y.createAbsolutePositionFromRelativePosition(decoded, doc)
  return found && found.type === body ? found.index : null
}

process.stdout.write(JSON.stringify({
  length: body.length,
  found: made.map(pair => pair.map(find)),
  encoded: wanted.map(([index, assoc]) => Buffer.from(
    Y.encodeRelativePosition(Y.createRelativePositionFromTypeIndex(body, index, assoc))
  ).toString('base64url'))
}))
