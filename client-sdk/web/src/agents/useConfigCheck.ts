// What the server thinks of a configuration, asked a moment after the last key.
import { useEffect, useState } from 'react';
import type { ConfigCheck } from './model';

const PAUSE_MILLISECONDS = 300;

interface Checked {
  result: ConfigCheck | null;
  fault: string | null;
  isChecking: boolean;
}

export function useConfigCheck(yaml: string, check: (yaml: string) => Promise<ConfigCheck>): Checked {
  const [state, setState] = useState<{ of: string | null; result: ConfigCheck | null; fault: string | null }>(
    {
      of: null,
      result: null,
      fault: null,
    },
  );

  useEffect(() => {
    let isCurrent = true;
    const timer = setTimeout(() => {
      check(yaml).then(
        (result) => {
          if (isCurrent) setState({ of: yaml, result, fault: null });
        },
        (error: unknown) => {
          if (!isCurrent) return;
          const fault = error instanceof Error ? error.message : String(error);
          setState((before) => ({ of: yaml, result: before.result, fault }));
        },
      );
    }, PAUSE_MILLISECONDS);
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, [check, yaml]);

  return { result: state.result, fault: state.fault, isChecking: state.of !== yaml };
}
