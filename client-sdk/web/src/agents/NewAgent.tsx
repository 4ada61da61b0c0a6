// Makes an agent of a kind: its name, and what it is told besides.
import { useCallback, useState } from 'react';
import { useClient } from '../app/client';
import { useT } from '../app/i18n';
import { navigate, paths } from '../app/router';
import { Field } from '../app/ui/Field';
import { checkNewConfig, createAgent } from './api';
import { ConfigEditor } from './ConfigEditor';
import { messages } from './messages';
import type { Definition } from './model';

interface NewAgentProps {
  workspaceId: string;
  definition: Definition;
  onMade: () => void;
}

export function NewAgent({ workspaceId, definition, onMade }: NewAgentProps) {
  const t = useT(messages);
  const client = useClient();
  const [name, setName] = useState(definition.name);
  const [yaml, setYaml] = useState('');
  const [fault, setFault] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const check = useCallback(
    (text: string) => checkNewConfig(client, definition.id, text),
    [client, definition.id],
  );

  const create = async () => {
    setBusy(true);
    setFault(null);
    try {
      const made = await createAgent(client, workspaceId, {
        agent_definition_id: definition.id,
        name: name.trim(),
        description: definition.tagline ?? definition.description,
        yaml_config: yaml,
      });
      onMade();
      navigate(paths.agents(workspaceId, 'agent', made.id));
    } catch (error) {
      setFault(error instanceof Error ? error.message : String(error));
      setBusy(false);
    }
  };

  return (
    <section className="panel-stack" aria-label={t('new_agent', { name: definition.name })}>
      <header className="detail-head">
        <div>
          <h2>{t('new_agent', { name: definition.name })}</h2>
          <p className="muted">{definition.introduction_text ?? definition.description}</p>
        </div>
      </header>
      <Field
        label={t('name')}
        value={name}
        maxLength={200}
        onChange={(event) => {
          setName(event.target.value);
        }}
      />
      <ConfigEditor
        workspaceId={workspaceId}
        yaml={yaml}
        onChange={setYaml}
        check={check}
        defaults={definition.default_config}
      />
      {fault !== null && (
        <p className="fault-line" role="alert">
          {t('failed', { why: fault })}
        </p>
      )}
      <footer className="form-foot">
        <button
          type="button"
          className="button primary"
          disabled={isBusy || name.trim() === ''}
          onClick={() => void create()}
        >
          {t('create_agent')}
        </button>
      </footer>
    </section>
  );
}
