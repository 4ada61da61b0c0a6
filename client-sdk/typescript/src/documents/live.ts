// One open document: Yjs, the provider that connects it, its copy in this browser, and how it stands.
import { HocuspocusProvider } from '@hocuspocus/provider';
import { IndexeddbPersistence } from 'y-indexeddb';
import { Awareness } from 'y-protocols/awareness';
import * as Y from 'yjs';
import { type Observable, Value } from '../observable.js';
import { type Copies, type Copy } from '../offline/copies.js';
import { Presence } from '../presence.js';
import { type SessionState } from '../requests.js';
import { Receipts } from './receipts.js';
import { type Socket } from './socket.js';
import { CREDENTIAL_REFUSED, type DocumentStatus, type Refusal, isSameStatus, statusOf } from './status.js';

/** What a document needs of its client. */
export interface Surroundings {
  readonly server: string;
  readonly socket: Socket;
  readonly copies: Copies | null;
  readonly session: Observable<SessionState>;
  /** What a document is joined with; a newer one where the server asks for it. */
  token(isAsked: boolean): Promise<string>;
  /** Gets another token after a refusal. Whether there is one. */
  renewToken(): Promise<boolean>;
  /** Is told when a copy is over: whoever opens the document next gets another. */
  ended(document: LiveDocument): void;
}

/** After these a copy is never taken again: it belongs to an earlier life of the document, or breaks its rules. */
const FINAL = new Set(['epoch_ended', 'rule_violated']);

export class LiveDocument {
  readonly doc = new Y.Doc();
  readonly awareness = new Awareness(this.doc);
  readonly presence = new Presence(this.awareness);
  /** Kept when there is something to show: the server's state, or the copy in this browser. */
  readonly ready: Promise<void>;
  /** Kept when the server's state is here for the first time. */
  readonly synced: Promise<void>;

