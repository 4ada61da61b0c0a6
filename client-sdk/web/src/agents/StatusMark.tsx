// How a run stands, as a word and a colour.
import { useT } from '../app/i18n';
import { messages } from './messages';

interface StatusMarkProps {
  status: string;
  /** Only the colour, where the word would be too much; it is read out all the same. */
  isShort?: boolean;
}

const KNOWN = [
  'pending',
  'running',
  'success',
  'error',
  'cancelled',
  'idle',
  'waiting',
  'skipped',
  'done',
  'failed',
] as const;

export function StatusMark({ status, isShort = false }: StatusMarkProps) {
  const t = useT(messages);
  const known = KNOWN.find((one) => one === status);
  const word = known ? t(`status_${known}`) : status;
  return (
    <span className={`status-mark ${known ?? ''}`} title={isShort ? word : undefined}>
      <i aria-hidden="true" />
      <span className={isShort ? 'visually-hidden' : ''}>{word}</span>
    </span>
  );
}
