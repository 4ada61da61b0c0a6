// The client: what all of its parts share, made once for a server and whoever is signed in.
import { type ServerAddress, readAddress } from './address.js';
import { type Api, type Schemas, call, createApi } from './api/rest.js';
import { type Credentials } from './auth.js';
import { Documents } from './documents/documents.js';
import { type ConnectionState, type Retry, Socket } from './documents/socket.js';
import { type Observable } from './observable.js';
import { Account } from './offline/account.js';
import { Copies } from './offline/copies.js';
import { type Registry, openRegistry } from './offline/registry.js';
import { Outbox } from './outbox.js';
import { Requests, type SessionState } from './requests.js';
import { Runs } from './runs.js';
import { stream } from './streams.js';

export interface ClientOptions {
  /** The server's address; empty for the one that the page comes from. */
  baseUrl: string;
  auth: Credentials;
  /** Whether documents and requests are kept in this browser (IndexedDB). They are, unless it is false. */
  offline?: boolean;
  /** For Node before 22, which has none: the class of the package `ws`. */
  webSocket?: typeof WebSocket;
  /** How often a lost connection is tried again. */
  retry?: Retry;
  fetch?: typeof fetch;
}

export interface EventsOptions {
  /** Events behind this position; without one, from now on. */
  after?: number;
  /** Of these types only; `page.*` stands for all that begin so. */
  types?: readonly string[];
  signal?: AbortSignal;
}

export type WorkspaceEvent = Schemas['EventAnswer'];

export class IonfluxClient {
  /** The REST API, typed: `client.api.GET('/v1/workspaces')`. */
  readonly api: Api;
  readonly documents: Documents;
  readonly runs: Runs;
  readonly outbox: Outbox;

  readonly #address: ServerAddress;
  readonly #requests: Requests;
  readonly #socket: Socket;
  readonly #registry: Promise<Registry | null>;
  readonly #stopListening: () => void;
  readonly #ending = new AbortController();

  constructor(options: ClientOptions) {
    this.#address = readAddress(options.baseUrl);
    const server = this.#address.name;
    const fetcher = options.fetch ?? globalThis.fetch.bind(globalThis);
    this.#requests = new Requests(this.#address, options.auth, fetcher);
    const { send, session } = this.#requests;
    this.api = createApi(this.#address.origin, send);
    this.#socket = new Socket(this.#address, options);
    this.#registry = options.offline === false ? Promise.resolve(null) : openRegistry();
    const account = new Account(this.api, server, this.#registry);
    const stop = session.subscribe(() => {
      account.forget();
      if (session.get() === 'active' && options.auth.cookies === 'include') this.#socket.renew();
    });
    const stopWaiting = onNetwork(() => {
      this.#socket.connectNow();
    });
    this.#stopListening = () => {
      stop();
      stopWaiting();
    };
    this.documents = new Documents({
      server,
      session,
      socket: this.#socket,
      copies: options.offline === false ? null : new Copies(this.#registry, account, server),
      token: (isAsked) => this.#requests.socketToken(isAsked),
      renewToken: () => this.#requests.renewSocketToken(),
    });
    const origin = this.#address.origin;
    this.runs = new Runs(this.api, origin, send, this.#ending.signal);
    const connection = this.#socket.state;
    this.outbox = new Outbox({ server, origin, registry: this.#registry, account, connection, send });
  }

  /** Whether there is a connection for live documents. */
  get connection(): Observable<ConnectionState> {
    return this.#socket.state;
  }

  /** Whether the server takes the credentials; `ended` means that somebody has to sign in again. */
  get session(): Observable<SessionState> {
    return this.#requests.session;
  }

  /** Returns what an operation of `api` answers with; throws ApiProblem where it is refused. */
  readonly call = call;

  /** Yields what happens in a workspace, as it happens and over interruptions, each event once. */
  events(workspaceId: string, options: EventsOptions = {}): AsyncGenerator<WorkspaceEvent> {
    const query = new URLSearchParams();
    if (options.types) query.set('type', options.types.join(','));
    if (options.after !== undefined) query.set('after', String(options.after));
    const path = `/v1/workspaces/${encodeURIComponent(workspaceId)}/events?${query.toString()}`;
    const url = `${this.#address.origin}${path}`;
    return stream(url, this.#requests.send, [this.#ending.signal, options.signal]);
  }

  /** Leaves everything, and ends all streams. What is unsaved stays in this browser, and is sent by the next client. */
  async close(): Promise<void> {
    this.#stopListening();
    this.#ending.abort();
    this.outbox.close();
    await this.documents.close();
    this.#socket.close();
    (await this.#registry)?.close();
  }
}

/** Calls when the browser finds its network again. */
function onNetwork(listener: () => void): () => void {
  if (typeof window === 'undefined') return () => undefined;
  window.addEventListener('online', listener);
  return () => {
    window.removeEventListener('online', listener);
  };
}