  readonly #around: Surroundings;
  readonly #receipts = new Receipts(() => {
    this.#refresh();
  });
  readonly #status: Value<DocumentStatus>;
  readonly #provider: HocuspocusProvider;
  readonly #started: Promise<void>;
  readonly #endings: (() => void)[] = [];
  #copy: Copy | null = null;
  #isReady = false;
  #isStoreDegraded = false;
  #hasRenewed = false;
  #isClosed = false;
  #denial: Refusal | null = null;
  #editRefusal: Refusal | null = null;
  /** What the server said of its next denial. */
  #announced: Refusal | null = null;
  #markReady: () => void = () => undefined;
  #markSynced: () => void = () => undefined;

  constructor(
    readonly name: string,
    around: Surroundings,
    readonly release: () => void,
  ) {
    this.#around = around;
    this.ready = new Promise((resolve) => (this.#markReady = resolve));
    this.synced = new Promise((resolve) => (this.#markSynced = resolve));
    this.doc.on('update', this.#onUpdate); // before the provider: a change is known before it is sent
    this.#provider = new HocuspocusProvider({
      name,
      document: this.doc,
      awareness: this.awareness,
      websocketProvider: around.socket.provider,
      sessionAwareness: true, // a document that is closed and opened again gets no receipt of its former life
      // Whoever is in already is asked because the token ends soon (A4).
      token: () => around.token(this.#provider.isAuthenticated),
    });
    this.#status = new Value(statusOf(this.#standing()), isSameStatus);
    this.#endings.push(around.socket.state.subscribe(this.#onConnection));
    this.#endings.push(around.session.subscribe(this.#onSession));
    this.#listen();
    around.socket.watch(this.#provider.effectiveName, this.#receipts);
    this.#started = this.#start();
  }

  get status(): Observable<DocumentStatus> {
    return this.#status;
  }

  /** Whether closing it now loses nothing. */
  get isSettled(): boolean {
    return this.#isClosed || this.#receipts.unsaved === 0 || this.#denial !== null;
  }

  /** Asks for the document again after a refusal, for instance once somebody was invited. */
  retry(): void {
    if (this.#denial === null || FINAL.has(this.#denial.code) || this.#isClosed) return;
    this.#denial = null;
    // Under another routing key: what the server still says to the former life of the document is not ours.
    this.#around.socket.unwatch(this.#provider.effectiveName);
    this.#provider.sessionId = crypto.randomUUID();
    this.#receipts.restart();
    this.#around.socket.watch(this.#provider.effectiveName, this.#receipts);
    this.#provider.attach();
    this.#refresh();
  }

  /** Leaves the document. What is not saved stays in this browser's copy. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const end of this.#endings) end();
    this.#around.socket.unwatch(this.#provider.effectiveName);
    this.#provider.destroy();
    this.doc.off('update', this.#onUpdate);
    await this.#started;
    await this.#copy?.close();
    this.doc.destroy();
  }

  async #start(): Promise<void> {
    this.#copy = (await this.#around.copies?.load(this.name, this.doc)) ?? null;
    if (this.#copy) {
      this.#receipts.addEarlier(this.#copy.earlier);
      this.#endings.push(this.#copy.isFull.subscribe(this.#refresh));
      this.#endings.push(this.#copy.isWriting.subscribe(this.#refresh));
      if (this.doc.store.clients.size > 0) this.#becomeReady();
    }
    if (this.#isClosed) return;
    // With the copy read first, the server is told what is here, and that it is of this epoch.
    this.#provider.attach();
    this.#around.socket.connect();
    this.#refresh();
  }

  #listen(): void {
    const provider = this.#provider;
    provider.on('synced', () => {
      this.#becomeReady();
      this.#markSynced();
      this.#refresh();
    });
    provider.on('authenticated', () => {
      this.#hasRenewed = false;
      this.#refresh();
    });
    provider.on('authenticationFailed', ({ reason }: { reason: string }) => {
      this.#deny(this.#announced ?? { code: 'denied', why: reason });
      this.#announced = null;
    });
    provider.on('stateless', ({ payload }: { payload: string }) => {
      this.#hear(JSON.parse(payload) as Said);
    });
  }

  readonly #onUpdate = (update: Uint8Array, origin: unknown): void => {
    if (origin === this.#provider || origin instanceof IndexeddbPersistence) return;
    this.#copy?.follow();
    this.#receipts.change(update);
  };

  readonly #onConnection = (): void => {
    const isConnected = this.#around.socket.state.get().kind === 'connected';
    // Rights may have changed meanwhile. In a moment: the socket is about to tell its providers.
    if (isConnected && this.#denial) {
      queueMicrotask(() => {
        this.retry();
      });
    }
    this.#refresh();
  };

  readonly #onSession = (): void => {
    if (this.#around.socket.state.get().kind !== 'connected') return; // once it is, the document is asked for again
    if (this.#around.session.get() === 'active' && this.#denial?.code === CREDENTIAL_REFUSED) this.retry();
  };

  #hear(said: Said): void {
    const refusal = { code: said.code ?? 'refused', why: said.reason ?? '' };
    if (said.document === 'denied') this.#announced = refusal;
    else if (said.edit === 'refused') this.#editRefusal = refusal;
    else if (said.store !== undefined) this.#isStoreDegraded = said.store === 'degraded';
    this.#refresh();
  }

  #deny(refusal: Refusal): void {
    this.#denial = refusal;
    this.#provider.detach(); // else the server would be told of every change and keep it in vain
    this.#provider.synced = false;
    if (refusal.code === CREDENTIAL_REFUSED && !this.#hasRenewed) {
      this.#hasRenewed = true;
      void this.#around.renewToken().then((isRenewed) => {
        if (isRenewed) this.retry();
      });
    }
    if (FINAL.has(refusal.code)) {
      this.#around.ended(this);
      const at = new Date().toISOString();
      const copy = this.#copy;
      this.#copy = null;
      if (copy) void this.#around.copies?.putAside(copy, { ...refusal, at });
    }
    this.#refresh();
  }

  #becomeReady(): void {
    this.#isReady = true;
    this.#markReady();
  }

  readonly #refresh = (): void => {
    if (!this.#receipts.isRefused) this.#editRefusal = null;
    this.#copy?.note(this.#receipts.own, this.#receipts.earlier);
    // Without a connection the copy is all there is: nothing is said to be in it before it is.
    if (this.#copy?.isWriting.get() && this.#around.socket.state.get().kind !== 'connected') return;
    this.#status.set(statusOf(this.#standing()));
  };

  #standing(): Parameters<typeof statusOf>[0] {
    const connection = this.#around.socket.state.get().kind;
    return {
      server: this.#around.server,
      isConnected: connection === 'connected',
      isOffline: connection === 'offline',
      isSynced: this.#provider.isSynced,
      isReady: this.#isReady,
      isKept: this.#copy !== null && !this.#copy.isFull.get(),
      canWrite: this.#provider.authorizedScope !== 'readonly',
      isStoreDegraded: this.#isStoreDegraded,
      unsaved: this.#receipts.unsaved,
      denial: this.#denial,
      editRefusal: this.#receipts.isRefused ? this.#editRefusal : null,
    };
  }
}

/** What the server tells besides the protocol (docs/protocol.md). */
interface Said {
  document?: string;
  edit?: string;
  store?: string;
  code?: string;
  reason?: string;
}
