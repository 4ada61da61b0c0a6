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

let saving = Promise.resolve();
let unsaved = 0;

/** Save all choices, one after another: each has all that were made before, and none may overtake the next. */
function save(body: Preferences) {
  assume<Preferences>(KEY, () => body);
  unsaved += 1;
  saving = saving.then(async () => {
    try {
      await client.call(client.api.PUT('/v1/notification-preferences', { body }));
    } catch (error) {
      sayFault(error);
    }
    unsaved -= 1;
    if (unsaved === 0) await refresh(KEY);
  });
}

export function NotificationChoices() {
  const t = useT(messages);
  const { data } = useResource(KEY, read);
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
              onChoose={(mail) => {
                save({ ...data, mail });
              }}
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
                    onChoose={(way) => {
                      save({ ...data, events: { ...data.events, [kind]: way } });
                    }}
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
