// One stock client: a Y.Doc, an unmodified provider on either wire, and a log of what happened to it.
import { HocuspocusProvider, HocuspocusProviderWebsocket } from '@hocuspocus/provider'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { Receipts, parse } from './receipts.mjs'
import { Tap } from './socket.mjs'

export class Client {
  events = []
  watchers = new Set()
  frames = null
  #report
  #looking = false

  /** `report` gets every event of the client; `host` is the client whose WebSocket this one shares. */
  constructor (options, host, report) {
    Object.assign(this, { name: options.name, wire: options.wire, token: options.token, epoch: options.epoch })
    this.#report = report
    this.doc = new Y.Doc()
    if (options.clientId !== null) this.doc.clientID = options.clientId
    this.receipts = new Receipts(this.doc, options.receipts)
    this.tap = host?.tap ?? new Tap()
    this.tap.watchers.add(this)
    Object.assign(this, wires[options.wire](this, options, host))
    this.doc.on('update', () => this.changed())
    this.awareness.on('update', () => this.changed())
  }

  /** Logs an event, tells the test of it and lets those who wait look again. */
  log (event, detail = {}) {
    const entry = { event, client: this.name, at: performance.now(), ...detail }
    this.events.push(entry)
    this.#report(entry)
    this.changed()
  }

  /** Lets those who wait look again, once for all that happens in this turn. */
  changed () {
    if (this.#looking || this.watchers.size === 0) return
    this.#looking = true
    setImmediate(() => {
      this.#looking = false
      for (const look of [...this.watchers]) look()
    })
  }

  state () {
    return {
      ...this.status(),
      clientId: this.doc.clientID,
      attempts: this.tap.attempts,
      receipts: this.receipts.counts,
      pending: this.doc.store.pendingStructs !== null || this.doc.store.pendingDs !== null,
      events: this.events.slice(-6).map(({ client, at, ...rest }) => rest)
    }
  }

  onAttempt (number) {
    this.receipts.restart()
    this.log('attempt', { number })
  }

  onOpen () {
    this.log('open')
  }

  onSent (frame) {
    this.#account('sent', frame, message => this.receipts.sent(message))
  }

  onReceived (frame) {
    const receive = this.wire === 'y-websocket' ? 'echoed' : 'received'
    this.#account('received', frame, message => this.receipts[receive](message))
    this.changed()
  }

  #account (direction, frame, take) {
    this.frames?.push([direction, Buffer.from(frame).toString('hex')])
    try {
      const message = parse(frame, this.wire, this.key())
      if (message?.decoder) take(message)
    } catch (error) {
      this.log('unreadable', { direction, message: error.message })
    }
  }

  onError (message) {
    this.log('error', { message })
  }

  onClose (code, reason) {
    this.log('close', { code, reason })
  }
}

const wires = { 'y-websocket': openYWebsocket, hocuspocus: openHocuspocus }

function openYWebsocket (client, { url, document, token, connect, retry }) {
  const provider = new WebsocketProvider(url, document, client.doc, {
    connect,
    disableBc: true, // clients of one process would otherwise sync past the server
    params: { ...(token !== null && { token }), ...(client.epoch !== null && { epoch: client.epoch }) },
    WebSocketPolyfill: client.tap.polyfill(),
    ...(retry?.maxDelay && { maxBackoffTime: retry.maxDelay })
  })
  provider.on('status', ({ status }) => client.log('status', { status }))
  provider.on('sync', synced => client.log(synced ? 'synced' : 'unsynced'))
  provider.on('closed', ({ code, reason }) => client.log('terminal', { code, reason }))
  return {
    provider,
    awareness: provider.awareness,
    key: () => null,
    status: () => ({ synced: provider.synced, connected: provider.wsconnected, wants: provider.shouldConnect }),
    isSynced: () => provider.synced,
    connect: () => provider.connect(),
    disconnect: () => provider.disconnect(),
    destroy: () => {
      provider.destroy()
      provider.awareness.destroy()
    },
    setToken: token => { provider.params = { ...provider.params, token } }
  }
}

function openHocuspocus (client, { url, document, connect, retry, sessionAwareness }, host) {
  const socket = host?.socket ?? new HocuspocusProviderWebsocket({
    url, autoConnect: connect, WebSocketPolyfill: client.tap.polyfill(), ...retry
  })
  const provider = new HocuspocusProvider({
    name: document,
    document: client.doc,
    websocketProvider: socket,
    sessionAwareness,
    token: () => {
      client.log('token')
      return client.epoch === null ? client.token ?? '' : `${client.token}#${client.epoch}`
    }
  })
  provider.on('status', ({ status }) => client.log('status', { status }))
  provider.on('synced', () => client.log('synced'))
  provider.on('authenticated', ({ scope }) => client.log('authenticated', { scope }))
  provider.on('authenticationFailed', ({ reason }) => client.log('authenticationFailed', { reason }))
  provider.on('stateless', ({ payload }) => client.log('stateless', { payload }))
  provider.on('unsyncedChanges', () => client.changed())
  provider.attach()
  return {
    provider,
    socket,
    awareness: provider.awareness,
    key: () => provider.effectiveName,
    status: () => ({
      synced: provider.synced,
      connected: socket.status === 'connected',
      wants: socket.shouldConnect,
      unsynced: provider.unsyncedChanges,
      scope: provider.authorizedScope ?? null,
      closings: client.receipts.closings
    }),
    isSynced: () => provider.synced,
    unsynced: () => provider.unsyncedChanges,
    connect: () => { void socket.connect() },
    disconnect: () => socket.disconnect(),
    destroy: () => {
      provider.destroy()
      client.tap.watchers.delete(client)
      if (client.tap.watchers.size === 0) socket.destroy()
    },
    setToken: token => { client.token = token },
    sendToken: () => provider.sendToken(),
    sendStateless: payload => provider.sendStateless(payload)
  }
}
