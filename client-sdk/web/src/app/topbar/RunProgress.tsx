// The newest step of a run, as it happens.
import { useEffect, useState } from 'react';
import { client } from '../connection';

export function RunProgress({ runId }: { runId: string }) {
  const [title, setTitle] = useState('');
  useEffect(() => {
    const ending = new AbortController();
    const follow = async () => {
      for await (const message of client.runs.watch(runId, { signal: ending.signal })) {
        if (message.type === 'begins') setTitle(message.title);
        if (message.type === 'step') setTitle(message.step.title);
      }
    };
    // A run that cannot be watched has its name and status all the same.
    follow().catch(() => undefined);
    return () => {
      ending.abort();
    };
  }, [runId]);
  return (
    <span className="muted small activity-step" role="status">
      {title}
    </span>
  );
}
