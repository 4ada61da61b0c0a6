// Takes back what a run did, and says what came of that.
import { useState } from 'react';
import { useClient } from '../../app/client';
import { useT } from '../../app/i18n';
import { Icon } from '../../app/ui/Icon';
import { messages } from '../messages';
import type { Undone } from '../model';

type State = { kind: 'idle' | 'busy' } | { kind: 'done'; undone: Undone } | { kind: 'failed'; why: string };

export function UndoButton({ runId }: { runId: string }) {
  const t = useT(messages);
  const client = useClient();
  const [state, setState] = useState<State>({ kind: 'idle' });

  const undo = async () => {
    setState({ kind: 'busy' });
    try {
      setState({ kind: 'done', undone: await client.runs.undo(runId) });
    } catch (error) {
      setState({ kind: 'failed', why: error instanceof Error ? error.message : String(error) });
    }
  };

  if (state.kind === 'done') {
    const { documents, is_complete: isComplete } = state.undone;
    const changed = documents.filter(({ position }) => position !== null).length;
    const isWhole = documents.every(({ is_whole: whole }) => whole);
    return (
      <span className="small" role="status">
        {changed === 0 ? t('undone_nothing') : t('undone', { count: changed })}
        {!isComplete && ` ${t('undone_part')}`}
        {!isWhole && ` ${t('undone_lost')}`}
      </span>
    );
  }
  return (
    <>
      <button
        type="button"
        className="button plain"
        disabled={state.kind === 'busy'}
        onClick={() => void undo()}
      >
        <Icon name="undo" size={14} />
        {t('undo')}
      </button>
      {state.kind === 'failed' && (
        <span className="fault-line" role="alert">
          {state.why}
        </span>
      )}
    </>
  );
}
