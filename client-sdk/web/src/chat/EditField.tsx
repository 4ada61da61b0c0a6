// A message of one's own in a field, to say it in other words.
import { useRef, useState } from 'react';
import { useT } from '../app/i18n';
import { fromDraft, toDraft } from './drafts';
import { messages } from './messages';

interface EditFieldProps {
  text: string;
  onSave: (text: string) => void;
  onCancel: () => void;
}

export function EditField({ text, onSave, onCancel }: EditFieldProps) {
  const t = useT(messages);
  const [draft, setDraft] = useState(() => toDraft(text));
  const field = useRef<HTMLTextAreaElement>(null);
  const save = () => {
    const said = fromDraft(draft);
    if (said === '' || said === text) onCancel();
    else onSave(said);
  };
  return (
    <div className="edit-field">
      <textarea
        ref={field}
        className="input"
        aria-label={t('edit')}
        autoFocus
        rows={Math.min(12, draft.text.split('\n').length)}
        value={draft.text}
        onFocus={({ target }) => {
          target.setSelectionRange(target.value.length, target.value.length);
        }}
        onChange={({ target }) => {
          setDraft({ ...draft, text: target.value });
        }}
        onKeyDown={(event) => {
          if (event.key === 'Escape') {
            event.stopPropagation();
            onCancel();
          } else if (event.key === 'Enter' && !event.shiftKey && !event.nativeEvent.isComposing) {
            event.preventDefault();
            save();
          }
        }}
      />
      <p className="small muted">{t('leave_edit')}</p>
      <div className="edit-actions">
        <button type="button" className="button plain" onClick={onCancel}>
          {t('cancel')}
        </button>
        <button type="button" className="button primary" onClick={save}>
          {t('save')}
        </button>
      </div>
    </div>
  );
}
