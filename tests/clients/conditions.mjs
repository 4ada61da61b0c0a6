// Conditions that a test waits for: each says whether it holds, and what is there when it does not.
import * as Y from 'yjs'
import { isDeepStrictEqual } from 'node:util'
import { find, read } from './content.mjs'
import { missing } from './receipts.mjs'

const conditions = {
  synced: client => [client.isSynced(), `synced is ${client.isSynced()}`],

  saved: client => {
    if (client.wire !== 'hocuspocus') throw new Error('y-websocket has no acknowledgement to wait for')
    return [client.isSynced() && client.unsynced() === 0, `${client.unsynced()} changes are unacknowledged`]
  },

  acknowledged: (client, { count }) => {
    const { acknowledged } = client.receipts.counts
    return [acknowledged >= count, `${acknowledged} updates are acknowledged`]
  },

  refused: (client, { count }) => {
    const { refused } = client.receipts.counts
    return [refused >= count, `${refused} updates are refused`]
  },

  equals: (client, { target, value }) => {
    // The length of a text costs nothing, its string does: compare that first.
    if (target.kind === 'text' && find(client.doc, target)?.length !== value.length) {
      return [false, () => `it is ${short(read(client.doc, target))}`]
    }
    const present = read(client.doc, target)
    return [isDeepStrictEqual(present, value), () => `it is ${short(present)}`]
  },

  length: (client, { target, value }) => {
    const length = find(client.doc, target)?.length
    return [length === value, `its length is ${length}`]
  },

  contains: (client, { target, value }) => {
    const present = read(client.doc, target)
    const has = typeof present === 'string' ? present.includes(value) : present?.[value] !== undefined
    return [has, () => `it is ${short(present)}`]
  },

  has: (client, { update }) => {
    const lacks = missing(client.doc, update)
    return [lacks === null, `it lacks ${lacks}`]
  },

  presence: (client, { count, peer, field, value }) => {
    const states = client.awareness.getStates()
    const fits = count !== null
      ? states.size === count
      : value === null ? !states.has(peer) : isDeepStrictEqual(states.get(peer)?.[field], value)
    return [fits, () => `presence is ${short(Object.fromEntries(states))}`]
  },

  event: (client, { type, detail, count }) => {
    const found = client.events.filter(event => event.event === type && matches(event, detail)).length
    return [found >= count, `${found} of ${count} such events came`]
  },

  converged: (client, { others }) => {
    const apart = others.filter(other => !sameState(client.doc, other.doc)).map(other => other.name)
    return [apart.length === 0, `${client.name} differs from ${apart.join(', ')}`]
  }
}

function matches (event, detail) {
  return Object.entries(detail).every(([key, value]) => isDeepStrictEqual(event[key], value))
}

function sameState (a, b) {
  if (a.store.pendingStructs !== null || b.store.pendingStructs !== null) return false
  return Y.equalSnapshots(Y.snapshot(a), Y.snapshot(b))
}

/** Checks a condition now: whether it holds and a way to say what is there. */
function check (client, condition) {
  const [holds, present] = conditions[condition.is](client, condition)
  return { holds, present: () => typeof present === 'function' ? present() : present }
}

/** Resolves when the condition holds; rejects after `timeout` milliseconds with the client's state. */
export function until (client, condition, timeout) {
  if (check(client, condition).holds) return Promise.resolve(null)
  const watched = [client, ...(condition.others ?? [])]
  return new Promise((resolve, reject) => {
    const look = () => {
      try {
        if (check(client, condition).holds) settle(resolve, null)
      } catch (error) {
        settle(reject, error)
      }
    }
    const timer = setTimeout(() => {
      const { holds, present } = check(client, condition)
      if (holds) return settle(resolve, null)
      const state = short(client.state(), 600)
      settle(reject, new Error(`${client.name}: not within ${timeout} ms: ${describe(condition)}: ${present()}; ${state}`))
    }, timeout)
    const settle = (how, outcome) => {
      clearTimeout(timer)
      for (const one of watched) one.watchers.delete(look)
      how(outcome)
    }
    for (const one of watched) one.watchers.add(look)
  })
}

function describe ({ is, others, update, ...rest }) {
  const target = rest.target ? `${rest.target.kind} ${rest.target.path.join('/')} ` : ''
  delete rest.target
  const details = Object.keys(rest).length > 0 ? ` ${short(rest)}` : ''
  return target + is + details + (others ? ` with ${others.map(other => other.name).join(', ')}` : '')
}

function short (value, limit = 300) {
  const text = JSON.stringify(value) ?? 'absent'
  return text.length > limit ? `${text.slice(0, limit)}… (${text.length} characters)` : text
}
