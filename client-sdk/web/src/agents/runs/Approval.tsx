// What a run asks a person: whether it may do something, with what that would be, or a question.
import { useState } from 'react';
import { useClient, useMe } from '../../app/client';
import { useT } from '../../app/i18n';
import { Markdown } from '../../chat/Markdown';
import { messages } from '../messages';
import type { Run, Waiting } from '../model';

export function Approval({ run, waiting }: { run: Run; waiting: Waiting }) {
  const t = useT(messages);
  const client = useClient();
  const me = useMe();
  const [text, setText] = useState('');
  const [fault, setFault] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const asked = waiting.user_ids ?? [];
  const choices = waiting.choices ?? [];
  const isQuestion = waiting.kind === 'question';
  const isAsked = asked.length === 0 || asked.includes(me.id);

  const reply = async (decision: 'approve' | 'reject', said: string) => {
    setBusy(true);
    setFault(null);
    try {
      await client.runs[decision](run.run_id, waiting.step, said.trim() || undefined);
    } catch (error) {
      setFault(error instanceof Error ? error.message : String(error));
      setBusy(false);
    }
  };

  return (
    <section className="approval" aria-label={t(isQuestion ? 'asks' : 'wants')}>
      <h4>
        {t(isQuestion ? 'asks' : 'wants')} {!isQuestion && <code>{waiting.tool}</code>}
      </h4>
      <div className="approval-preview">
        <Markdown text={waiting.question} />
      </div>
      {!isAsked && <p className="small muted">{t('others_asked')}</p>}
      {choices.length > 0 && (
        <div className="approval-choices">
          {choices.map((choice) => (
            <button
              key={choice}
              type="button"
              className="button"
              disabled={isBusy}
              onClick={() => void reply('approve', choice)}
            >
              {choice}
            </button>
          ))}
        </div>
      )}
      <textarea
        className="input"
        rows={2}
        aria-label={t(isQuestion ? 'your_answer' : 'your_note')}
        placeholder={t(isQuestion ? 'your_answer' : 'your_note')}
        value={text}
        maxLength={5000}
        onChange={(event) => {
          setText(event.target.value);
        }}
      />
      {fault !== null && (
        <p className="fault-line" role="alert">
          {fault}
        </p>
      )}
      <div className="approval-tools">
        <button
          type="button"
          className="button primary"
          disabled={isBusy || (isQuestion && text.trim() === '')}
          onClick={() => void reply('approve', text)}
        >
          {t(isQuestion ? 'answer' : 'approve')}
        </button>
        <button
          type="button"
          className="button danger"
          disabled={isBusy}
          onClick={() => void reply('reject', text)}
        >
          {t(isQuestion ? 'no_answer' : 'reject')}
        </button>
      </div>
    </section>
  );
}
