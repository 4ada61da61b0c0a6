// Writes by REST that are made whether or not there is a connection: kept in order in this browser, and sent in it.
//
// Each has an idempotency key, so that one whose answer was lost is not done twice.
import { createFinalURL, createQuerySerializer, defaultPathSerializer } from 'openapi-fetch';
import { type PathsWithMethod } from 'openapi-typescript-helpers';
import { type MaybeOptionalInit } from 'openapi-fetch';
import { type paths } from './api/schema.js';
import { ApiProblem, type Problem } from './errors.js';
import { type Observable, Value } from './observable.js';
import { type Account } from './offline/account.js';
import { type OutboxRow, type Registry } from './offline/registry.js';
import { type ConnectionState } from './documents/socket.js';

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;

export type WriteMethod = 'post' | 'put' | 'patch' | 'delete';

/** A request that waits, or that was refused: then with the reason, until somebody has read it. */
export interface OutboxEntry {
  readonly id: number;
  readonly method: string;
  readonly path: string;
  readonly at: string;
  readonly refusal?: { readonly status: number; readonly code: string; readonly why: string };
}

export interface OutboxStatus {
  /** Not answered yet, in their order. */
  readonly waiting: readonly OutboxEntry[];
  /** Refused: they will not be sent again by themselves. */
  readonly refused: readonly OutboxEntry[];
}

interface Surroundings {
  readonly server: string;
  readonly origin: string;
  readonly registry: Promise<Registry | null>;
  readonly account: Account;
  readonly connection: Observable<ConnectionState>;
  send(request: Request): Promise<Response>;
}

/** What an operation takes, as for `client.api`. */
type Init<Path extends keyof paths, Method extends WriteMethod> = MaybeOptionalInit<paths[Path], Method>;

export class Outbox {
  readonly #around: Surroundings;
  readonly #status = new Value<OutboxStatus>({ waiting: [], refused: [] });
  readonly #rows: (OutboxRow & { id: number })[] = [];
  readonly #loaded: Promise<void>;
  readonly #stopListening: () => void;
  #isSending = false;
  #isClosed = false;
  #pauseMs = FIRST_PAUSE_MS;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(around: Surroundings) {
    this.#around = around;
    this.#stopListening = around.connection.subscribe(() => {
      if (around.connection.get().kind === 'connected') this.retry();
    });
    this.#loaded = this.#load();
    void this.#loaded.then(() => this.#send());
  }

  get status(): Observable<OutboxStatus> {
    return this.#status;
  }

  /** Keeps a request, and sends it when those before it are answered. Kept when the promise is. */
  async add<Method extends WriteMethod, Path extends PathsWithMethod<paths, Method>>(
    method: Method,
    path: Path,
    init: Init<Path, Method>,
  ): Promise<OutboxEntry> {
    await this.#loaded;
    const { params, body } = (init ?? {}) as { params?: Parameters; body?: unknown };
    const row: OutboxRow = {
      server: this.#around.server,
      account: (await this.#around.account.id()) ?? '',
      method: method.toUpperCase(),
      path: createFinalURL(path, {
        baseUrl: '',
        params: params ?? {},
        querySerializer: createQuerySerializer(),
        pathSerializer: defaultPathSerializer,
      }),
      body: body === undefined ? null : JSON.stringify(body),
      key: crypto.randomUUID(),
      at: new Date().toISOString(),
    };
    const registry = await this.#around.registry;
    const id = registry ? await registry.add('outbox', row) : (this.#rows.at(-1)?.id ?? 0) + 1;
    const kept = { ...row, id };
    this.#rows.push(kept);
    this.#show();
    void this.#send();
    return entryOf(kept);
  }

  /** Tries again now. */
  retry(): void {
    clearTimeout(this.#timer);
    this.#pauseMs = FIRST_PAUSE_MS;
    void this.#send();
  }

  /** Forgets a request that was refused, or one that was not sent yet. */
  async discard(id: number): Promise<void> {
    await this.#remove(id);
    this.#show();
  }

  close(): void {
    this.#isClosed = true;
    this.#stopListening();
    clearTimeout(this.#timer);
  }

  async #load(): Promise<void> {
    const [registry, account] = await Promise.all([this.#around.registry, this.#around.account.id()]);
    if (!registry) return;
    for (const row of await registry.getAll('outbox')) {
      if (row.server !== this.#around.server || row.account !== account || row.id === undefined) continue;
      this.#rows.push({ ...row, id: row.id });
    }
    this.#show();
  }

  async #send(): Promise<void> {
    if (this.#isSending || this.#isClosed) return;
    this.#isSending = true;
    try {
      await inOnePage(`ionflux/outbox/${this.#around.server}`, () => this.#sendAll());
    } finally {
      this.#isSending = false;
    }
  }

  async #sendAll(): Promise<void> {
    for (;;) {
      const next = this.#rows.find((row) => !row.refusal);
      if (!next || this.#isClosed) return;
      const outcome = await this.#attempt(next);
      if (outcome === 'later') {
        this.#timer = setTimeout(() => void this.#send(), this.#pauseMs);
        this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
        return;
      }
      this.#pauseMs = FIRST_PAUSE_MS;
      if (outcome === 'done') await this.#remove(next.id);
      else await this.#refuse(next, outcome);
      this.#show();
    }
  }

  async #attempt(row: OutboxRow): Promise<'done' | 'later' | ApiProblem> {
    const headers = new Headers({ 'Idempotency-Key': row.key });
    if (row.body !== null) headers.set('Content-Type', 'application/json');
    const request = new Request(`${this.#around.origin}${row.path}`, {
      method: row.method,
      headers,
      body: row.body,
    });
    try {
      const response = await this.#around.send(request);
      if (response.ok) return 'done';
      const problem = new ApiProblem((await response.json()) as Partial<Problem>, response);
      // Whoever is signed out can sign in again; the request is still theirs.
      return problem.isTemporary || problem.status === 401 ? 'later' : problem;
    } catch {
      return 'later';
    }
  }

  async #refuse(row: OutboxRow & { id: number }, problem: ApiProblem): Promise<void> {
    const refused = { ...row, refusal: { status: problem.status, code: problem.code, why: problem.message } };
    this.#rows.splice(this.#rows.indexOf(row), 1, refused);
    await (await this.#around.registry)?.put('outbox', refused);
  }

  async #remove(id: number): Promise<void> {
    const index = this.#rows.findIndex((row) => row.id === id);
    if (index >= 0) this.#rows.splice(index, 1);
    await (await this.#around.registry)?.delete('outbox', id);
  }

  #show(): void {
    this.#status.set({
      waiting: this.#rows.filter((row) => !row.refusal).map(entryOf),
      refused: this.#rows.filter((row) => row.refusal).map(entryOf),
    });
  }
}

interface Parameters {
  query?: Record<string, unknown>;
  path?: Record<string, unknown>;
}

function entryOf({ id, method, path, at, refusal }: OutboxRow & { id: number }): OutboxEntry {
  return { id, method, path, at, ...(refusal && { refusal }) };
}

/** Has one page at a time do it, where the browser can say so. */
async function inOnePage(name: string, work: () => Promise<void>): Promise<void> {
  const locks = (globalThis.navigator as Navigator | undefined)?.locks;
  if (locks) await locks.request(name, work);
  else await work();
}
