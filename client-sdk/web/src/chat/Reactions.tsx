// The emoji at a message, with who put them there; a press adds one's own or takes it back.
import type { channel } from '@ionflux/client';
import { useT } from '../app/i18n';
import { useMessageContext } from './messageContext';
import { messages } from './messages';

export function Reactions({ message }: { message: channel.Message }) {
  const t = useT(messages);
  const { actions, canWrite, directory, me, reactionsOf } = useMessageContext();
  const reactions = [...(reactionsOf(message.id) ?? [])];
  if (reactions.length === 0) return null;
  return (
    <div className="reactions">
      {reactions.map(([emoji, who]) => {
        const isMine = who.includes(me);
        const names = who
          .map((id) => (id === me ? t('you') : directory.whoIs(id).name || t('somebody')))
          .join(', ');
        const label = t('reaction', { emoji, count: who.length, names });
        return (
          <button
            key={emoji}
            type="button"
            className="reaction"
            aria-pressed={isMine}
            aria-label={label}
            title={names}
            disabled={!canWrite}
            onClick={() => {
              actions.toggleReaction(message, emoji, isMine);
            }}
          >
            <span aria-hidden="true">{emoji}</span>
            <span aria-hidden="true">{who.length}</span>
          </button>
        );
      })}
    </div>
  );
}
