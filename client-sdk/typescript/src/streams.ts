// Server-sent events as values that come by themselves, over interruptions.
import { createEventSource } from 'eventsource-client';
import { ApiProblem, type Problem } from './errors.js';

/**
 * Yields the data of each message. Where the stream breaks, it is opened again behind the last message. Throws
 * ApiProblem where the server refuses it. Ends with any of the signals, or when `isOver` says so of a message.
 */
export async function* stream<T>(
  url: string,
  send: (request: Request) => Promise<Response>,
  endings: readonly (AbortSignal | undefined)[],
  isOver: (message: T) => boolean = () => false,
): AsyncGenerator<T, void, undefined> {
  const refusals: ApiProblem[] = [];
  const source = createEventSource({
    url,
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
  for (const ending of endings) {
    ending?.addEventListener('abort', close);
    if (ending?.aborted) source.close();
  }
  try {
    for await (const { event, data } of source) {
      if (event === 'position') continue; // it moves where the stream goes on, and is nothing else
      const message = JSON.parse(data) as T;
      yield message;
      if (isOver(message)) return;
    }
    for (const refusal of refusals) throw refusal;
  } finally {
    for (const ending of endings) ending?.removeEventListener('abort', close);
    source.close();
  }
}
