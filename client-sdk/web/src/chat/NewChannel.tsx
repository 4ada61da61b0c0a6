// A form that makes a channel, or opens the direct conversation with some people.
import { useEffect, useRef, useState, type SubmitEvent } from 'react';
import { useClient, useMe } from '../app/client';
import { useT } from '../app/i18n';
import { Avatar } from '../app/ui/Avatar';
import { Field } from '../app/ui/Field';
import { createChannel, openDirectMessage } from './api';
import { messages } from './messages';
import type { Channel, Member } from './model';

interface NewChannelProps {
  kind: 'channel' | 'dm';
  workspaceId: string;
  members: readonly Member[];
  onClose: () => void;
  onMade: (channel: Channel) => void;
}

export function NewChannel({ kind, workspaceId, members, onClose, onMade }: NewChannelProps) {
  const t = useT(messages);
  const client = useClient();
  const me = useMe();
  const dialog = useRef<HTMLDialogElement>(null);
  const [name, setName] = useState('');
  const [about, setAbout] = useState('');
  const [isPrivate, setPrivate] = useState(false);
  const [people, setPeople] = useState<ReadonlySet<string>>(new Set());
  const [fault, setFault] = useState<string | undefined>();
  const [isBusy, setBusy] = useState(false);
  const others = members.filter(({ user_id: id, is_active: isActive }) => id !== me.id && isActive);
  const hasPeople = kind === 'dm' || isPrivate;

  useEffect(() => {
    dialog.current?.showModal();
  }, []);

  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    setBusy(true);
    setFault(undefined);
    try {
      const chosen = [...people];
      onMade(
        kind === 'dm'
          ? await openDirectMessage(client, workspaceId, chosen)
          : await createChannel(client, workspaceId, {
              name: name.trim(),
              type: isPrivate ? 'private' : 'public',
              description: about.trim() || null,
              member_user_ids: isPrivate ? chosen : [],
            }),
      );
    } catch (error) {
      setFault(error instanceof Error ? error.message : String(error));
      setBusy(false);
    }
  };

  const toggle = (id: string) => {
    const chosen = new Set(people);
    if (!chosen.delete(id)) chosen.add(id);
    setPeople(chosen);
  };

  const title = kind === 'dm' ? t('new_message') : t('new_channel');
  return (
    <dialog ref={dialog} className="chat-dialog" aria-label={title} onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
        <h2>{title}</h2>
        {kind === 'channel' && (
          <>
            <Field
              label={t('name')}
              hint={t('name_hint')}
              value={name}
              maxLength={200}
              required
              autoFocus
              onChange={(event) => {
                setName(event.target.value);
              }}
            />
            <Field
              label={t('about')}
              value={about}
              onChange={(event) => {
                setAbout(event.target.value);
              }}
            />
            <label className="choice">
              <input
                type="checkbox"
                checked={isPrivate}
                onChange={(event) => {
                  setPrivate(event.target.checked);
                }}
              />
              <span>
                {t('private')}
                <span className="hint muted small">{t('private_hint')}</span>
              </span>
            </label>
          </>
        )}
        {hasPeople && (
          <fieldset className="people-choice">
            <legend>{t('who')}</legend>
            {others.length === 0 && <p className="muted small">{t('nobody_else')}</p>}
            {others.map(({ user_id: id, name: who, avatar_url: url }) => (
              <label key={id} className="choice">
                <input
                  type="checkbox"
                  checked={people.has(id)}
                  onChange={() => {
                    toggle(id);
                  }}
                />
                <Avatar id={`user:${id}`} name={who} url={url} size={20} />
                <span>{who}</span>
              </label>
            ))}
          </fieldset>
        )}
        {fault && (
          <p className="chat-fault" role="alert">
            {t('failed', { why: fault })}
          </p>
        )}
        <footer>
          <button type="button" className="button" onClick={onClose}>
            {t('cancel')}
          </button>
          <button
            type="submit"
            className="button primary"
            disabled={isBusy || (kind === 'dm' ? people.size === 0 : name.trim() === '')}
          >
            {t('create')}
          </button>
        </footer>
      </form>
    </dialog>
  );
}
