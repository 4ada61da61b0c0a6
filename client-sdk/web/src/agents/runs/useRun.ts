// A run, live: its steps, what it says, what it costs, until it ends.
import { useEffect, useState } from 'react';
import { useClient } from '../../app/client';
import { hear, UNKNOWN, type RunState } from './runState';

/** Follow a run; null: none. */
export function useRun(runId: string | null): RunState & { fault: string | null } {
  const client = useClient();
  const [state, setState] = useState<RunState>(UNKNOWN);
  const [fault, setFault] = useState<string | null>(null);

  useEffect(() => {
    if (runId === null) return;
    const stop = new AbortController();
    const follow = async () => {
      let now = UNKNOWN;
      setState(now);
      setFault(null);
      for await (const told of client.runs.watch(runId, { signal: stop.signal })) {
        now = hear(now, told);
        setState(now);
      }
    };
    follow().catch((error: unknown) => {
      if (!stop.signal.aborted) setFault(error instanceof Error ? error.message : String(error));
    });
    return () => {
      stop.abort();
    };
  }, [client, runId]);

  return { ...state, fault };
}
