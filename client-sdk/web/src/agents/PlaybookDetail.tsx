// One playbook: its steps, running it, and its runs.
import { useCallback, useState, type SubmitEvent } from 'react';
import { useClient } from '../app/client';
import { useLanguage, useT } from '../app/i18n';
import { navigate, paths } from '../app/router';
import { Icon } from '../app/ui/Icon';
import { Link } from '../app/ui/Link';
import { ago } from '../chat/time';
import { useLoaded } from '../chat/useLoaded';
import { useEvents } from '../app/events';
import { listPlaybookRuns, startPlaybook } from './api';
import { InputFields } from './InputFields';
import { readInputs, type InputFault, type Texts } from './inputs';
import { messages } from './messages';
import type { Agent, Input, Playbook } from './model';
import { PlaybookSteps } from './PlaybookSteps';
import { StatusMark } from './StatusMark';

interface PlaybookDetailProps {
  workspaceId: string;
  playbook: Playbook;
  agents: readonly Agent[];
}

const FOLLOWED = ['playbook.run.*'];

export function PlaybookDetail({ workspaceId, playbook, agents }: PlaybookDetailProps) {
  const t = useT(messages);
  const language = useLanguage();
  const client = useClient();
  const inputs = playbook.inputs.map(asInput);
  const [texts, setTexts] = useState<Texts>({});
  const [faults, setFaults] = useState<Record<string, InputFault>>({});
  const [fault, setFault] = useState<string | null>(null);
  const load = useCallback(() => listPlaybookRuns(client, playbook.id), [client, playbook.id]);
  const { data: runs, reload } = useLoaded(load);
  useEvents(workspaceId, FOLLOWED, reload);

  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const read = readInputs(inputs, texts);
    setFaults(read.faults);
    if (Object.keys(read.faults).length > 0) return;
    setFault(null);
    try {
      const run = await startPlaybook(client, playbook.id, read.values);
      navigate(paths.agents(workspaceId, 'playbook-runs', run.id));
    } catch (error) {
      setFault(error instanceof Error ? error.message : String(error));
    }
  };

  return (
    <section className="panel-stack" aria-label={playbook.name}>
      <header className="detail-head">
        <div>
          <h2>{playbook.name}</h2>
          <p className="muted">{playbook.description}</p>
        </div>
      </header>
      <section aria-label={t('all_steps')}>
        <h3>{t('all_steps')}</h3>
        <PlaybookSteps steps={playbook.steps} states={[]} agents={agents} />
      </section>
      <form className="card run-form" onSubmit={(event) => void submit(event)} noValidate>
        <h3>{t('run_now')}</h3>
        <InputFields inputs={inputs} texts={texts} faults={faults} onChange={setTexts} />
        {fault !== null && (
          <p className="fault-line" role="alert">
            {t('failed', { why: fault })}
          </p>
        )}
        <footer className="form-foot">
          <button type="submit" className="button primary" disabled={!playbook.is_active}>
            <Icon name="play" size={14} />
            {t('run')}
          </button>
        </footer>
      </form>
      <section aria-label={t('runs')}>
        <h3>{t('runs')}</h3>
        {runs?.length === 0 && <p className="muted">{t('no_runs')}</p>}
        <ul className="run-list">
          {runs?.map((run) => (
            <li key={run.id}>
              <Link to={paths.agents(workspaceId, 'playbook-runs', run.id)}>
                <StatusMark status={run.status} />
                <span className="run-list-text">{run.error_message ?? run.name}</span>
                <span className="muted small">{ago(run.created_at, new Date(), language)}</span>
              </Link>
            </li>
          ))}
        </ul>
      </section>
    </section>
  );
}

function asInput(field: Record<string, unknown>): Input {
  return {
    key: String(field.key),
    type: typeof field.type === 'string' ? field.type : 'string',
    required: field.required === true && field.default === undefined,
    description: typeof field.description === 'string' ? field.description : null,
  };
}
