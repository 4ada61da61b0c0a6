// Whose copies and waiting requests these are: the account that is signed in, remembered for when the server is away.
import { type Api } from '../api/rest.js';
import { type Registry } from './registry.js';

const PATIENCE_MS = 5_000;

export class Account {
  readonly #api: Api;
  readonly #server: string;
  readonly #registry: Promise<Registry | null>;
  #known: Promise<string | null> | null = null;

  constructor(api: Api, server: string, registry: Promise<Registry | null>) {
    this.#api = api;
    this.#server = server;
    this.#registry = registry;
  }

  /** The id of who is signed in; while the server cannot say, of who last was; null for nobody. */
  async id(): Promise<string | null> {
    this.#known ??= this.#ask();
    const id = await this.#known;
    if (id === null) this.#known = null;
    return id;
  }

  /** Somebody else may be signed in now. */
  forget(): void {
    this.#known = null;
  }

  async #ask(): Promise<string | null> {
    const registry = await this.#registry;
    try {
      const { data, response } = await this.#api.GET('/v1/me', { signal: AbortSignal.timeout(PATIENCE_MS) });
      if (data) {
        // A browser that is full remembers nobody; who is signed in is known all the same.
        await registry?.put('accounts', data.id, this.#server).catch(() => undefined);
        return data.id;
      }
      if (response.status < 500) return null;
    } catch {
      // No connection, or no answer in time: whoever was here last may go on with what is kept here.
    }
    return (await registry?.get('accounts', this.#server)) ?? null;
  }
}
