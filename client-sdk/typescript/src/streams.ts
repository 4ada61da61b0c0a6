// Server-sent events as values that come by themselves, over interruptions.
import { createEventSource } from 'eventsource-client';
import { ApiProblem, type Problem } from './errors.js';

export interface StreamOptions {
  /** Ends the stream. */
  signal?: AbortSignal | undefined;
  /** Where it goes on, and what it has told last. */
  lastEventId?: string | undefined;
}

/**
 * Yields the data of each message. Where the stream breaks, it is opened again behind the last message. Throws
 * ApiProblem where the server refuses it. Ends with the signal, or when `isOver` says so of a message.
 */
export async function* stream<T>(
  url: string,
  send: (request: Request) => Promise<Response>,
  options: StreamOptions,
  isOver: (message: T) => boolean = () => false,
): AsyncGenerator<T, void, undefined> {
  const refusals: ApiProblem[] = [];
  const source = createEventSource({
    url,
    ...(options.lastEventId !== undefined && { initialLastEventId: options.lastEventId }),
    fetch: async (address, init) => {
      const request = new Request(address, { ...(init as RequestInit), cache: 'no-store' });
      const response = await send(request);
      if (response.status >= 400 && response.status < 500 && response.status !== 429) {
        refusals.push(new ApiProblem((await response.json()) as Partial<Problem>, response));
        source.close();
      }
      return response;
    },
  });
  const close = (): void => {
    source.close();
  };
  options.signal?.addEventListener('abort', close);
  if (options.signal?.aborted) source.close();
  try {
    for await (const { data } of source) {
      const message = JSON.parse(data) as T;
      yield message;
      if (isOver(message)) return;
    }
    for (const refusal of refusals) throw refusal;
  } finally {
    options.signal?.removeEventListener('abort', close);
    source.close();
  }
}
