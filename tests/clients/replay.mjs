// Types a recorded session into one or two clients, keystroke by keystroke, in the recorded concurrency.
//
// Each author edits a document of their own. What they type passes at once into their client's document, and so
// to the server; what their client receives is held back until the recording says that they had seen it. The
// providers stay as they are. Held updates can be told apart by the other's keystrokes because an author pauses
// where the other one's view ends ("a seal") until everything before it has arrived.
import * as Y from 'yjs'
import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises'
import { unitsBefore } from './content.mjs'
import { missing } from './receipts.mjs'

const BACKLOG_BYTES = 1 << 20

class Author {
  typed = 0
  seen = 0
  #held = []
  #sealed = []
  #isAstral = false

  constructor (client, root, clientId) {
    this.client = client
    this.doc = new Y.Doc()
    Y.applyUpdate(this.doc, Y.encodeStateAsUpdate(client.doc))
    this.doc.clientID = clientId
    this.text = this.doc.getText(root)
    this.#isAstral = hasAstral(this.text.toString())
    this.doc.on('update', (update, origin) => {
      if (origin === 'released') return
      this.latest = update
      Y.applyUpdate(client.doc, update, 'typed')
    })
    this.hold = (update, origin) => { if (origin !== 'typed') this.#held.push(update) }
    client.doc.on('update', this.hold)
  }

  /** Applies the patches of one transaction, positions in Unicode code points. */
  type (patches) {
    this.doc.transact(() => {
      for (const [position, deleted, inserted] of patches) {
        const [at, length] = this.#units(position, deleted)
        if (length > 0) this.text.delete(at, length)
        if (inserted.length > 0) this.text.insert(at, inserted)
        this.#isAstral ||= hasAstral(inserted)
      }
    })
    this.typed += 1
  }

  #units (position, deleted) {
    if (!this.#isAstral) return [position, deleted]
    const present = this.text.toString()
    const at = unitsBefore(present, position)
    return [at, unitsBefore(present.slice(at), deleted)]
  }

  /** Remembers that what is held now is what the other typed before their keystroke `count`. */
  seal (count) {
    this.#sealed.push({ count, updates: this.#held.splice(0) })
  }

  /** Shows this author what the other typed up to keystroke `count`, and no more. */
  release (count) {
    while (this.#sealed.length > 0 && this.#sealed[0].count <= count) {
      const { updates } = this.#sealed.shift()
      this.doc.transact(() => {
        for (const update of updates) Y.applyUpdate(this.doc, update, 'released')
      }, 'released')
      for (const update of updates) this.#isAstral ||= hasAstral(inserts(update))
    }
    this.seen = count
  }

  stop () {
    this.client.doc.off('update', this.hold)
  }
}

/**
 * Replays steps of `{author, seen, patches}`: `seen` is how many of the other's steps this author has seen.
 * Every step is one transaction. Resolves when each client holds what both have typed.
 */
export async function replay (clients, { root, clientIds, steps, perSecond, timeout }, until) {
  const authors = clients.map((client, index) => new Author(client, root, clientIds[index]))
  const seals = authors.map((_, author) => new Set(steps.filter(step => step.author !== author).map(step => step.seen)))
  const started = performance.now()
  const arrive = async author => {
    const [from, to] = [authors[author], authors[1 - author]]
    if (from.latest !== undefined) {
      const rest = timeout - (performance.now() - started)
      await until(to.client, { is: 'has', update: from.latest }, Math.max(rest, 1))
    }
    to.seal(from.typed)
    seals[author].delete(from.typed)
  }
  try {
    for (const [index, { author, seen, patches }] of steps.entries()) {
      const me = authors[author]
      if (authors.length > 1) {
        if (seals[1 - author].has(seen) && authors[1 - author].typed === seen) await arrive(1 - author)
        if (me.seen < seen) me.release(seen)
        if (seals[author].has(me.typed) && me.typed > 0) await arrive(author)
      }
      me.type(patches)
      await yieldToNetwork(clients[author])
      if (perSecond !== null) await pause(Math.max(0, started + (index + 1) * 1000 / perSecond - performance.now()))
    }
    if (authors.length > 1) for (const author of [0, 1]) await arrive(author)
  } finally {
    for (const author of authors) author.stop()
  }
  return { seconds: (performance.now() - started) / 1000 }
}

async function yieldToNetwork (client) {
  await turn()
  while (client.tap.backlog > BACKLOG_BYTES) await pause(5)
}

function inserts (update) {
  return Y.decodeUpdate(update).structs.map(struct => struct.content?.str ?? '').join('')
}

function hasAstral (string) {
  return /[\u{10000}-\u{10ffff}]/u.test(string)
}
