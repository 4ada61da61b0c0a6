// Hosts stock Yjs clients under the control of a test: one JSON command a line in, one JSON answer a line out.
//
// Command {id, do, client, ...} -> {id, ok: true, result} or {id, ok: false, error}; commands run side by side.
// What happens to a client comes by itself as {event, client, ...}, what a package prints as {event: "console"}.
// The process ends with its standard input.
import { createInterface } from 'node:readline'
import { format } from 'node:util'
import * as Y from 'yjs'
import { Client } from './client.mjs'
import { until } from './conditions.mjs'
import { edit, find, read } from './content.mjs'
import { missing, visible } from './receipts.mjs'
import { replay } from './replay.mjs'

const clients = new Map()

function say (message) {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}

for (const level of ['log', 'info', 'debug', 'warn', 'error']) {
  console[level] = (...parts) => say({ event: 'console', level, text: format(...parts) })
}

function named (name) {
  const client = clients.get(name)
  if (client === undefined) throw new Error(`there is no client ${name}`)
  return client
}

const base64 = bytes => Buffer.from(bytes).toString('base64')
const bytes = base64 => Buffer.from(base64, 'base64')

const commands = {
  open: options => {
    if (clients.has(options.name)) throw new Error(`there is a client ${options.name} already`)
    const host = options.shares === null ? null : named(options.shares)
    const client = new Client(options, host, say)
    clients.set(client.name, client)
    return { clientId: client.doc.clientID }
  },

  wait: ({ client, condition, timeout }) => {
    if (condition.others) condition.others = condition.others.map(named)
    if (condition.update) condition.update = bytes(condition.update)
    return until(named(client), condition, timeout)
  },

  edit: ({ client, edits }) => edit(named(client).doc, edits),
  read: ({ client, target }) => read(named(client).doc, target) ?? null,
  xml: ({ client, target }) => find(named(client).doc, target).toString(),

  stateVector: ({ client }) => Object.fromEntries(Y.decodeStateVector(Y.encodeStateVector(named(client).doc))),
  update: ({ client }) => base64(Y.encodeStateAsUpdate(named(client).doc)),
  apply: ({ client, update }) => Y.applyUpdate(named(client).doc, bytes(update)),
  missing: ({ client, update }) => missing(named(client).doc, bytes(update)),

  setPresence: ({ client, field, value }) => named(client).awareness.setLocalStateField(field, value),
  leavePresence: ({ client }) => named(client).awareness.setLocalState(null),
  presence: ({ client }) => Object.fromEntries(named(client).awareness.getStates()),

  connect: ({ client }) => named(client).connect(),
  disconnect: ({ client }) => named(client).disconnect(),
  kill: ({ client }) => named(client).tap.kill(),
  setToken: ({ client, token }) => named(client).setToken(token),
  sendToken: ({ client }) => named(client).sendToken(),
  sendStateless: ({ client, payload }) => named(client).sendStateless(payload),
  sendRaw: ({ client, frame }) => named(client).tap.sendRaw(Buffer.from(frame, 'hex')),

  destroy: ({ client }) => {
    named(client).destroy()
    clients.delete(client)
  },

  state: ({ client }) => named(client).state(),
  record: ({ client }) => { named(client).frames = [] },
  frames: ({ client }) => named(client).frames,

  acknowledged: ({ clients }) => base64(visible(clients.map(name => named(name).receipts))),
  replay: ({ clients, ...recording }) => replay(clients.map(named), recording, until)
}

async function answer ({ id, do: name, ...command }) {
  try {
    if (!(name in commands)) throw new Error(`there is no command ${name}`)
    const result = await commands[name](command)
    say({ id, ok: true, result: result ?? null })
  } catch (error) {
    say({ id, ok: false, error: error.message })
  }
}

for await (const line of createInterface({ input: process.stdin })) answer(JSON.parse(line))
process.exit(0)
