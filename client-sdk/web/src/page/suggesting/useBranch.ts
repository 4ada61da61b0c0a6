// A change of the page that somebody is proposing here: begun, handed in, thrown away. It is a branch of the page's
// document on the server, so nothing of it is lost when the browser goes.
import { until } from '@ionflux/client';
import { useCallback, useMemo, useState } from 'react';
import type { PageSession, Rest } from '../model/session';

export interface Branch {
  /** The suggestion that is written to; null: the page itself is. */
  readonly id: string | null;
  readonly fault: string | null;
  /** Begins a suggestion, or goes on writing one. */
  begin: (id?: string) => Promise<void>;
  /** Goes back to the page, once the server has what was written. One that proposes nothing is taken back. */
  handIn: (session: PageSession) => Promise<void>;
  throwAway: () => Promise<void>;
  leave: () => void;
}

/** How long one waits to be told that all is saved. It is sent later, too: what was written stays in the browser. */
const PATIENCE_MS = 5_000;

export function useBranch(rest: Rest, pageId: string): Branch {
  const [id, setId] = useState<string | null>(null);
  const [fault, setFault] = useState<string | null>(null);
  const attempt = useCallback(async (action: () => Promise<void>) => {
    setFault(null);
    try {
      await action();
    } catch (error) {
      setFault(error instanceof Error ? error.message : String(error));
    }
  }, []);
  const begin = useCallback(
    (known?: string) =>
      attempt(async () => {
        const made =
          known ?? (await rest.send<{ id: string }>('POST', `/v1/pages/${pageId}/suggestions`, {})).id;
        setId(made);
      }),
    [attempt, rest, pageId],
  );
  const throwAway = useCallback(
    () =>
      attempt(async () => {
        if (id !== null) await rest.send('DELETE', `/v1/suggestions/${id}`);
        setId(null);
      }),
    [attempt, rest, id],
  );
  const handIn = useCallback(
    (session: PageSession) =>
      attempt(async () => {
        if (id !== null && (await isEmpty(rest, id, session)))
          await rest.send('DELETE', `/v1/suggestions/${id}`);
        setId(null);
      }),
    [attempt, rest, id],
  );
  const leave = useCallback(() => {
    setId(null);
  }, []);
  return useMemo(
    () => ({ id, fault, begin, handIn, throwAway, leave }),
    [id, fault, begin, handIn, throwAway, leave],
  );
}

/** Whether a suggestion surely proposes nothing: everything written in it is saved, and it is as the page. */
async function isEmpty(rest: Rest, id: string, { status }: PageSession): Promise<boolean> {
  try {
    await until(status, ({ unsaved }) => unsaved === 0, AbortSignal.timeout(PATIENCE_MS));
    const { hunks } = await rest.send<{ hunks: unknown[] }>('GET', `/v1/suggestions/${id}/differences`);
    return hunks.length === 0;
  } catch {
    return false;
  }
}
