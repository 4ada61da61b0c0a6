// Times as people say them.
import type { Language } from '../i18n';

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
];

/** How long ago something was: "2 hours ago"; after a month, the date. */
export function ago(time: string, language: Language, now = Date.now()): string {
  const seconds = (now - Date.parse(time)) / 1000;
  if (seconds > 30 * 86_400) return new Date(time).toLocaleDateString(language, { dateStyle: 'medium' });
  const format = new Intl.RelativeTimeFormat(language, { numeric: 'auto' });
  for (const [unit, size] of STEPS) {
    if (seconds >= size) return format.format(-Math.floor(seconds / size), unit);
  }
  return format.format(0, 'minute');
}
