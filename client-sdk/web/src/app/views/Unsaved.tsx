// What somebody wrote and no server took: kept in this browser, and to be read where the document is not shown.
import { useEffect, useState } from 'react';
import { client } from '../connection';
import { readKept, type Kept } from '../copies';
import { useT } from '../i18n';
import { unsavedMessages } from './messages';

export default function Unsaved() {
  const t = useT(unsavedMessages);
  const [kept, setKept] = useState<readonly Kept[]>([]);
  useEffect(() => {
    let isCurrent = true;
    readAllKept().then(
      (found) => {
        if (isCurrent) setKept(found);
      },
      () => undefined, // without a store in this browser nothing is kept in it
    );
    return () => {
      isCurrent = false;
    };
  }, []);
  if (kept.length === 0) return null;
  return (
    <section className="unsaved" aria-label={t('title')}>
      <h3>{t('title')}</h3>
      <p className="muted small">{t('more')}</p>
      {kept.map(({ id, title, text }) => (
        <details key={id} open={kept.length === 1}>
          <summary>{title || t('untitled')}</summary>
          <pre tabIndex={0} aria-label={title || t('untitled')}>
            {text}
          </pre>
        </details>
      ))}
    </section>
  );
}

async function readAllKept(): Promise<Kept[]> {
  const found: Kept[] = [];
  for (const copy of await client.documents.unsaved()) {
    const kept = await readKept(copy);
    if (kept.text !== '') found.push(kept);
  }
  return found;
}
