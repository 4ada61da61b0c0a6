// Who the client is to the server: a browser's cookie, tokens that are renewed, or an API key.
import type { components } from './api/schema.js';

/** What a kind of sign-in does for the client. Made by `cookieSession`, `tokens` or `apiKey`. */
export interface Credentials {
  /** Whether requests carry the browser's cookies. */
  readonly cookies: RequestCredentials;
  /** Adds what a request needs. `send` reaches the server without credentials of ours. */
  authorize(request: Request, send: Send): Promise<void>;
  /** What a document is joined with; empty where the cookie says it. `isAsked`: the server wants a newer one. */
  socketToken(send: Send, isAsked: boolean): Promise<string>;
  /** Looks whether a refusal can be answered with something newer; then the request is tried once more. */
  renew(refusal: Response, send: Send): Promise<boolean>;
  /** Learns from an answer that signs somebody in or out. */
  learn(path: string, answer: unknown): void;
}

/** Sends a request to a path of the server. */
export type Send = (path: string, init?: RequestInit) => Promise<Response>;

type Session = components['schemas']['SessionAnswer'];
type BrowserSession = components['schemas']['BrowserSessionAnswer'];

const BROWSER_SESSION = '/v1/auth/browser-session';
const READING = new Set(['GET', 'HEAD', 'OPTIONS']);

/** How long before its end a token is renewed. */
const AHEAD_SECONDS = 30;

/** The same where the server asks for another, which it does a minute before. */
const ASKED_SECONDS = 90;

/** The session of a browser: an HttpOnly cookie, and a token against forged requests that is asked for when needed. */
export function cookieSession(): Credentials {
  let csrf: Promise<string> | null = null;
  const ask = async (send: Send): Promise<string> => {
    const response = await send(BROWSER_SESSION);
    if (!response.ok) return '';
    return ((await response.json()) as BrowserSession).csrf_token;
  };
  const token = async (send: Send): Promise<string> => {
    csrf ??= ask(send);
    try {
      const value = await csrf;
      if (value === '') csrf = null;
      return value;
    } catch (error) {
      csrf = null;
      throw error;
    }
  };
  return {
    cookies: 'include',
    authorize: async (request, send) => {
      const isSignIn = request.method === 'POST' && new URL(request.url).pathname.endsWith(BROWSER_SESSION);
      if (READING.has(request.method) || isSignIn) return;
      const value = await token(send);
      if (value !== '') request.headers.set('X-CSRF-Token', value);
    },
    socketToken: () => Promise.resolve(''),
    renew: async (refusal, send) => {
      if (refusal.status !== 403) return false;
      const problem = (await refusal.clone().json()) as { code?: string };
      if (problem.code !== 'csrf_refused') return false;
      csrf = null;
      return (await token(send)) !== '';
    },
    learn: (path, answer) => {
      if (path !== BROWSER_SESSION) return;
      const value = (answer as Partial<BrowserSession> | null)?.csrf_token;
      csrf = value === undefined ? null : Promise.resolve(value);
    },
  };
}

export interface TokenPair {
  access: string;
  /** Works once; two clients must not share it. Without one the session ends with the access token. */
  refresh?: string;
}

export interface TokensOptions extends TokenPair {
  /** Is given each new pair, to keep it. */
  onChange?: (pair: TokenPair) => void;
}

/** A pair of tokens, as `POST /v1/auth/login` gives it, renewed as needed. */
export function tokens({ onChange, ...first }: TokensOptions): Credentials {
  let pair: TokenPair = first;
  let renewing: Promise<boolean> | null = null;

  const take = (session: Session): void => {
    pair = { access: session.access_token, refresh: session.refresh_token };
    onChange?.(pair);
  };
  const renew = async (send: Send): Promise<boolean> => {
    if (pair.refresh === undefined) return false;
    const body = JSON.stringify({ refresh_token: pair.refresh });
    const headers = { 'Content-Type': 'application/json' };
    const response = await send('/v1/auth/refresh', { method: 'POST', body, headers });
    if (response.ok) take((await response.json()) as Session);
    return response.ok;
  };
  const renewOnce = (send: Send): Promise<boolean> => {
    renewing ??= renew(send).finally(() => {
      renewing = null;
    });
    return renewing;
  };
  const current = async (send: Send, ahead = AHEAD_SECONDS): Promise<string> => {
    // A server that is away renews nothing; then the old token may still do.
    if (endsWithin(pair.access, ahead)) await renewOnce(send).catch(() => false);
    return pair.access;
  };
  return {
    cookies: 'omit',
    authorize: async (request, send) => {
      if (request.headers.has('Authorization')) return;
      request.headers.set('Authorization', `Bearer ${await current(send)}`);
    },
    socketToken: (send, isAsked) => current(send, isAsked ? ASKED_SECONDS : AHEAD_SECONDS),
    renew: (refusal, send) => (refusal.status === 401 ? renewOnce(send) : Promise.resolve(false)),
    learn: (path, answer) => {
      if (path === '/v1/auth/login' || path === '/v1/auth/register') take(answer as Session);
    },
  };
}

/** A key that an account or an integration was given; it does not change. */
export function apiKey(key: string): Credentials {
  return {
    cookies: 'omit',
    authorize: (request) => {
      request.headers.set('Authorization', `Bearer ${key}`);
      return Promise.resolve();
    },
    socketToken: () => Promise.resolve(key),
    renew: () => Promise.resolve(false),
    learn: () => undefined,
  };
}

function endsWithin(token: string, seconds: number): boolean {
  const end = endOf(token);
  return end !== null && end - Date.now() / 1000 < seconds;
}

/** When a JSON Web Token ends; null for what says nothing of it. */
function endOf(token: string): number | null {
  const payload = token.split('.')[1];
  if (payload === undefined) return null;
  try {
    const claims = JSON.parse(atob(payload.replace(/-/g, '+').replace(/_/g, '/'))) as { exp?: unknown };
    return typeof claims.exp === 'number' ? claims.exp : null;
  } catch {
    return null;
  }
}
