// A file in a message: a picture as a small picture, anything as a link to fetch it.
import { useCallback, useState } from 'react';
import { useClient } from '../app/client';
import { useT } from '../app/i18n';
import { Icon } from '../app/ui/Icon';
import { readFile } from './api';
import { messages } from './messages';
import { useLoaded } from './useLoaded';

export function Attachment({ fileId, name }: { fileId: string; name: string | undefined }) {
  const t = useT(messages);
  const client = useClient();
  const load = useCallback(() => readFile(client, fileId), [client, fileId]);
  const { data: file } = useLoaded(load);
  const [isBroken, setBroken] = useState(false);
  const shown = file?.name ?? name ?? fileId;
  const address = `/v1/files/${encodeURIComponent(fileId)}/content`;
  return (
    <a className="attachment" href={address} download={shown} aria-label={t('download', { name: shown })}>
      {file?.has_thumbnail && !isBroken ? (
        <img
          src={`/v1/files/${encodeURIComponent(fileId)}/thumbnail`}
          alt={shown}
          loading="lazy"
          onError={() => {
            setBroken(true);
          }}
        />
      ) : (
        <span className="attachment-sign">
          <Icon name="file" size={20} />
        </span>
      )}
      <span className="attachment-name">{shown}</span>
      {file && <span className="muted small">{sizeOf(file.size)}</span>}
    </a>
  );
}

/** Return a size in bytes as people read it. */
export function sizeOf(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${(bytes / 1000).toFixed(0)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}
