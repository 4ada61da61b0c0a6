// The page's title, of the document: everybody sees it at once, and lists of pages follow.
import { writeTitle } from '@ionflux/client';
import { useRef, useState } from 'react';
import { usePageT } from '../messages';
import { usePage } from '../model/session';
import { useTitle } from '../model/store';

export function PageTitle() {
  const t = usePageT();
  const { doc, edit, canWrite, title: listed } = usePage();
  const title = useTitle() || listed;
  const [draft, setDraft] = useState<string | null>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const write = (written: string) => {
    clearTimeout(timer.current);
    const wanted = written.trim().slice(0, 200);
    if (wanted === '' || wanted === title) return;
    edit(() => {
      writeTitle(doc, wanted);
    });
  };
  return (
    <input
      className="page-title"
      value={draft ?? title}
      readOnly={!canWrite}
      maxLength={200}
      placeholder={t('untitled')}
      aria-label={t('pageTitle')}
      onChange={(event) => {
        const written = event.target.value;
        setDraft(written);
        clearTimeout(timer.current);
        timer.current = setTimeout(() => {
          write(written);
        }, 800);
      }}
      onBlur={() => {
        if (draft !== null) write(draft);
        setDraft(null);
      }}
      onKeyDown={(event) => {
        if (event.key === 'Enter') event.currentTarget.blur();
      }}
    />
  );
}
