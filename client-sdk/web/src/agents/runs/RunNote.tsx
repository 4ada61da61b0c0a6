// A run within a message: what it is doing and costs, and the buttons to stop, answer and undo it.
import { useState } from 'react';
import { useT } from '../../app/i18n';
import { paths } from '../../app/router';
import { Icon } from '../../app/ui/Icon';
import { Link } from '../../app/ui/Link';
import { Markdown } from '../../chat/Markdown';
import { messages } from '../messages';
import { Approval } from './Approval';
import { isOver } from './runState';
import { RunFigures } from './RunFigures';
import { RunSteps } from './RunSteps';
import { StopButton } from './StopButton';
import { UndoButton } from './UndoButton';
import { useRun } from './useRun';
import './runs.css';

interface RunNoteProps {
  runId: string;
  workspaceId: string;
  /** What the channel says of it; null where the message is the answer itself. */
  text: string | null;
  isOver: boolean;
}

export function RunNote({ runId, workspaceId, text, isOver: isToldOver }: RunNoteProps) {
  const t = useT(messages);
  const [isOpen, setOpen] = useState(false);
  const state = useRun(isOpen || !isToldOver ? runId : null);
  const { run, steps, speech, begins } = state;
  const hasEnded = isToldOver || (run !== null && isOver(run));
  return (
    <div className={hasEnded ? 'run-note' : 'run-note working'}>
      {text !== null && (
        <p className="run-note-text">
          {!hasEnded && <span className="pulse" aria-hidden="true" />}
          <span>{text}</span>
        </p>
      )}
      {!hasEnded && speech !== null && speech.text !== '' && (
        <div className="run-speech" aria-live="off">
          <Markdown text={speech.text} />
        </div>
      )}
      {run?.waiting_for && <Approval run={run} waiting={run.waiting_for} />}
      <div className="run-note-tools">
        {!hasEnded && <StopButton runId={runId} run={run} />}
        {hasEnded && <UndoButton runId={runId} />}
        <button
          type="button"
          className="link-button"
          aria-expanded={isOpen}
          onClick={() => {
            setOpen(!isOpen);
          }}
        >
          {t(isOpen ? 'hide_steps' : 'show_steps')}
        </button>
        <Link className="link-button" to={paths.agents(workspaceId, 'runs', runId)}>
          {t('open_run')}
        </Link>
        {run !== null && <RunFigures run={run} steps={steps} />}
      </div>
      {state.fault !== null && (
        <p className="small muted" role="status">
          <Icon name="warning" size={12} /> {t('not_followed', { why: state.fault })}
        </p>
      )}
      {isOpen && <RunSteps steps={steps} begins={begins} speech={null} />}
    </div>
  );
}
