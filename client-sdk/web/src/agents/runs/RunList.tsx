// The runs of an agent, the newest first.
import { useCallback } from 'react';
import { useClient } from '../../app/client';
import { useLanguage, useT } from '../../app/i18n';
import { paths } from '../../app/router';
import { Link } from '../../app/ui/Link';
import { ago, duration } from '../../chat/time';
import { useLoaded } from '../../chat/useLoaded';
import { useEvents } from '../../app/events';
import { listRuns } from '../api';
import { messages } from '../messages';
import type { Agent } from '../model';
import { StatusMark } from '../StatusMark';

const FOLLOWED = ['agent.run.*'];

export function RunList({ workspaceId, agent }: { workspaceId: string; agent: Agent }) {
  const t = useT(messages);
  const language = useLanguage();
  const client = useClient();
  const load = useCallback(() => listRuns(client, agent.id), [agent.id, client]);
  const { data: runs, fault, reload } = useLoaded(load);
  useEvents(workspaceId, FOLLOWED, reload);
  return (
    <section aria-label={t('runs')}>
      <h3>{t('runs')}</h3>
      {fault !== null && (
        <p className="fault-line" role="alert">
          {t('failed', { why: fault })}
        </p>
      )}
      {runs?.length === 0 && <p className="muted">{t('no_runs')}</p>}
      <ul className="run-list">
        {runs?.map((run) => (
          <li key={run.run_id}>
            <Link to={paths.agents(workspaceId, 'runs', run.run_id)}>
              <StatusMark status={run.waiting_for ? 'waiting' : run.status} />
              <span className="run-list-text">
                {run.output_preview ?? run.error_message ?? run.prompt ?? t(`by_${run.trigger_type}`)}
              </span>
              <span className="muted small">
                {run.end_time !== null &&
                  `${duration(Date.parse(run.end_time) - Date.parse(run.start_time))} · `}
                {ago(run.start_time, new Date(), language)}
              </span>
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
}
