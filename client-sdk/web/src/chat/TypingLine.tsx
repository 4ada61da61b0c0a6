// Who types, and which agent is at work: one line above the field.
import { useT } from '../app/i18n';
import { messages } from './messages';
import { typesIn, type Present } from './typing';

export function TypingLine({ present, threadId }: { present: readonly Present[]; threadId: string | null }) {
  const t = useT(messages);
  const [one, two, ...others] = present.filter((who) => typesIn(who, threadId));
  const agent = threadId === null ? present.find(({ kind }) => kind === 'agent') : undefined;
  let text = agent ? t('thinking', { name: agent.name }) : '';
  if (one && two && others.length > 0) text = t('typing_many');
  else if (one && two) text = t('typing_two', { name: one.name, other: two.name });
  else if (one) text = t('typing_one', { name: one.name });
  return (
    <p className="typing-line" role="status">
      {text !== '' && (
        <span className="typing-dots" aria-hidden="true">
          <i />
          <i />
          <i />
        </span>
      )}
      {text}
    </p>
  );
}
