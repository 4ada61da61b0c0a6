// What time it is, by the server: a message from a clock that is minutes ahead would be refused.
const TOLERATED_MILLISECONDS = 20_000;

let offset = 0;

export function serverNow(): Date {
  return new Date(Date.now() + offset);
}

/** Ask the server what time it is. Without an answer this device's clock is believed. */
export async function setClock(): Promise<void> {
  try {
    const asked = Date.now();
    const answer = await fetch('/healthz', { method: 'HEAD', cache: 'no-store' });
    const told = Date.parse(answer.headers.get('date') ?? '');
    const difference = told - (asked + Date.now()) / 2;
    offset = Math.abs(difference) > TOLERATED_MILLISECONDS ? difference : 0;
  } catch {
    // Offline: it is asked again when the chat is opened next.
  }
}
