// What the tests share: people of a real server, clients of theirs, and the desk that kills and restarts it.
import { createConnection } from 'node:net';
import { createInterface } from 'node:readline';
import { once } from 'node:events';
import {
  type ClientOptions,
  type DocumentStatus,
  IonfluxClient,
  type LiveDocument,
  tokens,
  until,
} from '@ionflux/client';

export const URL_OF_SERVER = process.env.IONFLUX_URL ?? '';

/** Impatient, so that a test that kills a server waits for it and for nothing else. */
const RETRY = { delay: 100, minDelay: 50, maxDelay: 200 };

/** Asks what only the test's Python side can do. */
export async function ask<T>(what: string, more: Record<string, unknown> = {}): Promise<T> {
  const socket = createConnection(Number(process.env.DESK_PORT), '127.0.0.1');
  try {
    socket.write(`${JSON.stringify({ do: what, ...more })}\n`);
    const [line] = (await once(createInterface({ input: socket }), 'line')) as [string];
    const { result, error } = JSON.parse(line) as { result: T; error?: string };
    if (error !== undefined) throw new Error(error);
    return result;
  } finally {
    socket.end();
  }
}

export interface Person {
  id: string;
  email: string;
  access: string;
  refresh: string;
}

export async function person(name: string): Promise<Person> {
  return ask<Person>('person', { name });
}

/** Lets a test make clients, which end with it. */
export class Clients {
  readonly #clients: IonfluxClient[] = [];

  of(somebody: Person, options: Partial<ClientOptions> = {}): IonfluxClient {
    const auth = tokens({ access: somebody.access });
    const client = new IonfluxClient({
      baseUrl: URL_OF_SERVER,
      auth,
      retry: RETRY,
      offline: false,
      ...options,
    });
    this.#clients.push(client);
    return client;
  }

  async close(): Promise<void> {
    for (const client of this.#clients) await client.close();
  }
}

export interface Page {
  id: string;
  document: string;
  workspace_id: string;
}

/** Makes a workspace with a page. */
export async function pageOf(client: IonfluxClient, title = 'Plan'): Promise<Page> {
  const workspace = await client.call(client.api.POST('/v1/workspaces', { body: { name: 'Studio' } }));
  const params = { path: { workspace_id: workspace.id } };
  return client.call(client.api.POST('/v1/workspaces/{workspace_id}/pages', { params, body: { title } }));
}

/** Waits until a document has a status; says which it had when that takes too long. */
export async function status(
  live: LiveDocument,
  isMeant: (status: DocumentStatus) => boolean,
): Promise<DocumentStatus> {
  const signal = AbortSignal.timeout(30_000);
  return until(live.status, isMeant, signal).catch((error: unknown) => {
    throw new Error(`${JSON.stringify(live.status.get())} after all`, { cause: error });
  });
}

export const isSaved = (one: DocumentStatus): boolean => one.kind === 'saved';

/** Waits until a text is what it should be. */
export async function reads(live: LiveDocument, expected: string): Promise<void> {
  const text = live.doc.getText('t');
  if (text.toJSON() === expected) return;
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error(`the text is ${JSON.stringify(text.toJSON())}`));
    }, 30_000);
    const look = (): void => {
      if (text.toJSON() !== expected) return;
      live.doc.off('update', look);
      clearTimeout(timer);
      resolve();
    };
    live.doc.on('update', look);
  });
}
