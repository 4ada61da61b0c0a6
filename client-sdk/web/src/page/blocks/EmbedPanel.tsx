// A page of another site. The server looks at it; nothing is asked of the site until somebody plays it.
import { changeBlock } from '@ionflux/client';
import { useState } from 'react';
import { usePageT } from '../messages';
import { usePage } from '../model/session';
import type { BodyProps } from './BlockBody';
import { PlainField } from './PlainField';
import { Settings } from './Settings';
import { firstSaid } from './words';

export function EmbedPanel({ block, isLive }: BodyProps<'embed_panel'>) {
  const t = usePageT();
  const { doc, edit, canWrite } = usePage();
  const [isPlaying, setPlaying] = useState(false);
  const { url, title, provider, html } = block.content;
  const player = playerOf(html);
  const change = (patch: Record<string, string | null>) => {
    edit(() => {
      changeBlock(doc, block.id, patch);
    });
  };
  return (
    <div className="block-card embed">
      {isPlaying && player ? (
        <iframe
          src={player}
          title={firstSaid(title, provider, url)}
          sandbox="allow-scripts allow-same-origin allow-popups allow-presentation"
          referrerPolicy="strict-origin-when-cross-origin"
          allowFullScreen
        />
      ) : (
        <div className="embed-head">
          <div className="embed-words">
            <p className="card-title">{firstSaid(title, url, t('noAddressYet'))}</p>
            <p className="small muted">
              {[...new Set([provider, url && hostOf(url)])].filter(Boolean).join(' · ')}
            </p>
          </div>
          {player && (
            <button
              type="button"
              className="button"
              onClick={() => {
                setPlaying(true);
              }}
            >
              {t('play')}
            </button>
          )}
          {url && (
            <a className="button" href={url} target="_blank" rel="noopener noreferrer nofollow">
              {t('open')}
            </a>
          )}
        </div>
      )}
      {isLive && canWrite && (
        <Settings isMissing={url === null}>
          <PlainField
            value={url ?? ''}
            label={t('address')}
            type="url"
            check={(value) => (value === '' || /^https?:\/\/[!-~]+$/.test(value) ? null : t('notAnAddress'))}
            onCommit={(value) => {
              change({ url: value || null });
            }}
          />
          <PlainField
            value={title}
            label={t('title')}
            onCommit={(value) => {
              change({ title: value });
            }}
          />
        </Settings>
      )}
    </div>
  );
}

/** The address of a frame that the server found; markup that anybody wrote is never put into the page. */
function playerOf(html: string): string | null {
  if (!html.startsWith('<iframe ')) return null;
  const source = new DOMParser()
    .parseFromString(html, 'text/html')
    .querySelector('iframe')
    ?.getAttribute('src');
  return source?.startsWith('https://') ? source : null;
}

function hostOf(url: string): string {
  try {
    return new URL(url).host;
  } catch {
    return url;
  }
}
