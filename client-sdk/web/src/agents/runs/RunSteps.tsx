// What a run did, step by step, and what it does now.
import { useT } from '../../app/i18n';
import { Icon, type IconName } from '../../app/ui/Icon';
import { Markdown } from '../../chat/Markdown';
import { duration } from '../../chat/time';
import { messages } from '../messages';
import type { RunStep } from '../model';
import { dollars } from './RunFigures';
import { costOf, deedsOf, wordsOf, type RunState } from './runState';

type RunStepsProps = Pick<RunState, 'steps' | 'begins' | 'speech'>;

const ICONS: Record<string, IconName> = { model: 'spark', tool: 'gear', wait: 'person' };

export function RunSteps({ steps, begins, speech }: RunStepsProps) {
  const t = useT(messages);
  const deeds = deedsOf(steps);
  // Whoever comes in the middle of a step hears what is said in it, but not what it was called.
  const isDoing = begins !== null || speech !== null;
  return (
    <ol className="run-steps" aria-label={t('all_steps')}>
      {deeds.map((step) => (
        <Step key={step.id} step={step} />
      ))}
      {isDoing && (
        <li className="run-step now" aria-current="step">
          <span className="run-step-icon">
            <span className="pulse" aria-hidden="true" />
          </span>
          <div>
            <p>{begins ?? t('status_running')}</p>
            {speech !== null && speech.text !== '' && (
              <div className="run-speech">
                <Markdown text={speech.text} />
              </div>
            )}
          </div>
        </li>
      )}
      {deeds.length === 0 && !isDoing && <li className="muted small">{t('no_steps')}</li>}
    </ol>
  );
}

function Step({ step }: { step: RunStep }) {
  const t = useT(messages);
  const { calls, isError, model, text } = wordsOf(step);
  const cost = costOf([step]);
  return (
    <li className={isError ? 'run-step failed' : 'run-step'}>
      <span className="run-step-icon">
        <Icon name={isError ? 'warning' : (ICONS[step.kind] ?? 'check')} size={14} />
      </span>
      <details>
        <summary>
          <span>{step.title}</span>
          <span className="muted small">
            {[
              model,
              duration(Date.parse(step.finished_at) - Date.parse(step.started_at)),
              cost > 0 ? dollars(cost) : null,
            ]
              .filter(Boolean)
              .join(' · ')}
          </span>
        </summary>
        {text !== '' &&
          (step.kind === 'model' ? <Markdown text={text} /> : <pre className="run-result">{text}</pre>)}
        {calls.map(({ name, arguments: given }, index) => (
          <p key={index} className="run-call">
            <code>{name}</code> <code className="muted">{given}</code>
          </p>
        ))}
        {text === '' && calls.length === 0 && <p className="muted small">{t('says_nothing')}</p>}
      </details>
    </li>
  );
}
