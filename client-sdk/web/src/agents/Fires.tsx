// What became of a trigger's fires: a run that was started, or why there was none.
import { useCallback, useState } from 'react';
import { useClient } from '../app/client';
import { useEvents } from '../app/events';
import { useLanguage, useT } from '../app/i18n';
import { paths } from '../app/router';
import { Link } from '../app/ui/Link';
import { ago, fullTime } from '../chat/time';
import { useLoaded } from '../chat/useLoaded';
import { listFires, testTrigger } from './api';
import { messages } from './messages';
import type { Fire, Trigger } from './model';

const FOLLOWED = ['agent.trigger.*', 'agent.run.*'];

interface FiresProps {
  workspaceId: string;
  trigger: Trigger;
}

export function Fires({ workspaceId, trigger }: FiresProps) {
  const t = useT(messages);
  const client = useClient();
  const load = useCallback(() => listFires(client, trigger.id), [client, trigger.id]);
  const { data: fires, fault: notLoaded, reload } = useLoaded(load);
  const [fault, setFault] = useState<string | null>(null);
  useEvents(workspaceId, FOLLOWED, reload);

  const test = async () => {
    setFault(null);
    try {
      await testTrigger(client, trigger.id);
    } catch (error) {
      setFault(error instanceof Error ? error.message : String(error));
    }
    reload();
  };

  return (
    <section className="fires" aria-label={t('fires_of', { name: trigger.name })}>
      {(fault ?? notLoaded) !== null && (
        <p className="fault-line" role="alert">
          {t('failed', { why: fault ?? notLoaded ?? '' })}
        </p>
      )}
      {fires?.length === 0 && <p className="muted small">{t('no_fires')}</p>}
      <ul className="fire-list">
        {fires?.map((fire) => (
          <li key={fire.id}>
            <FireLine workspaceId={workspaceId} fire={fire} />
          </li>
        ))}
      </ul>
      <button type="button" className="button" onClick={() => void test()}>
        {t('test_trigger')}
      </button>
    </section>
  );
}

function FireLine({ workspaceId, fire }: { workspaceId: string; fire: Fire }) {
  const t = useT(messages);
  const language = useLanguage();
  return (
    <>
      <span className={fire.outcome === 'started' ? 'chip' : 'chip bad'}>{t(`fire_${fire.outcome}`)}</span>
      {fire.is_test && <span className="chip">{t('fire_test')}</span>}
      <span className="run-list-text">{fire.message}</span>
      {fire.run_id !== null && (
        <Link className="link-button" to={paths.agents(workspaceId, 'runs', fire.run_id)}>
          {t('open_run')}
        </Link>
      )}
      <span className="muted small" title={fullTime(fire.created_at, language)}>
        {ago(fire.created_at, new Date(), language)}
      </span>
    </>
  );
}
