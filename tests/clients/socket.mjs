// The WebSocket that the stock providers are given: the `ws` package, watched and killable, otherwise unchanged.
import WebSocket from 'ws'

/** One transport of a provider over all its reconnects: what went over it, and a hand on its live socket. */
export class Tap {
  attempts = 0
  socket = null
  watchers = new Set()

  /** Returns a WebSocket class whose instances report to this tap. */
  polyfill () {
    const tap = this
    return class extends WebSocket {
      constructor (url, protocols) {
        super(url, protocols)
        tap.socket = this
        tap.attempts += 1
        tap.tell('onAttempt', tap.attempts)
        this.on('open', () => tap.tell('onOpen'))
        this.on('message', data => tap.tell('onReceived', bytes(data)))
        this.on('error', error => tap.tell('onError', error.message))
        this.on('close', (code, reason) => tap.tell('onClose', code, reason.toString()))
      }

      send (data, ...rest) {
        tap.tell('onSent', bytes(data))
        super.send(data, ...rest)
      }
    }
  }

  /** Drops the TCP connection without a closing handshake. */
  kill () {
    if (this.socket === null) throw new Error('there is no socket to kill')
    this.socket.terminate()
  }

  /** Sends one frame as if the provider had. */
  sendRaw (frame) {
    if (this.socket?.readyState !== WebSocket.OPEN) throw new Error('the socket is not open')
    this.socket.send(frame)
  }

  /** Bytes that the process has accepted and the network has not. */
  get backlog () {
    return this.socket?.bufferedAmount ?? 0
  }

  tell (what, ...details) {
    for (const watcher of this.watchers) watcher[what](...details)
  }
}

function bytes (data) {
  if (typeof data === 'string') return new TextEncoder().encode(data)
  if (data instanceof ArrayBuffer) return new Uint8Array(data)
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
}
