// Something read by REST, and read again when asked; what is shown stays while it is read again.
import { useCallback, useEffect, useState } from 'react';

export interface Loaded<T> {
  value: T | null;
  error: string | null;
  reload: () => void;
}

export function useLoad<T>(load: () => Promise<T>): Loaded<T> {
  const [state, setState] = useState<{ value: T | null; error: string | null }>({ value: null, error: null });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    let isCurrent = true;
    load().then(
      (value) => {
        if (isCurrent) setState({ value, error: null });
      },
      (error: unknown) => {
        if (isCurrent)
          setState(({ value }) => ({ value, error: error instanceof Error ? error.message : String(error) }));
      },
    );
    return () => {
      isCurrent = false;
    };
  }, [load, turn]);
  const reload = useCallback(() => {
    setTurn((before) => before + 1);
  }, []);
  return { ...state, reload };
}
