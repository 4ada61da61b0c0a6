// A run in figures: its steps, its time, its cost.
import { useEffect, useState } from 'react';
import { useT } from '../../app/i18n';
import { duration } from '../../chat/time';
import { messages } from '../messages';
import type { Run, RunStep } from '../model';
import { costOf, deedsOf, isOver } from './runState';

export function RunFigures({ run, steps }: { run: Run; steps: readonly RunStep[] }) {
  const t = useT(messages);
  const now = useNow(!isOver(run));
  const milliseconds = (run.end_time === null ? now : Date.parse(run.end_time)) - Date.parse(run.start_time);
  return (
    <span className="run-figures">
      <span>{t('steps', { count: deedsOf(steps).length })}</span>
      <span>{duration(milliseconds)}</span>
      <span title={t('cost')}>{dollars(costOf(steps))}</span>
    </span>
  );
}

/** Return an amount of US dollars; small ones with the digits that count. */
export function dollars(amount: number): string {
  const digits = amount === 0 || amount >= 0.1 ? 2 : 4;
  return `$${amount.toFixed(digits)}`;
}

function useNow(isRunning: boolean): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!isRunning) return;
    const timer = setInterval(() => {
      setNow(Date.now());
    }, 1000);
    return () => {
      clearInterval(timer);
    };
  }, [isRunning]);
  return now;
}
