// Where a server is: its address for requests and for sockets, and its name for people.

export interface ServerAddress {
  /** In front of every path of a request, without a slash at the end. */
  readonly origin: string;
  /** For the one socket. */
  readonly socket: string;
  /** How people call it: host and port. */
  readonly name: string;
}

/** Reads a base address; an empty one is that of the page. */
export function readAddress(baseUrl: string): ServerAddress {
  const whole = new URL(baseUrl === '' ? globalThis.location.origin : baseUrl);
  const origin = whole.href.replace(/\/+$/, '');
  const socket = new URL(`${origin}/collab`);
  socket.protocol = whole.protocol === 'https:' ? 'wss:' : 'ws:';
  return { origin, socket: socket.href, name: whole.host };
}
