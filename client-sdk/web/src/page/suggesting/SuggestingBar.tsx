// Says that one writes a suggestion and not the page, and ends it.
import { useState } from 'react';
import { usePageT } from '../messages';
import { usePage } from '../model/session';
import type { Branch } from './useBranch';

export function SuggestingBar({ branch, onHandedIn }: { branch: Branch; onHandedIn: () => void }) {
  const t = usePageT();
  const page = usePage();
  const [isBusy, setBusy] = useState(false);
  const run = async (action: () => Promise<void>) => {
    setBusy(true);
    await action();
    setBusy(false);
  };
  return (
    <div className="suggesting-bar" role="region" aria-label={t('suggesting')}>
      <p>
        <strong>{t('suggesting')}</strong>{' '}
        <span>{t(page.canWrite ? 'suggestingMore' : 'suggestingEnded')}</span>
      </p>
      {branch.fault && (
        <p className="note bad" role="alert">
          {branch.fault}
        </p>
      )}
      {page.canWrite ? (
        <>
          <button
            type="button"
            className="button plain small"
            disabled={isBusy}
            onClick={() => void run(branch.throwAway)}
          >
            {t('throwAway')}
          </button>
          <button
            type="button"
            className="button primary small"
            disabled={isBusy}
            onClick={() =>
              void run(async () => {
                await branch.handIn(page);
                onHandedIn();
              })
            }
          >
            {t('handIn')}
          </button>
        </>
      ) : (
        <button type="button" className="button small" onClick={branch.leave}>
          {t('backToPage')}
        </button>
      )}
    </div>
  );
}
