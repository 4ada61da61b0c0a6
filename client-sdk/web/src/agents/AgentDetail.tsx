// One agent: running it, its runs, its configuration, what starts it by itself, what it was before.
import { useT } from '../app/i18n';
import { paths } from '../app/router';
import { Avatar } from '../app/ui/Avatar';
import { Link } from '../app/ui/Link';
import { AgentConfig } from './AgentConfig';
import { messages } from './messages';
import type { Agent, Definition } from './model';
import { RunForm } from './runs/RunForm';
import { RunList } from './runs/RunList';
import { StatusMark } from './StatusMark';
import { Triggers } from './Triggers';
import { Versions } from './Versions';

interface AgentDetailProps {
  workspaceId: string;
  agent: Agent;
  definition: Definition | undefined;
  tab: string | undefined;
  onChanged: () => void;
}

const TABS = ['run', 'configuration', 'triggers', 'versions'] as const;

export function AgentDetail({ workspaceId, agent, definition, tab, onChanged }: AgentDetailProps) {
  const t = useT(messages);
  const shown = TABS.find((one) => one === tab) ?? 'run';
  return (
    <section className="panel-stack" aria-label={agent.name}>
      <header className="detail-head">
        <Avatar id={`agent:${agent.id}`} name={agent.name} isAgent size={40} />
        <div>
          <h2>{agent.name}</h2>
          <p className="muted">{agent.description ?? definition?.description}</p>
        </div>
        <StatusMark status={agent.last_run_status ?? 'idle'} />
      </header>
      <nav className="tabs" aria-label={agent.name}>
        {TABS.map((one) => (
          <Link
            key={one}
            to={paths.agents(workspaceId, 'agent', agent.id, one)}
            aria-current={one === shown ? 'page' : undefined}
          >
            {t(`tab_${one}`)}
          </Link>
        ))}
      </nav>
      {shown === 'run' && (
        <>
          {definition && (
            <RunForm workspaceId={workspaceId} agent={agent} inputs={definition.inputs_schema} />
          )}
          <RunList workspaceId={workspaceId} agent={agent} />
        </>
      )}
      {shown === 'configuration' && (
        <AgentConfig key={agent.version} agent={agent} definition={definition} onChanged={onChanged} />
      )}
      {shown === 'triggers' && <Triggers agent={agent} inputs={definition?.inputs_schema ?? []} />}
      {shown === 'versions' && <Versions key={agent.version} agent={agent} onChanged={onChanged} />}
    </section>
  );
}
