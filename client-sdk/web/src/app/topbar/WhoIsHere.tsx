// The others on the page, people and agents, each once however many windows they have.
import type { Present, PresentUser, Presence } from '@ionflux/client';
import { useT } from '../i18n';
import { useObservable } from '../live';
import { Avatar } from '../ui/Avatar';
import { messages } from './messages';

const MOST = 4;

export function WhoIsHere({ presence }: { presence: Presence }) {
  const t = useT(messages);
  const users = onceEach(useObservable<readonly Present[]>(presence));
  if (users.length === 0) return null;
  const names = users.map((user) => user.name).join(', ');
  return (
    <span className="who" role="group" aria-label={t('who_is_here', { names })} title={names}>
      {users.slice(0, MOST).map((user) => (
        <span key={user.id} className="who-ring" style={{ borderColor: user.color }}>
          <Avatar id={user.id} name={user.name} url={user.avatar_url} isAgent={user.kind === 'agent'} />
        </span>
      ))}
      {users.length > MOST && <span className="who-more">+{users.length - MOST}</span>}
    </span>
  );
}

function onceEach(others: readonly Present[]): PresentUser[] {
  return [...new Map(others.map(({ user }) => [user.id, user])).values()];
}
