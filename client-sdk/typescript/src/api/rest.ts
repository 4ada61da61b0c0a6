// The REST API with the types of its description, and its refusals as errors.
import createClient, { type Client } from 'openapi-fetch';
import { ApiProblem, type Problem } from '../errors.js';
import type { components, paths } from './schema.js';

/** The shapes of what goes in and comes out, by name. */
export type Schemas = components['schemas'];
export type Api = Client<paths>;

export function createApi(baseUrl: string, send: (request: Request) => Promise<Response>): Api {
  return createClient<paths>({ baseUrl, fetch: send });
}

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** Returns what an operation answered with. Throws ApiProblem where it was refused. */
export async function call<A extends Answer<unknown>>(answer: Promise<A>): Promise<NonNullable<A['data']>> {
  const { data, error, response } = await answer;
  if (response.ok) return data as NonNullable<A['data']>;
  const problem = typeof error === 'object' && error !== null ? (error as Partial<Problem>) : {};
  throw new ApiProblem(problem, response);
}

interface Part<T> {
  items: T[];
  next_cursor: string | null;
}

/** Goes through a list to its end: `read` asks for the part behind a cursor. */
export async function* everyItem<T>(
  read: (cursor: string | undefined) => Promise<Part<T>>,
): AsyncGenerator<T, void, undefined> {
  let cursor: string | undefined;
  do {
    const part = await read(cursor);
    yield* part.items;
    cursor = part.next_cursor ?? undefined;
  } while (cursor !== undefined);
}
