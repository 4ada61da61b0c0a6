// Over the page when a session has ended: what is on it stays, and goes on once the same person signs in again.
import { signIn, signOut } from '../connection';
import { useT } from '../i18n';
import { messages } from '../messages';
import { Dialog } from '../ui/Dialog';
import { Fault } from '../ui/Fault';
import { Field } from '../ui/Field';
import { handing, useSending } from '../ui/useSending';

export function SessionEnded({ email }: { email: string }) {
  const t = useT(messages);
  const { isBusy, fault, send } = useSending();
  const again = (read: (name: string) => string) => send(() => signIn(email, read('password')));
  return (
    <Dialog title={t('session_ended')} onClose={() => undefined} isFixed>
      <form className="door-form" onSubmit={handing(again)}>
        <p className="muted">{t('session_ended_more', { email })}</p>
        <input type="hidden" name="email" autoComplete="username" value={email} readOnly />
        <Field
          label={t('password')}
          name="password"
          type="password"
          autoComplete="current-password"
          required
        />
        <Fault text={fault} />
        <div className="dialog-actions">
          <button type="button" className="button plain" onClick={() => void signOut()}>
            {t('sign_in_as_another')}
          </button>
          <button className="button primary" disabled={isBusy}>
            {t('sign_in')}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
