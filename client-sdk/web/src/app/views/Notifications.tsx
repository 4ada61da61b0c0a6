// What people are told of: the list, read anew whenever the live inbox says that something came.
import { useEffect, useState } from 'react';
import { useMe } from '../client';
import { client } from '../connection';
import { useLanguage, useT, type Translate } from '../i18n';
import type { Agent, Member, Notification } from '../model';
import { refresh, useResource } from '../resource';
import { navigate, paths } from '../router';
import { useUnread } from '../sidebar/inbox';
import { sayFault } from '../toasts';
import { ago } from '../ui/time';
import { useAgents, useMembers } from '../workspace';
import { notificationMessages } from './messages';
import './views.css';

const PART = 50;
const KEY = 'notifications';

export default function Notifications({ workspaceId }: { workspaceId: string }) {
  const t = useT(notificationMessages);
  const language = useLanguage();
  const me = useMe();
  const unread = useUnread(me.id);
  const [limit, setLimit] = useState(PART);
  const { data: members = [] } = useMembers(workspaceId);
  const { data: agents = [] } = useAgents(workspaceId);
  const { data } = useResource(`${KEY}/${limit}`, () =>
    client.call(client.api.GET('/v1/notifications', { params: { query: { limit } } })),
  );
  useEffect(() => {
    void refresh(KEY);
  }, [unread]);
  const items = data?.items ?? [];
  return (
    <div className="view">
      <header className="view-head">
        <h1>{t('title')}</h1>
        {items.some((item) => item.read_at === null) && (
          <button type="button" className="button" onClick={() => void readAllOf(items[0])}>
            {t('all_read')}
          </button>
        )}
      </header>
      {data && items.length === 0 && <p className="muted">{t('none')}</p>}
      {items.length > 0 && (
        <ul className="rows">
          {items.map((item) => (
            <li key={item.id} className={item.read_at === null ? 'unread' : undefined}>
              <a
                className="row-link grow"
                href={placeOf(item)}
                onClick={(event) => {
                  event.preventDefault();
                  void markRead(item);
                  navigate(placeOf(item));
                }}
              >
                {wordsOf(item, t, members, agents)}
              </a>
              <span className="muted small">{ago(item.created_at, language)}</span>
            </li>
          ))}
        </ul>
      )}
      {data?.next_cursor && limit < 100 && (
        <button
          type="button"
          className="button"
          onClick={() => {
            setLimit(limit + PART);
          }}
        >
          {t('older')}
        </button>
      )}
    </div>
  );
}

/** The address of what a notification is about. */
function placeOf({ workspace_id, subject, details }: Notification): string {
  const [kind, id = ''] = subject.split(':');
  if (kind === 'page') return paths.page(workspace_id, id);
  if (kind === 'channel') return paths.channel(workspace_id, id);
  if (kind === 'agent') {
    const { run_id: runId } = details as Record<string, string | undefined>;
    return runId === undefined
      ? paths.agents(workspace_id, 'agent', id)
      : paths.agents(workspace_id, 'runs', runId);
  }
  if (kind === 'webhook') return paths.settings(workspace_id, 'webhooks');
  return paths.home(workspace_id);
}

function wordsOf(
  item: Notification,
  t: Translate<keyof (typeof notificationMessages)['en']>,
  members: Member[],
  agents: Agent[],
): string {
  const [kind, id] = item.actor?.split(':') ?? [];
  const name =
    kind === 'agent'
      ? agents.find((agent) => agent.id === id)?.name
      : members.find((member) => member.user_id === id)?.name;
  const who = name ?? t(kind === 'agent' ? 'an_agent' : 'somebody');
  const { question, text, status, reason } = item.details as Record<string, string | undefined>;
  return t(item.kind, { who, what: question ?? text ?? status ?? reason ?? '' });
}

async function markRead(item: Notification): Promise<void> {
  if (item.read_at !== null) return;
  const path = { notification_id: item.id };
  await tell(() =>
    client.call(client.api.POST('/v1/notifications/{notification_id}/read', { params: { path } })),
  );
}

async function readAllOf(newest: Notification | undefined): Promise<void> {
  if (!newest) return;
  const body = { up_to: newest.id };
  await tell(() => client.call(client.api.POST('/v1/notifications/read', { body })));
}

async function tell(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    sayFault(error);
  }
  await refresh(KEY);
}
