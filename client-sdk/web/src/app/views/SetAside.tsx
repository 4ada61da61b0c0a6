// Says that changes could not be taken over, whose document has begun anew or whose rules they break: what they were
// in is kept in this browser, to be copied or downloaded, until one throws it away.
import type { SetAsideCopy } from '@ionflux/client';
import { useEffect, useState } from 'react';
import { client } from '../connection';
import { readKept, type Kept } from '../copies';
import { useT } from '../i18n';
import { say, sayFault } from '../toasts';
import { setAsideMessages } from './messages';
import './setAside.css';

export default function SetAside({ copies }: { copies: readonly SetAsideCopy[] }) {
  return (
    <div className="set-aside">
      {copies.map((copy) => (
        <One key={copy.id} copy={copy} />
      ))}
    </div>
  );
}

function One({ copy }: { copy: SetAsideCopy }) {
  const t = useT(setAsideMessages);
  const kept = useKept(copy);
  const [isShown, setShown] = useState(false);
  const text = kept?.text ?? '';
  const title = (kept?.title ?? '') || t(kindOf(copy.document));
  return (
    <section role="alert" aria-label={t('title')} className="set-aside-one">
      <p>
        <strong>{t('title')}</strong> {t('more', { title, count: copy.unsaved })}
        <br />
        <span className="small">{t('why', { why: copy.why })}</span>
      </p>
      <div className="set-aside-actions">
        <button
          type="button"
          className="button small"
          aria-expanded={isShown}
          onClick={() => {
            setShown(!isShown);
          }}
        >
          {t('show')}
        </button>
        <button
          type="button"
          className="button small"
          onClick={() => {
            copyText(text).then(() => {
              say(t('copied'));
            }, sayFault);
          }}
        >
          {t('copy')}
        </button>
        <a
          className="button small"
          download={`${title}.txt`}
          href={`data:text/plain;charset=utf-8,${encodeURIComponent(text)}`}
        >
          {t('download')}
        </a>
        <button
          type="button"
          className="button plain small danger"
          onClick={() => {
            client.documents.discardSetAside(copy).catch(sayFault);
          }}
        >
          {t('discard')}
        </button>
      </div>
      {isShown && (
        <pre tabIndex={0} aria-label={title}>
          {text}
        </pre>
      )}
    </section>
  );
}

function useKept(copy: SetAsideCopy): Kept | null {
  const [kept, setKept] = useState<Kept | null>(null);
  useEffect(() => {
    let isCurrent = true;
    readKept(copy).then((found) => {
      if (isCurrent) setKept(found);
    }, sayFault);
    return () => {
      isCurrent = false;
    };
  }, [copy]);
  return kept;
}

/** Fails, and says so, where the browser gives no clipboard: over plain HTTP. */
async function copyText(text: string): Promise<void> {
  await navigator.clipboard.writeText(text);
}

function kindOf(document: string): 'page' | 'channel' | 'comments' | 'document' {
  const [kind] = document.split(':');
  return kind === 'page' || kind === 'channel' || kind === 'comments' ? kind : 'document';
}
