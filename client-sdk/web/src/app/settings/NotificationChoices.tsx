// What one is told of, and how.
import { client } from '../connection';
import { useT } from '../i18n';
import { assume, refresh, useResource } from '../resource';
import { sayFault } from '../toasts';
import { messages } from './messages';
import { Part, Select } from './Part';

const KEY = 'settings/notification-preferences';
const KINDS = [
  'mention',
  'reply',
  'direct_message',
  'channel_mention',
  'message',
  'share',
  'membership',
  'channel_invitation',
  'run_finished',
  'approval_wanted',
  'agent_message',
  'suggestion_made',
  'suggestion_decided',
  'webhook_paused',
] as const;
const WAYS = ['mail', 'in_app', 'nothing'] as const;
const MAILS = ['immediate', 'daily', 'off'] as const;

function read() {
  return client.call(client.api.GET('/v1/notification-preferences'));
}

type Preferences = Awaited<ReturnType<typeof read>>;

export function NotificationChoices() {
  const t = useT(messages);
  const { data } = useResource(KEY, read);
  const save = async (body: Preferences) => {
    assume<Preferences>(KEY, () => body);
    try {
      await client.call(client.api.PUT('/v1/notification-preferences', { body }));
    } catch (error) {
      sayFault(error);
    }
    await refresh(KEY);
  };
  return (
    <>
      <h1>{t('notifications')}</h1>
      {data && (
        <>
          <Part title={t('mails')}>
            <Select
              label={t('mails')}
              isLabelHidden
              value={data.mail ?? 'immediate'}
              options={MAILS.map((mail) => [mail, t(`mail_${mail}`)])}
              onChoose={(mail) => void save({ ...data, mail })}
            />
          </Part>
          <Part title={t('told_of')}>
            <ul className="rows">
              {KINDS.map((kind) => (
                <li key={kind}>
                  <span className="grow">{t(`kind_${kind}`)}</span>
                  <Select
                    label={t(`kind_${kind}`)}
                    isLabelHidden
                    value={data.events?.[kind] ?? 'in_app'}
                    options={WAYS.map((way) => [way, t(`way_${way}`)])}
                    onChoose={(way) => void save({ ...data, events: { ...data.events, [kind]: way } })}
                  />
                </li>
              ))}
            </ul>
          </Part>
        </>
      )}
    </>
  );
}
