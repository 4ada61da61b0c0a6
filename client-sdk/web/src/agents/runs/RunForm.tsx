// Has an agent run now: what it is given, what it is to do, and whether it may change anything.
import { useState, type SubmitEvent } from 'react';
import { useClient } from '../../app/client';
import { useT } from '../../app/i18n';
import { navigate, paths } from '../../app/router';
import { Icon } from '../../app/ui/Icon';
import { InputFields } from '../InputFields';
import { readInputs, type InputFault, type Texts } from '../inputs';
import { messages } from '../messages';
import type { Agent, Input } from '../model';
import './runs.css';

interface RunFormProps {
  workspaceId: string;
  agent: Agent;
  inputs: readonly Input[];
}

export function RunForm({ workspaceId, agent, inputs }: RunFormProps) {
  const t = useT(messages);
  const client = useClient();
  const [texts, setTexts] = useState<Texts>({});
  const [prompt, setPrompt] = useState('');
  const [isDry, setDry] = useState(false);
  const [faults, setFaults] = useState<Record<string, InputFault>>({});
  const [state, setState] = useState<{ isBusy: boolean; fault: string | null }>({
    isBusy: false,
    fault: null,
  });

  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    // What the configuration gives is not asked for again: the server knows both, and says what is missing.
    const read = readInputs(
      inputs.map((input) => ({ ...input, required: false })),
      texts,
    );
    setFaults(read.faults);
    if (Object.keys(read.faults).length > 0) return;
    setState({ isBusy: true, fault: null });
    try {
      const run = await client.runs.start(agent.id, {
        inputs: read.values,
        prompt: prompt.trim() || null,
        is_dry: isDry,
      });
      navigate(paths.agents(workspaceId, 'runs', run.run_id));
    } catch (error) {
      setState({ isBusy: false, fault: error instanceof Error ? error.message : String(error) });
    }
  };

  return (
    <form className="run-form card" onSubmit={(event) => void submit(event)} noValidate>
      <h3>{t('run_now')}</h3>
      <InputFields inputs={inputs} texts={texts} faults={faults} onChange={setTexts} />
      <label className="field">
        <span>{t('prompt')}</span>
        <textarea
          className="input"
          rows={2}
          value={prompt}
          placeholder={t('prompt_hint')}
          onChange={({ target }) => {
            setPrompt(target.value);
          }}
        />
      </label>
      {state.fault !== null && (
        <p className="fault-line" role="alert">
          {t('failed', { why: state.fault })}
        </p>
      )}
      <footer className="form-foot">
        <label className="choice">
          <input
            type="checkbox"
            checked={isDry}
            onChange={({ target }) => {
              setDry(target.checked);
            }}
          />
          <span>{t('dry')}</span>
        </label>
        <button type="submit" className="button primary" disabled={state.isBusy || agent.status !== 'active'}>
          <Icon name="play" size={14} />
          {t('run')}
        </button>
      </footer>
      {agent.status !== 'active' && <p className="muted small">{t('is_off')}</p>}
    </form>
  );
}
