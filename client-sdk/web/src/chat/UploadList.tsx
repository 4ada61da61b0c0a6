// The files that will go with a message, and how far each has come.
import { useT } from '../app/i18n';
import { Icon } from '../app/ui/Icon';
import { sizeOf } from './Attachment';
import { messages } from './messages';
import type { Uploads } from './uploads';

export function UploadList({ uploads }: { uploads: Uploads }) {
  const t = useT(messages);
  if (uploads.items.length === 0) return null;
  return (
    <ul className="uploads">
      {uploads.items.map(({ key, file, progress, state, fault }) => {
        const percent = `${Math.round(progress * 100)} %`;
        return (
          <li key={key} className={`upload ${state}`}>
            <Icon name="file" />
            <span className="upload-name">{file.name}</span>
            <span className="muted small">{state === 'sending' ? percent : sizeOf(file.size)}</span>
            <button
              type="button"
              className="icon-button"
              aria-label={t('remove_file', { name: file.name })}
              onClick={() => {
                uploads.remove(key);
              }}
            >
              <Icon name="close" size={12} />
            </button>
            {state === 'sending' && (
              <progress value={progress} aria-label={t('uploading', { name: file.name, percent })} />
            )}
            {state === 'failed' && (
              <p className="chat-fault" role="alert">
                {t('upload_failed', { name: file.name, why: fault ?? '' })}{' '}
                <button
                  type="button"
                  className="link-button"
                  onClick={() => {
                    uploads.retry(key);
                  }}
                >
                  {t('retry')}
                </button>
              </p>
            )}
          </li>
        );
      })}
    </ul>
  );
}
