// A run of a playbook: how each step stands, what it asks, and the button to end it.
import { useCallback, useState } from 'react';
import { useClient } from '../app/client';
import { useLanguage, useT } from '../app/i18n';
import { paths } from '../app/router';
import { Link } from '../app/ui/Link';
import { Markdown } from '../chat/Markdown';
import { fullTime } from '../chat/time';
import { useLoaded } from '../chat/useLoaded';
import { useEvents } from '../app/events';
import { cancelPlaybookRun, decidePlaybook, readPlaybookRun } from './api';
import { messages } from './messages';
import type { Playbook } from './model';
import { PlaybookSteps } from './PlaybookSteps';
import { findStep } from './playbookSteps';
import { StatusMark } from './StatusMark';

interface PlaybookRunViewProps {
  runId: string;
  workspaceId: string;
  playbooks: readonly Playbook[];
}

const FOLLOWED = ['playbook.*'];

export function PlaybookRunView({ runId, workspaceId, playbooks }: PlaybookRunViewProps) {
  const t = useT(messages);
  const language = useLanguage();
  const client = useClient();
  const load = useCallback(() => readPlaybookRun(client, runId), [client, runId]);
  const { data: run, fault: notLoaded, reload } = useLoaded(load);
  const [fault, setFault] = useState<string | null>(null);
  const [note, setNote] = useState('');
  useEvents(workspaceId, FOLLOWED, reload);

  const act = async (deed: () => Promise<unknown>) => {
    setFault(null);
    try {
      await deed();
      setNote('');
      reload();
    } catch (error) {
      setFault(error instanceof Error ? error.message : String(error));
    }
  };

  if (run === null) {
    return (
      <p className="muted" role="status">
        {notLoaded === null ? t('loading') : t('failed', { why: notLoaded })}
      </p>
    );
  }
  const playbook = playbooks.find(({ id }) => id === run.playbook_id);
  const asked = run.steps.filter(({ type, status }) => type === 'approval' && status === 'running');
  const isRunning = run.status === 'pending' || run.status === 'running';
  const outputs = Object.entries(run.outputs ?? {});
  return (
    <section className="panel-stack" aria-label={t('run_of', { name: run.name })}>
      <header className="detail-head">
        <div>
          <h2>
            <Link to={paths.agents(workspaceId, 'playbook', run.playbook_id)}>{run.name}</Link>
          </h2>
          <p className="muted small">{fullTime(run.created_at, language)}</p>
        </div>
        <StatusMark status={asked.length > 0 && isRunning ? 'waiting' : run.status} />
      </header>
      {isRunning && (
        <div className="run-bar">
          <button
            type="button"
            className="button"
            onClick={() => void act(() => cancelPlaybookRun(client, runId))}
          >
            {t('stop')}
          </button>
        </div>
      )}
      {(fault ?? run.error_message) !== null && (
        <p className="fault-box" role="alert">
          {fault ?? run.error_message}
        </p>
      )}
      {asked.map((step) => {
        const told = step.given?.message ?? (playbook && findStep(playbook.steps, step.step_id)?.message);
        return (
          <section
            key={step.step_id}
            className="approval"
            aria-label={t('wants_step', { name: step.step_id })}
          >
            <h4>{t('wants_step', { name: step.step_id })}</h4>
            <div className="approval-preview">
              <Markdown text={typeof told === 'string' ? told : JSON.stringify(step.given ?? {}, null, 2)} />
            </div>
            <textarea
              className="input"
              rows={2}
              aria-label={t('your_note')}
              placeholder={t('your_note')}
              value={note}
              onChange={({ target }) => {
                setNote(target.value);
              }}
            />
            <div className="approval-tools">
              <button
                type="button"
                className="button primary"
                onClick={() => void act(() => decidePlaybook(client, runId, step.step_id, true, note))}
              >
                {t('approve')}
              </button>
              <button
                type="button"
                className="button danger"
                onClick={() => void act(() => decidePlaybook(client, runId, step.step_id, false, note))}
              >
                {t('reject')}
              </button>
            </div>
          </section>
        );
      })}
      {outputs.length > 0 && (
        <section className="card run-output" aria-label={t('output')}>
          <h3>{t('output')}</h3>
          {outputs.map(([name, value]) => (
            <div key={name}>
              <p>
                <code>{name}</code>
              </p>
              <Markdown text={typeof value === 'string' ? value : JSON.stringify(value, null, 2)} />
            </div>
          ))}
        </section>
      )}
      <PlaybookSteps
        steps={playbook?.steps ?? run.steps.map((step) => ({ id: step.step_id, type: step.type }))}
        states={run.steps}
        agents={[]}
      />
    </section>
  );
}
