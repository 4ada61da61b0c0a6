// The one socket of a client: Hocuspocus' own, watched for receipts, with its state for people.
import { HocuspocusProviderWebsocket, WebSocketStatus } from '@hocuspocus/provider';
import { type ServerAddress } from '../address.js';
import { type Observable, Value } from '../observable.js';
import { readFrame } from './frames.js';
import { type Receipts } from './receipts.js';

/** `offline` from the first failure on, until there is a connection again. */
export interface ConnectionState {
  readonly kind: 'idle' | 'connecting' | 'connected' | 'offline';
  readonly server: string;
}

/** How the time between two attempts grows, in milliseconds; for tests and for impatient people. */
export interface Retry {
  delay?: number;
  minDelay?: number;
  maxDelay?: number;
}

export class Socket {
  readonly provider: HocuspocusProviderWebsocket;
  readonly #state: Value<ConnectionState>;
  readonly #receipts = new Map<string, Receipts>();
  readonly #leaveNetwork: () => void;

  constructor(address: ServerAddress, options: { webSocket?: typeof WebSocket; retry?: Retry }) {
    const idle: ConnectionState = { kind: 'idle', server: address.name };
    this.#state = new Value(idle, (one, other) => one.kind === other.kind);
    const set = (kind: ConnectionState['kind']): void => {
      this.#state.set({ kind, server: address.name });
    };
    this.provider = new HocuspocusProviderWebsocket({
      url: address.socket,
      autoConnect: false,
      WebSocketPolyfill: this.#watched(options.webSocket ?? WebSocket),
      ...options.retry,
      onStatus: ({ status }) => {
        if (status === WebSocketStatus.Connected) set('connected');
        else if (status === WebSocketStatus.Disconnected) set('offline');
        else if (this.#state.get().kind !== 'offline') set('connecting');
      },
    });
    this.#leaveNetwork = this.#followNetwork();
  }

  /**
   * A browser says when it has lost its network or has one again, long before a silent connection is given up. What it
   * says need not be about this server: so the connection is tried anew, and nothing is taken for lost.
   */
  #followNetwork(): () => void {
    if (typeof addEventListener !== 'function') return () => undefined;
    const lost = (): void => {
      this.renew();
    };
    const found = (): void => {
      this.connectNow();
    };
    addEventListener('offline', lost);
    addEventListener('online', found);
    return () => {
      removeEventListener('offline', lost);
      removeEventListener('online', found);
    };
  }

  get state(): Observable<ConnectionState> {
    return this.#state;
  }

  /** Connects, unless it is or tries to already. */
  connect(): void {
    if (this.#state.get().kind === 'idle') void this.provider.connect();
  }

  /** Tries again now, without waiting for the time that was set. */
  connectNow(): void {
    if (this.#state.get().kind === 'offline') void this.provider.connect();
  }

  /** Connects anew, with the cookie that the browser has now: it goes with the beginning of a connection only. */
  renew(): void {
    if (this.#state.get().kind !== 'connected') return;
    this.#state.set({ ...this.#state.get(), kind: 'connecting' });
    this.provider.webSocket?.close();
  }

  /** Has the receipts of a document kept, by its routing key. */
  watch(key: string, receipts: Receipts): void {
    this.#receipts.set(key, receipts);
  }

  unwatch(key: string): void {
    this.#receipts.delete(key);
  }

  close(): void {
    this.#leaveNetwork();
    this.provider.destroy();
    this.#receipts.clear();
  }

  #sent(data: unknown): void {
    const frame = data instanceof Uint8Array ? readFrame(data) : null;
    if (frame?.kind === 'answer') this.#receipts.get(frame.key)?.sentAnswer();
    if (frame?.kind === 'update') this.#receipts.get(frame.key)?.sentUpdate(frame.update);
  }

  #received(data: unknown): void {
    const frame = data instanceof ArrayBuffer ? readFrame(new Uint8Array(data)) : null;
    if (frame?.kind === 'receipt') this.#receipts.get(frame.key)?.received(frame.isSaved);
  }

  #restart(): void {
    for (const receipts of this.#receipts.values()) receipts.restart();
  }

  /** The given class of sockets, whose sockets show what passes; otherwise unchanged. */
  #watched(Base: typeof WebSocket): typeof WebSocket {
    const restart = this.#restart.bind(this);
    const sent = this.#sent.bind(this);
    const received = this.#received.bind(this);
    return class extends Base {
      constructor(url: string | URL, protocols?: string | string[]) {
        super(url, protocols);
        restart();
        this.addEventListener('message', (event) => {
          received(event.data);
        });
      }

      override send(data: string | ArrayBufferLike | Blob | ArrayBufferView<ArrayBuffer>): void {
        sent(data);
        super.send(data);
      }
    };
  }
}
