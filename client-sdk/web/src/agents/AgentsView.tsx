// The agents of a workspace: who there is, what they do, and how they are told to. The address says what is shown.
import { useCallback } from 'react';
import { useClient } from '../app/client';
import { useT } from '../app/i18n';
import { paths, usePlace } from '../app/router';
import { Link } from '../app/ui/Link';
import { useEvents } from '../app/events';
import { useLoaded } from '../chat/useLoaded';
import { AgentDetail } from './AgentDetail';
import { listAgents, listDefinitions, listPlaybooks } from './api';
import { Catalogue } from './Catalogue';
import { messages } from './messages';
import { NewAgent } from './NewAgent';
import { PlaybookDetail } from './PlaybookDetail';
import { PlaybookRunView } from './PlaybookRunView';
import { RunView } from './runs/RunView';
import { StatusMark } from './StatusMark';
import './agents.css';

const FOLLOWED = ['agent.*', 'playbook.*'];

export function AgentsView({ workspaceId }: { workspaceId: string }) {
  const t = useT(messages);
  const client = useClient();
  const place = usePlace();
  const [kind, id, tab] = place.view === 'agents' ? place.rest : [];
  const load = useCallback(
    () =>
      Promise.all([
        listAgents(client, workspaceId),
        listDefinitions(client),
        listPlaybooks(client, workspaceId),
      ]),
    [client, workspaceId],
  );
  const { data, fault, reload } = useLoaded(load);
  useEvents(workspaceId, FOLLOWED, reload);
  const [agents = [], definitions = [], playbooks = []] = data ?? [];
  const agent = kind === 'agent' ? agents.find((one) => one.id === id) : undefined;
  const playbook = kind === 'playbook' ? playbooks.find((one) => one.id === id) : undefined;
  const definition = kind === 'new' ? definitions.find((one) => one.id === id) : undefined;

  return (
    <div className={kind === undefined ? 'agents' : 'agents has-open'}>
      <nav className="agents-nav" aria-label={t('agents')}>
        <header>
          <h1>{t('agents')}</h1>
        </header>
        {fault !== null && (
          <p className="fault-line" role="alert">
            {t('failed', { why: fault })}{' '}
            <button type="button" className="link-button" onClick={reload}>
              {t('retry')}
            </button>
          </p>
        )}
        <Link
          className="nav-row"
          to={paths.agents(workspaceId)}
          aria-current={kind === undefined ? 'page' : undefined}
        >
          {t('catalogue')}
        </Link>
        <h2>{t('agents_here')}</h2>
        {data !== null && agents.length === 0 && <p className="muted small">{t('no_agents')}</p>}
        {agents.map((one) => (
          <Link
            key={one.id}
            className="nav-row"
            to={paths.agents(workspaceId, 'agent', one.id)}
            aria-current={one.id === id ? 'page' : undefined}
          >
            <span className="nav-name">{one.name}</span>
            <StatusMark status={one.last_run_status ?? 'idle'} isShort />
          </Link>
        ))}
        <h2>{t('playbooks')}</h2>
        {data !== null && playbooks.length === 0 && <p className="muted small">{t('no_playbooks')}</p>}
        {playbooks.map((one) => (
          <Link
            key={one.id}
            className="nav-row"
            to={paths.agents(workspaceId, 'playbook', one.id)}
            aria-current={one.id === id ? 'page' : undefined}
          >
            <span className="nav-name">{one.name}</span>
            {!one.is_active && <span className="muted small">{t('off')}</span>}
          </Link>
        ))}
      </nav>
      <div className="agents-main">
        {kind !== undefined && (
          <Link className="agents-back" to={paths.agents(workspaceId)}>
            {t('back')}
          </Link>
        )}
        {kind === undefined && <Catalogue workspaceId={workspaceId} definitions={definitions} />}
        {definition && (
          <NewAgent key={definition.id} workspaceId={workspaceId} definition={definition} onMade={reload} />
        )}
        {agent && (
          <AgentDetail
            key={agent.id}
            workspaceId={workspaceId}
            agent={agent}
            definition={definitions.find((one) => one.id === agent.agent_definition_id)}
            tab={tab}
            onChanged={reload}
          />
        )}
        {kind === 'runs' && id !== undefined && (
          <RunView key={id} runId={id} workspaceId={workspaceId} agents={agents} />
        )}
        {playbook && (
          <PlaybookDetail key={playbook.id} workspaceId={workspaceId} playbook={playbook} agents={agents} />
        )}
        {kind === 'playbook-runs' && id !== undefined && (
          <PlaybookRunView key={id} runId={id} workspaceId={workspaceId} playbooks={playbooks} />
        )}
        {data !== null &&
          (kind === 'agent' || kind === 'playbook' || kind === 'new') &&
          !agent &&
          !playbook &&
          !definition && <p className="muted">{t('not_here')}</p>}
      </div>
    </div>
  );
}
