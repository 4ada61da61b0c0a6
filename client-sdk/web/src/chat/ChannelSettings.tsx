// A channel's name, what it is for, and who is in it: beside its messages.
import { useState, type SubmitEvent } from 'react';
import { useClient, useMe } from '../app/client';
import { useT } from '../app/i18n';
import { Avatar } from '../app/ui/Avatar';
import { Field } from '../app/ui/Field';
import { Icon } from '../app/ui/Icon';
import { addMember, changeChannel, removeMember } from './api';
import { messages } from './messages';
import type { Channel, Directory, Member } from './model';

interface ChannelSettingsProps {
  channel: Channel;
  directory: Directory;
  canWrite: boolean;
  canManage: boolean;
  onChanged: () => void;
  onLeft: () => void;
  onClose: () => void;
}

export function ChannelSettings(props: ChannelSettingsProps) {
  const { channel: room, directory, canWrite, canManage, onChanged, onLeft, onClose } = props;
  const t = useT(messages);
  const me = useMe();
  const client = useClient();
  const { isBusy, fault, act } = useDeed();
  const isPrivate = room.type === 'private';
  const isArchived = room.archived_at !== null;
  const active = directory.members.filter(({ is_active: isActive }) => isActive);
  const inside = active.filter(({ user_id: id }) => room.member_user_ids.includes(id));
  const outside = active.filter(({ user_id: id }) => !room.member_user_ids.includes(id));
  const leave = async () => {
    if (!confirm(t('leave_sure', { name: room.name }))) return;
    if (await act(() => removeMember(client, room.id, me.id))) onLeft();
  };
  const change = async (deed: () => Promise<unknown>) => {
    if (await act(deed)) onChanged();
  };

  return (
    <aside className="aside" aria-label={t('settings')}>
      <header className="chat-bar">
        <h2>{t('settings')}</h2>
        <button type="button" className="icon-button" aria-label={t('close')} onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      <div className="aside-body channel-settings">
        {fault !== null && (
          <p className="chat-fault" role="alert">
            {t('failed', { why: fault })}
          </p>
        )}
        {room.type !== 'dm' && (
          <NameAndTopic
            key={`${room.name} ${room.description ?? ''}`}
            channel={room}
            canManage={canManage}
            isBusy={isBusy}
            onSave={(changes) => void change(() => changeChannel(client, room.id, changes))}
          />
        )}
        <section aria-label={t('who')}>
          <h3>{t('who')}</h3>
          {room.type === 'public' ? (
            <p className="muted small">{t('everybody_in')}</p>
          ) : (
            <ul className="channel-people">
              {inside.map((member) => (
                <li key={member.user_id}>
                  <Avatar
                    id={`user:${member.user_id}`}
                    name={member.name}
                    url={member.avatar_url}
                    size={20}
                  />
                  <span className="grow">{member.name}</span>
                  {isPrivate && canManage && member.user_id !== me.id && (
                    <button
                      type="button"
                      className="icon-button"
                      aria-label={t('put_out', { name: member.name })}
                      disabled={isBusy}
                      onClick={() => void change(() => removeMember(client, room.id, member.user_id))}
                    >
                      <Icon name="close" />
                    </button>
                  )}
                </li>
              ))}
            </ul>
          )}
          {isPrivate && canWrite && outside.length > 0 && (
            <AddMember
              members={outside}
              isBusy={isBusy}
              onAdd={(id) => void change(() => addMember(client, room.id, id))}
            />
          )}
        </section>
        {canManage && room.type !== 'dm' && (
          <section aria-label={t('archive')}>
            <p className="muted small">{t(isArchived ? 'is_archived' : 'archive_more')}</p>
            <button
              type="button"
              className="button"
              disabled={isBusy}
              onClick={() => void change(() => changeChannel(client, room.id, { is_archived: !isArchived }))}
            >
              {t(isArchived ? 'unarchive' : 'archive')}
            </button>
          </section>
        )}
        {isPrivate && (
          <button type="button" className="button danger" disabled={isBusy} onClick={() => void leave()}>
            <Icon name="out" size={14} />
            {t('leave')}
          </button>
        )}
      </div>
    </aside>
  );
}

interface NameAndTopicProps {
  channel: Channel;
  canManage: boolean;
  isBusy: boolean;
  onSave: (changes: { name: string; description: string | null }) => void;
}

function NameAndTopic({ channel: room, canManage, isBusy, onSave }: NameAndTopicProps) {
  const t = useT(messages);
  const [name, setName] = useState(room.name);
  const [about, setAbout] = useState(room.description ?? '');
  const isChanged = name.trim() !== room.name || about.trim() !== (room.description ?? '');
  const save = (event: SubmitEvent) => {
    event.preventDefault();
    onSave({ name: name.trim(), description: about.trim() || null });
  };
  return (
    <form onSubmit={save}>
      <Field
        label={t('name')}
        value={name}
        maxLength={200}
        required
        disabled={!canManage}
        onChange={(event) => {
          setName(event.target.value);
        }}
      />
      <Field
        label={t('about')}
        value={about}
        disabled={!canManage}
        onChange={(event) => {
          setAbout(event.target.value);
        }}
      />
      {canManage ? (
        <button className="button primary" disabled={isBusy || !isChanged || name.trim() === ''}>
          {t('save')}
        </button>
      ) : (
        <p className="muted small">{t('not_yours')}</p>
      )}
    </form>
  );
}

interface AddMemberProps {
  members: readonly Member[];
  isBusy: boolean;
  onAdd: (userId: string) => void;
}

function AddMember({ members, isBusy, onAdd }: AddMemberProps) {
  const t = useT(messages);
  return (
    <label className="field">
      <span>{t('add_member')}</span>
      <select
        className="input"
        value=""
        disabled={isBusy}
        onChange={({ target }) => {
          onAdd(target.value);
        }}
      >
        <option value="" disabled>
          {t('choose_member')}
        </option>
        {members.map(({ user_id: id, name }) => (
          <option key={id} value={id}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

/** One deed at a time, with why the last did not work. */
function useDeed() {
  const [state, setState] = useState<{ isBusy: boolean; fault: string | null }>({
    isBusy: false,
    fault: null,
  });
  const act = async (deed: () => Promise<unknown>): Promise<boolean> => {
    setState({ isBusy: true, fault: null });
    try {
      await deed();
      setState({ isBusy: false, fault: null });
      return true;
    } catch (error) {
      setState({ isBusy: false, fault: error instanceof Error ? error.message : String(error) });
      return false;
    }
  };
  return { ...state, act };
}
