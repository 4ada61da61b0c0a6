// What is read from the server once, and read again when asked: the data, or why there is none.
import { useCallback, useEffect, useState } from 'react';

export interface Loaded<T> {
  /** The newest answer; what was there before stays while it is read again. */
  data: T | null;
  fault: string | null;
  isLoading: boolean;
  reload: () => void;
}

/** Read something whenever `load`, which has to be stable, is another function. */
export function useLoaded<T>(load: (() => Promise<T>) | null): Loaded<T> {
  const [state, setState] = useState<{ of: unknown; data: T | null; fault: string | null }>(NOTHING);
  const [round, setRound] = useState(0);

  useEffect(() => {
    if (load === null) return;
    let isCurrent = true;
    load().then(
      (data) => {
        if (isCurrent) setState({ of: load, data, fault: null });
      },
      (error: unknown) => {
        if (!isCurrent) return;
        const fault = error instanceof Error ? error.message : String(error);
        setState((before) => ({ of: load, data: before.of === load ? before.data : null, fault }));
      },
    );
    return () => {
      isCurrent = false;
    };
  }, [load, round]);

  const reload = useCallback(() => {
    setRound((now) => now + 1);
  }, []);
  const isCurrent = state.of === load;
  return {
    data: isCurrent ? state.data : null,
    fault: isCurrent ? state.fault : null,
    isLoading: load !== null && !isCurrent,
    reload,
  };
}

const NOTHING = { of: undefined, data: null, fault: null };
