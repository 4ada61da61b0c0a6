// One run: live while it runs, with what it asks; then its answer, and the button to take it all back.
import { useCallback, useMemo } from 'react';
import { useClient } from '../../app/client';
import { useLanguage, useT } from '../../app/i18n';
import { paths } from '../../app/router';
import { Link } from '../../app/ui/Link';
import { Markdown } from '../../chat/Markdown';
import { fullTime } from '../../chat/time';
import { useLoaded } from '../../chat/useLoaded';
import { readOutput } from '../api';
import { messages } from '../messages';
import type { Agent } from '../model';
import { StatusMark } from '../StatusMark';
import { Approval } from './Approval';
import { isOver } from './runState';
import { RunFigures } from './RunFigures';
import { RunSteps } from './RunSteps';
import { StopButton } from './StopButton';
import { UndoButton } from './UndoButton';
import { useRun } from './useRun';
import './runs.css';

interface RunViewProps {
  runId: string;
  workspaceId: string;
  agents: readonly Agent[];
}

export function RunView({ runId, workspaceId, agents }: RunViewProps) {
  const t = useT(messages);
  const language = useLanguage();
  const client = useClient();
  const { run, steps, begins, speech, fault } = useRun(runId);
  const isDone = run?.status === 'success';
  const load = useMemo(() => (isDone ? () => readOutput(client, runId) : null), [client, isDone, runId]);
  const output = useLoaded(load).data;
  const agent = agents.find(({ id }) => id === run?.agent_configuration_id);
  const toText = useCallback(
    (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value, null, 2)),
    [],
  );

  if (run === null) {
    return (
      <p className="muted" role="status">
        {fault === null ? t('loading') : t('failed', { why: fault })}
      </p>
    );
  }
  const given = Object.entries(run.input_params_snapshot ?? {});
  const hasEnded = isOver(run);
  return (
    <section className="panel-stack run-view" aria-label={t('run_of', { name: agent?.name ?? '' })}>
      <header className="detail-head">
        <div>
          <h2>
            {agent ? (
              <Link to={paths.agents(workspaceId, 'agent', agent.id)}>{agent.name}</Link>
            ) : (
              t('run_of', { name: '' })
            )}
          </h2>
          <p className="muted small">
            {fullTime(run.start_time, language)} · <code>{run.run_id}</code>
            {run.is_dry && ` · ${t('dry_run')}`}
          </p>
        </div>
        <StatusMark status={run.waiting_for ? 'waiting' : run.status} />
      </header>
      <div className="run-bar">
        <RunFigures run={run} steps={steps} />
        {hasEnded ? <UndoButton runId={runId} /> : <StopButton runId={runId} run={run} />}
      </div>
      {fault !== null && !hasEnded && (
        <p className="muted small" role="status">
          {t('not_followed', { why: fault })}
        </p>
      )}
      {(given.length > 0 || run.prompt !== null) && (
        <details className="card run-given">
          <summary>{t('given')}</summary>
          {run.prompt !== null && <p>{run.prompt}</p>}
          <dl>
            {given.map(([name, value]) => (
              <div key={name}>
                <dt>
                  <code>{name}</code>
                </dt>
                <dd>{toText(value)}</dd>
              </div>
            ))}
          </dl>
        </details>
      )}
      {run.waiting_for && <Approval run={run} waiting={run.waiting_for} />}
      {run.error_message !== null && run.status !== 'success' && (
        <p className="fault-box" role="alert">
          {run.error_message}
        </p>
      )}
      {output !== null && (
        <section className="card run-output" aria-label={t('output')}>
          <h3>{t('output')}</h3>
          <Markdown text={output} />
        </section>
      )}
      <section aria-label={t('all_steps')}>
        <h3>{t('all_steps')}</h3>
        <RunSteps steps={steps} begins={begins} speech={speech} />
      </section>
    </section>
  );
}
