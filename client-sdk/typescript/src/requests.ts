// How requests leave: with the credentials, once more after these were renewed, and with what is learnt from answers.
import { type ServerAddress } from './address.js';
import { type Credentials } from './auth.js';
import { type Observable, Value } from './observable.js';

/** `active` until the server no longer takes the credentials, and again once it does. */
export type SessionState = 'active' | 'ended';

const SIGNS_IN = new Set(['/v1/auth/browser-session', '/v1/auth/login', '/v1/auth/register']);

export class Requests {
  readonly #session = new Value<SessionState>('active');
  readonly #address: ServerAddress;
  readonly #credentials: Credentials;
  readonly #fetch: typeof fetch;

  constructor(address: ServerAddress, credentials: Credentials, fetcher: typeof fetch) {
    this.#address = address;
    this.#credentials = credentials;
    this.#fetch = fetcher;
  }

  get session(): Observable<SessionState> {
    return this.#session;
  }

  /** What a document is joined with now; a newer one where the server asks for it. */
  socketToken(isAsked: boolean): Promise<string> {
    return this.#credentials.socketToken(this.#bare, isAsked);
  }

  /** Gets another token after a document was refused for the one it was joined with. Whether there is one. */
  async renewSocketToken(): Promise<boolean> {
    const refusal = new Response(null, { status: 401 });
    const isRenewed = await this.#credentials.renew(refusal, this.#bare).catch(() => null);
    // Without an answer nobody knows whether the session has ended.
    if (isRenewed !== null) this.#session.set(isRenewed ? 'active' : 'ended');
    return isRenewed === true;
  }

  /** Sends a request as whoever is signed in. */
  readonly send = async (request: Request): Promise<Response> => {
    const spare = request.clone();
    const response = await this.#attempt(request);
    if (response.status !== 401 && response.status !== 403) return this.#note(request, response);
    if (!(await this.#credentials.renew(response, this.#bare))) return this.#note(request, response);
    return this.#note(request, await this.#attempt(spare));
  };

  async #attempt(request: Request): Promise<Response> {
    await this.#credentials.authorize(request, this.#bare);
    return this.#fetch(new Request(request, { credentials: this.#credentials.cookies }));
  }

  async #note(request: Request, response: Response): Promise<Response> {
    const path = new URL(request.url).pathname;
    if (SIGNS_IN.has(path)) {
      if (response.ok && request.method !== 'GET') {
        this.#credentials.learn(path, response.status === 204 ? null : await response.clone().json());
        this.#session.set(request.method === 'DELETE' ? 'ended' : 'active');
      }
      return response;
    }
    if (response.status === 401) this.#session.set('ended');
    else if (response.ok) this.#session.set('active');
    return response;
  }

  readonly #bare = (path: string, init?: RequestInit): Promise<Response> =>
    this.#fetch(
      new Request(`${this.#address.origin}${path}`, { credentials: this.#credentials.cookies, ...init }),
    );
}
