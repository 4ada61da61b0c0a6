// What starts an agent by itself: schedules and other triggers, paused or not, and a schedule to add.
import { useCallback, useState, type SubmitEvent } from 'react';
import { useClient } from '../app/client';
import { useLanguage, useT } from '../app/i18n';
import { Icon } from '../app/ui/Icon';
import { ago, fullTime } from '../chat/time';
import { useLoaded } from '../chat/useLoaded';
import { Fires } from './Fires';
import { createTrigger, deleteTrigger, listTriggers, setTriggerState } from './api';
import { InputFields } from './InputFields';
import { readInputs, type InputFault, type Texts } from './inputs';
import { messages } from './messages';
import type { Agent, Input, Trigger } from './model';

interface TriggersProps {
  agent: Agent;
  /** What its runs are given. */
  inputs: readonly Input[];
}

export function Triggers({ agent, inputs }: TriggersProps) {
  const t = useT(messages);
  const client = useClient();
  const load = useCallback(() => listTriggers(client, agent.id), [agent.id, client]);
  const { data: triggers, fault: notLoaded, reload } = useLoaded(load);
  const [fault, setFault] = useState<string | null>(null);
  const [opened, setOpened] = useState<string | null>(null);

  const act = async (deed: () => Promise<unknown>) => {
    setFault(null);
    try {
      await deed();
      reload();
      return true;
    } catch (error) {
      setFault(error instanceof Error ? error.message : String(error));
      return false;
    }
  };

  return (
    <div className="panel-stack">
      {(fault ?? notLoaded) !== null && (
        <p className="fault-line" role="alert">
          {t('failed', { why: fault ?? notLoaded ?? '' })}
        </p>
      )}
      {triggers?.length === 0 && <p className="muted">{t('no_triggers')}</p>}
      <ul className="trigger-list">
        {triggers?.map((trigger) => (
          <li key={trigger.id} className="card">
            <TriggerLine trigger={trigger} />
            <div className="trigger-tools">
              <button
                type="button"
                className="button"
                aria-expanded={opened === trigger.id}
                onClick={() => {
                  setOpened(opened === trigger.id ? null : trigger.id);
                }}
              >
                {t('fires')}
              </button>
              <button
                type="button"
                className="button"
                onClick={() =>
                  void act(() =>
                    setTriggerState(client, trigger.id, trigger.state === 'active' ? 'paused' : 'active'),
                  )
                }
              >
                {t(trigger.state === 'active' ? 'pause' : 'resume')}
              </button>
              {trigger.source !== 'configuration' && (
                <button
                  type="button"
                  className="icon-button"
                  aria-label={t('delete_trigger', { name: trigger.name })}
                  onClick={() => void act(() => deleteTrigger(client, trigger.id))}
                >
                  <Icon name="trash" />
                </button>
              )}
            </div>
            {opened === trigger.id && <Fires workspaceId={agent.workspace_id} trigger={trigger} />}
          </li>
        ))}
      </ul>
      <NewSchedule
        inputs={inputs}
        onMake={(name, config) =>
          act(() => createTrigger(client, agent.id, { name, type: 'schedule', config }))
        }
      />
    </div>
  );
}

function TriggerLine({ trigger }: { trigger: Trigger }) {
  const t = useT(messages);
  const language = useLanguage();
  const { type, config } = trigger;
  const cron = typeof config.cron === 'string' ? config.cron : null;
  const events = Array.isArray(config.events) ? config.events.join(', ') : null;
  return (
    <div>
      <p>
        <strong>{trigger.name}</strong> <span className="chip">{t(`trigger_${type}`)}</span>
        {trigger.source === 'configuration' && <span className="chip">YAML</span>}
      </p>
      <p className="muted small">
        {cron !== null && <code>{cron}</code>}
        {events !== null && <code>{events}</code>}
        {trigger.url !== null && <code>{trigger.url}</code>}
        {trigger.next_fire_at !== null && (
          <span title={fullTime(trigger.next_fire_at, language)}>
            {' '}
            {t('next_at', { when: fullTime(trigger.next_fire_at, language) })}
          </span>
        )}
        {trigger.state === 'paused' && (
          <span className="fault-line">
            {' '}
            {trigger.paused_message ??
              t('paused_since', { when: ago(trigger.updated_at, new Date(), language) })}
          </span>
        )}
      </p>
    </div>
  );
}

interface NewScheduleProps {
  inputs: readonly Input[];
  onMake: (name: string, config: Record<string, unknown>) => Promise<boolean>;
}

const USUAL = ['0 9 * * 1', '0 9 * * *', '@hourly', '@monthly'];

function NewSchedule({ inputs, onMake }: NewScheduleProps) {
  const t = useT(messages);
  const [cron, setCron] = useState('0 9 * * 1');
  const [prompt, setPrompt] = useState('');
  const [texts, setTexts] = useState<Texts>({});
  const [faults, setFaults] = useState<Record<string, InputFault>>({});
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    // What the configuration gives is not asked for again: the server knows both, and says what is missing.
    const read = readInputs(
      inputs.map((input) => ({ ...input, required: false })),
      texts,
    );
    setFaults(read.faults);
    if (Object.keys(read.faults).length > 0) return;
    const config = {
      cron: cron.trim(),
      time_zone: zone,
      ...(Object.keys(read.values).length > 0 ? { inputs: read.values } : {}),
      ...(prompt.trim() ? { prompt: prompt.trim() } : {}),
    };
    if (!(await onMake(t('schedule_name', { cron: cron.trim() }), config))) return;
    setPrompt('');
    setTexts({});
  };
  return (
    <form className="card run-form" onSubmit={(event) => void submit(event)} noValidate>
      <h3>{t('new_schedule')}</h3>
      <label className="field">
        <span>{t('cron')}</span>
        <input
          className="input"
          list="usual-times"
          value={cron}
          required
          onChange={({ target }) => {
            setCron(target.value);
          }}
        />
        <span className="hint">{t('cron_hint', { zone })}</span>
      </label>
      <datalist id="usual-times">
        {USUAL.map((one) => (
          <option key={one} value={one} />
        ))}
      </datalist>
      <InputFields inputs={inputs} texts={texts} faults={faults} onChange={setTexts} />
      <label className="field">
        <span>{t('prompt')}</span>
        <textarea
          className="input"
          rows={2}
          value={prompt}
          onChange={({ target }) => {
            setPrompt(target.value);
          }}
        />
      </label>
      <footer className="form-foot">
        <button type="submit" className="button primary">
          {t('add_schedule')}
        </button>
      </footer>
    </form>
  );
}
