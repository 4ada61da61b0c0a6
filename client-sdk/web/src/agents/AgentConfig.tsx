// An agent's configuration, to look at and change.
import { useCallback, useState } from 'react';
import { useClient } from '../app/client';
import { useT } from '../app/i18n';
import { Field } from '../app/ui/Field';
import { changeAgent, checkConfig } from './api';
import { ConfigEditor } from './ConfigEditor';
import { messages } from './messages';
import type { Agent, Definition } from './model';

interface AgentConfigProps {
  agent: Agent;
  definition: Definition | undefined;
  onChanged: () => void;
}

export function AgentConfig({ agent, definition, onChanged }: AgentConfigProps) {
  const t = useT(messages);
  const client = useClient();
  const [name, setName] = useState(agent.name);
  const [yaml, setYaml] = useState(agent.yaml_config);
  const [state, setState] = useState<{ kind: 'idle' | 'busy' | 'saved' } | { kind: 'failed'; why: string }>({
    kind: 'idle',
  });
  const check = useCallback((text: string) => checkConfig(client, agent.id, text), [agent.id, client]);
  const isChanged = yaml !== agent.yaml_config || name.trim() !== agent.name;

  const save = async (changes: Parameters<typeof changeAgent>[2]) => {
    setState({ kind: 'busy' });
    try {
      await changeAgent(client, agent.id, changes);
      setState({ kind: 'saved' });
      onChanged();
    } catch (error) {
      setState({ kind: 'failed', why: error instanceof Error ? error.message : String(error) });
    }
  };

  return (
    <div className="panel-stack">
      <Field
        label={t('name')}
        value={name}
        maxLength={200}
        onChange={(event) => {
          setName(event.target.value);
        }}
      />
      <ConfigEditor
        workspaceId={agent.workspace_id}
        yaml={yaml}
        onChange={setYaml}
        check={check}
        defaults={definition?.default_config ?? {}}
      />
      {state.kind === 'failed' && (
        <p className="fault-line" role="alert">
          {t('failed', { why: state.why })}
        </p>
      )}
      <footer className="form-foot">
        {state.kind === 'saved' && (
          <span className="muted small" role="status">
            {t('saved')}
          </span>
        )}
        <button
          type="button"
          className="button danger plain"
          onClick={() => void save({ status: agent.status === 'active' ? 'inactive' : 'active' })}
        >
          {t(agent.status === 'active' ? 'switch_off' : 'switch_on')}
        </button>
        <button
          type="button"
          className="button primary"
          disabled={!isChanged || state.kind === 'busy' || name.trim() === ''}
          onClick={() => void save({ name: name.trim(), yaml_config: yaml })}
        >
          {t('save')}
        </button>
      </footer>
    </div>
  );
}
