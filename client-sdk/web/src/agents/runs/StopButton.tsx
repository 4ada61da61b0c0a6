// Ends a run. What it has done stays done.
import { useState } from 'react';
import { useClient } from '../../app/client';
import { useT } from '../../app/i18n';
import { Icon } from '../../app/ui/Icon';
import { messages } from '../messages';
import type { Run } from '../model';

export function StopButton({ runId, run }: { runId: string; run: Run | null }) {
  const t = useT(messages);
  const client = useClient();
  const [state, setState] = useState<{ isBusy: boolean; fault: string | null }>({
    isBusy: false,
    fault: null,
  });
  const isStopping = state.isBusy || (run?.cancel_requested_at ?? null) !== null;

  const stop = async () => {
    setState({ isBusy: true, fault: null });
    try {
      await client.runs.cancel(runId);
    } catch (error) {
      setState({ isBusy: false, fault: error instanceof Error ? error.message : String(error) });
    }
  };

  return (
    <>
      <button type="button" className="button stop-button" disabled={isStopping} onClick={() => void stop()}>
        <Icon name="stop" size={12} />
        {t(isStopping ? 'stopping' : 'stop')}
      </button>
      {state.fault !== null && (
        <span className="fault-line" role="alert">
          {state.fault}
        </span>
      )}
    </>
  );
}
