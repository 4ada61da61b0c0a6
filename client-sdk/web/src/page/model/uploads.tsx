// Files on their way to the server, with their progress, and what the page has to say about them and else.
import { createContext, useCallback, useContext, useMemo, useState, type ReactNode } from 'react';
import { usePageT } from '../messages';
import { usePage, type UploadedFile } from './session';

interface Sent {
  id: number;
  name: string;
  part: number;
}

interface Told {
  id: number;
  text: string;
  tone: 'warn' | 'bad';
}

interface Uploads {
  /** Sends a file; null when that failed, which people are told. */
  upload: (file: File) => Promise<UploadedFile | null>;
  tell: (text: string, tone: Told['tone']) => void;
}

const UploadsContext = createContext<Uploads | null>(null);
let last = 0;

export function useUploads(): Uploads {
  const uploads = useContext(UploadsContext);
  if (uploads === null) throw new Error('This part belongs into a page.');
  return uploads;
}

export function UploadsProvider({ children }: { children: ReactNode }) {
  const t = usePageT();
  const { rest, workspaceId, pageId } = usePage();
  const [sent, setSent] = useState<readonly Sent[]>([]);
  const [told, setTold] = useState<readonly Told[]>([]);
  const tell = useCallback((text: string, tone: Told['tone']) => {
    last += 1;
    const id = last;
    setTold((all) => [...all.slice(-3), { id, text, tone }]);
  }, []);
  const upload = useCallback(
    async (file: File) => {
      last += 1;
      const id = last;
      const progress = (part: number) => {
        setSent((all) => [...all.filter((one) => one.id !== id), { id, name: file.name, part }]);
      };
      progress(0);
      try {
        return await rest.upload(workspaceId, `page:${pageId}`, file, progress);
      } catch (error) {
        tell(t('uploadFailed', { name: file.name, why: error instanceof Error ? error.message : '' }), 'bad');
        return null;
      } finally {
        setSent((all) => all.filter((one) => one.id !== id));
      }
    },
    [rest, workspaceId, pageId, t, tell],
  );
  const uploads = useMemo(() => ({ upload, tell }), [upload, tell]);
  return (
    <UploadsContext value={uploads}>
      {children}
      <div className="page-news" role="status" aria-live="polite">
        {sent.map(({ id, name, part }) => (
          <div key={id} className="news-item">
            <span>{t('uploading', { name })}</span>
            <progress value={part} max={1} aria-label={name} />
          </div>
        ))}
        {told.map(({ id, text, tone }) => (
          <div key={id} className={`news-item ${tone}`}>
            <span>{text}</span>
            <button
              type="button"
              className="button plain"
              onClick={() => {
                setTold((all) => all.filter((one) => one.id !== id));
              }}
            >
              {t('close')}
            </button>
          </div>
        ))}
      </div>
    </UploadsContext>
  );
}
