// What agents are doing in the workspace now, with a way to look and a way to stop them.
import { useState } from 'react';
import { client } from '../connection';
import { useT } from '../i18n';
import type { Agent } from '../model';
import { navigate, paths } from '../router';
import { sayFault } from '../toasts';
import { Dialog } from '../ui/Dialog';
import { Icon } from '../ui/Icon';
import { useAgents } from '../workspace';
import { messages } from './messages';
import { RunProgress } from './RunProgress';

export function AgentActivity({ workspaceId }: { workspaceId: string }) {
  const t = useT(messages);
  const [isOpen, setIsOpen] = useState(false);
  const { data: agents = [] } = useAgents(workspaceId);
  const busy = agents.filter(isBusy);
  const [first] = busy;
  const text =
    first && busy.length === 1
      ? t('agent_works', { name: first.name })
      : t('agents_work', { count: busy.length });
  return (
    <>
      <span role="status" className="activity">
        {first && (
          <button
            type="button"
            className="activity-button"
            onClick={() => {
              setIsOpen(true);
            }}
          >
            <span className="activity-mark" aria-hidden="true">
              <Icon name="spark" size={14} />
            </span>
            <span className="activity-text">{text}</span>
          </button>
        )}
      </span>
      {isOpen && (
        <Dialog
          title={t('agents_now')}
          onClose={() => {
            setIsOpen(false);
          }}
        >
          {busy.length === 0 && <p className="muted">{t('agents_rest')}</p>}
          {busy.map((agent) => (
            <div key={agent.id} className="activity-row">
              <strong>{agent.name}</strong>
              {agent.last_run_id && <RunProgress runId={agent.last_run_id} />}
              <button
                type="button"
                className="button"
                onClick={() => {
                  setIsOpen(false);
                  navigate(placeOf(workspaceId, agent));
                }}
              >
                {t('look')}
              </button>
              <button type="button" className="button danger" onClick={() => void stop(agent)}>
                {t('stop')}
              </button>
            </div>
          ))}
        </Dialog>
      )}
    </>
  );
}

/** Where one sees what an agent does now. */
function placeOf(workspaceId: string, { id, last_run_id: runId }: Agent): string {
  return runId === null ? paths.agents(workspaceId, 'agent', id) : paths.agents(workspaceId, 'runs', runId);
}

function isBusy(agent: Agent): boolean {
  return agent.last_run_status === 'running' || agent.last_run_status === 'pending';
}

async function stop(agent: Agent): Promise<void> {
  if (agent.last_run_id === null) return;
  try {
    await client.runs.cancel(agent.last_run_id);
  } catch (error) {
    sayFault(error);
  }
}
