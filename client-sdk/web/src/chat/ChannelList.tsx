// All channels and direct conversations that one sees, with how much of each is unread.
import { useT } from '../app/i18n';
import { useMe } from '../app/client';
import { Avatar } from '../app/ui/Avatar';
import { Icon } from '../app/ui/Icon';
import { messages } from './messages';
import { titleOf, type Channel, type Directory } from './model';

interface ChannelListProps {
  channels: readonly Channel[];
  archived: readonly Channel[];
  isLoading: boolean;
  fault: string | null;
  onRetry: () => void;
  directory: Directory;
  unread: ReadonlyMap<string, number>;
  chosen: string | null;
  canCreate: boolean;
  onChoose: (channelId: string) => void;
  onNew: (kind: 'channel' | 'dm') => void;
  onClose?: (() => void) | undefined;
}

export function ChannelList(props: ChannelListProps) {
  const t = useT(messages);
  const { channels, isLoading, fault } = props;
  const rooms = channels.filter(({ type }) => type !== 'dm');
  const talks = channels.filter(({ type }) => type === 'dm');
  return (
    <nav className="channel-list" aria-label={t('chat')}>
      <header className="chat-bar">
        <h2>{t('chat')}</h2>
        {props.onClose && (
          <button type="button" className="icon-button" aria-label={t('close')} onClick={props.onClose}>
            <Icon name="close" />
          </button>
        )}
      </header>
      {fault !== null && (
        <p className="chat-fault" role="alert">
          {t('failed', { why: fault })}{' '}
          <button type="button" className="link-button" onClick={props.onRetry}>
            {t('retry')}
          </button>
        </p>
      )}
      {isLoading && channels.length === 0 && (
        <p className="muted small" role="status">
          {t('loading')}
        </p>
      )}
      <Section {...props} title={t('channels')} label={t('new_channel')} kind="channel" items={rooms} />
      <Section {...props} title={t('people')} label={t('new_message')} kind="dm" items={talks} />
      {props.archived.length > 0 && (
        <details className="archived-channels">
          <summary>{t('archived', { count: props.archived.length })}</summary>
          <ul>
            {props.archived.map((channel) => (
              <li key={channel.id}>
                <Entry {...props} channel={channel} />
              </li>
            ))}
          </ul>
        </details>
      )}
    </nav>
  );
}

interface SectionProps extends ChannelListProps {
  title: string;
  label: string;
  kind: 'channel' | 'dm';
  items: readonly Channel[];
}

function Section({ title, label, kind, items, canCreate, onNew, ...props }: SectionProps) {
  return (
    <section>
      <header className="channel-list-title">
        <h3>{title}</h3>
        {canCreate && (
          <button
            type="button"
            className="icon-button"
            aria-label={label}
            title={label}
            onClick={() => {
              onNew(kind);
            }}
          >
            <Icon name="plus" />
          </button>
        )}
      </header>
      <ul>
        {items.map((channel) => (
          <li key={channel.id}>
            <Entry {...props} channel={channel} />
          </li>
        ))}
      </ul>
    </section>
  );
}

type EntryProps = Pick<ChannelListProps, 'directory' | 'unread' | 'chosen' | 'onChoose'> & {
  channel: Channel;
};

function Entry({ channel, directory, unread, chosen, onChoose }: EntryProps) {
  const t = useT(messages);
  const me = useMe();
  const count = unread.get(channel.id) ?? 0;
  const other = channel.member_user_ids.find((id) => id !== me.id) ?? me.id;
  const who = directory.whoIs(`user:${other}`);
  return (
    <button
      type="button"
      className={count > 0 ? 'channel-entry unread' : 'channel-entry'}
      aria-current={channel.id === chosen ? 'true' : undefined}
      onClick={() => {
        onChoose(channel.id);
      }}
    >
      {channel.type === 'dm' ? (
        <Avatar id={who.id} name={who.name} url={who.url} size={18} />
      ) : (
        <span className="channel-sign">
          <Icon name={channel.type === 'private' ? 'key' : 'hash'} size={14} />
        </span>
      )}
      <span className="channel-name">{titleOf(channel, directory, me.id)}</span>
      {channel.type === 'private' && <span className="visually-hidden">{t('private')}</span>}
      {count > 0 && (
        <span className="badge">
          <span aria-hidden="true">{count >= 100 ? '99+' : count}</span>
          <span className="visually-hidden">{t('unread', { count })}</span>
        </span>
      )}
    </button>
  );
}
