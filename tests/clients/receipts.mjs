// What one client sent and what the server acknowledged of it, read from the frames themselves.
import * as decoding from 'lib0/decoding'
import * as Y from 'yjs'

const SYNC = 0
const AUTH = 2
const CLOSE = 7
const SYNC_STATUS = 8
const STEP_2 = 1
const UPDATE = 2

/** Splits a frame into its message type and the rest; null for one that is another document's. */
export function parse (frame, wire, key) {
  const decoder = decoding.createDecoder(frame)
  if (wire === 'hocuspocus') {
    if (frame.length === 1) return { type: frame[0], decoder: null }
    if (decoding.readVarString(decoder) !== key) return null
  }
  return { type: decoding.readVarUint(decoder), decoder }
}

/** Counts and keeps the updates of one client by what became of them. */
export class Receipts {
  counts = { sent: 0, acknowledged: 0, refused: 0 }
  closings = []
  #awaiting = []
  #acknowledged = []
  #keep
  #doc

  constructor (doc, keep) {
    this.#doc = doc
    this.#keep = keep
  }

  /** A new connection: what the old one left unanswered stays unacknowledged. */
  restart () {
    this.#awaiting = []
  }

  sent ({ type, decoder }) {
    const update = type === SYNC ? readUpdate(decoder) : null
    if (update === null) return
    this.counts.sent += 1
    this.#awaiting.push({ update, end: this.#ownEnd(update) })
  }

  /** Hocuspocus: one SyncStatus answers the oldest update that has none. */
  received ({ type, decoder }) {
    if (type === CLOSE) this.closings.push(decoding.readVarString(decoder))
    if (type !== SYNC_STATUS) return
    const oldest = this.#awaiting.shift()
    if (decoding.readVarInt(decoder) === 1) this.#acknowledge(oldest)
    else this.counts.refused += 1
  }

  /** y-websocket: an update that carries our own structs back answers all that we sent up to them. */
  echoed ({ type, decoder }) {
    if (type === AUTH) this.counts.refused += 1
    if (type !== SYNC || this.#awaiting.length === 0) return
    if (decoding.readVarUint(decoder) !== UPDATE) return
    const clock = this.#ownEnd(decoding.readVarUint8Array(decoder))
    if (clock === 0) return
    let answered = 0
    for (const [index, { end }] of this.#awaiting.entries()) {
      if (end > clock) break
      if (end > 0) answered = index + 1 // a deletion alone has no clock: it is answered with what follows it
    }
    for (const oldest of this.#awaiting.splice(0, answered)) this.#acknowledge(oldest)
  }

  /** The acknowledged updates. */
  get acknowledged () {
    if (!this.#keep) throw new Error('open the client with receipts: true')
    return this.#acknowledged
  }

  #acknowledge (oldest) {
    this.counts.acknowledged += 1
    if (this.#keep && oldest !== undefined) this.#acknowledged.push(oldest.update)
  }

  /** The clock behind our newest struct in an update; 0 where there is none. */
  #ownEnd (update) {
    let end = 0
    for (const { id, length } of Y.decodeUpdate(update).structs) {
      if (id.client === this.#doc.clientID) end = Math.max(end, id.clock + length)
    }
    return end
  }
}

function readUpdate (decoder) {
  const subtype = decoding.readVarUint(decoder)
  return subtype === STEP_2 || subtype === UPDATE ? decoding.readVarUint8Array(decoder) : null
}

/**
 * Folds what several clients of a document had acknowledged into one update. What waits for something that was
 * not acknowledged is left out: the server keeps it, and shows it to nobody yet.
 */
export function visible (receipts) {
  const doc = new Y.Doc()
  doc.transact(() => {
    for (const update of receipts.flatMap(one => one.acknowledged)) Y.applyUpdate(doc, update)
  })
  doc.store.pendingStructs = null
  doc.store.pendingDs = null
  return Y.encodeStateAsUpdate(doc)
}

/** Says what an update has that a document lacks; null when the document has all of it. */
export function missing (doc, update) {
  const { structs, ds } = Y.decodeUpdate(update)
  for (const struct of structs) {
    if (struct instanceof Y.Skip) continue
    const { id, length } = struct
    const clock = Y.getState(doc.store, id.client)
    if (clock < id.clock + length) {
      return `inserts of client ${id.client} from clock ${clock} to ${id.clock + length}`
    }
  }
  for (const [client, ranges] of ds.clients) {
    for (const { clock, len } of ranges) {
      for (let at = clock; at < clock + len;) {
        if (at >= Y.getState(doc.store, client)) return `a deletion of ${client}:${at}, which is unknown`
        const item = Y.getItem(doc.store, Y.createID(client, at))
        if (!item.deleted) return `the deletion of ${client}:${at}`
        at = item.id.clock + item.length
      }
    }
  }
  return null
}
