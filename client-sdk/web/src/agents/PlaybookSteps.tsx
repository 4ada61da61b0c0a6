// The steps of a playbook as a list, those within others below them, each with how it stands in a run.
import { useT } from '../app/i18n';
import { Markdown } from '../chat/Markdown';
import { messages } from './messages';
import type { Agent, PlaybookRunDetail } from './model';
import { branchesOf, type Step } from './playbookSteps';
import { StatusMark } from './StatusMark';

type StepState = PlaybookRunDetail['steps'][number];

interface PlaybookStepsProps {
  steps: readonly Step[];
  states: readonly StepState[];
  agents: readonly Agent[];
}

export function PlaybookSteps({ steps, states, agents }: PlaybookStepsProps) {
  const t = useT(messages);
  return (
    <ol className="playbook-steps">
      {steps.map((step, index) => {
        const id = String(step.id);
        const state = states.find((one) => one.step_id === id);
        const agent = agents.find((one) => one.id === step.agent_id);
        const said = saidBy(state);
        return (
          <li key={id || index} className="playbook-step">
            <div className="playbook-step-line">
              <span className="chip">{String(step.type)}</span>
              <strong>{typeof step.name === 'string' ? step.name : id}</strong>
              {agent && <span className="muted">{agent.name}</span>}
              {typeof step.tool === 'string' && <code>{step.tool}</code>}
              {state && <StatusMark status={state.status} />}
              {state && state.attempt > 1 && (
                <span className="muted small">{t('attempt', { number: state.attempt })}</span>
              )}
            </div>
            {state?.message && <p className="fault-line">{state.message}</p>}
            {said !== null && (
              <div className="run-speech">
                <Markdown text={said} />
              </div>
            )}
            {branchesOf(step).map(({ name, steps: inner }) => (
              <div key={name} className="playbook-branch">
                <p className="muted small">{name}</p>
                <PlaybookSteps steps={inner} states={states} agents={agents} />
              </div>
            ))}
          </li>
        );
      })}
    </ol>
  );
}

function saidBy(state: StepState | undefined): string | null {
  const output = state?.output as { text?: unknown } | null | undefined;
  return typeof output?.text === 'string' && output.text !== '' ? output.text : null;
}
