// A block of a type that this program does not know: shown as such, and kept as it is.
import type { UnreadableBlock } from '@ionflux/client';
import { usePageT } from '../messages';

export function UnknownBlock({ block }: { block: UnreadableBlock }) {
  const t = usePageT();
  return (
    <div className="block-card unknown-block">
      <p className="card-title">{t('unknownBlock', { type: block.type || '?' })}</p>
      <p className="small muted">{t('unknownBlockKept')}</p>
      <details>
        <summary>{t('showContent')}</summary>
        <pre>{JSON.stringify(block.content, null, 2)}</pre>
      </details>
    </div>
  );
}
