// Pictures and videos, of the workspace's files or from elsewhere, with what they show and what stands below them.
import { changeBlock, type ImageContent } from '@ionflux/client';
import { useRef, useState, type ReactNode } from 'react';
import { usePageT } from '../messages';
import { usePage } from '../model/session';
import { useUploads } from '../model/uploads';
import type { BodyProps } from './BlockBody';
import { PlainField } from './PlainField';
import { Settings } from './Settings';

export function sourceOf(content: ImageContent): string | null {
  return content.fileId !== null ? `/v1/files/${encodeURIComponent(content.fileId)}/content` : content.url;
}

export function Picture({ block, isLive }: BodyProps<'image'>) {
  const source = sourceOf(block.content);
  return (
    <Medium id={block.id} content={block.content} isLive={isLive} accept="image/*">
      {(broken) =>
        source && (
          <img src={source} alt={block.content.alt} onError={broken} loading="lazy" draggable={false} />
        )
      }
    </Medium>
  );
}

export function Video({ block, isLive }: BodyProps<'video'>) {
  const source = sourceOf(block.content);
  return (
    <Medium id={block.id} content={block.content} isLive={isLive} accept="video/*">
      {(broken) =>
        source && (
          <video
            src={source}
            poster={block.content.poster ?? undefined}
            controls
            preload="metadata"
            aria-label={block.content.alt || block.content.caption}
            onError={broken}
          />
        )
      }
    </Medium>
  );
}

interface MediumProps {
  id: string;
  content: ImageContent;
  isLive: boolean;
  accept: string;
  children: (broken: () => void) => ReactNode;
}

function Medium({ id, content, isLive, accept, children }: MediumProps) {
  const t = usePageT();
  const { doc, edit, canWrite } = usePage();
  const source = sourceOf(content);
  const [brokenSource, setBroken] = useState<string | null>(null);
  const isBroken = source !== null && brokenSource === source;
  const change = (patch: Record<string, string | null>) => {
    edit(() => {
      changeBlock(doc, id, patch);
    });
  };
  const isEdited = isLive && canWrite;
  return (
    <figure className="medium">
      {source === null && <p className="note">{t('noFileYet')}</p>}
      {isBroken ? (
        <div className="note bad">
          <span>{t('brokenMedium')}</span> {content.alt !== '' && <em>{content.alt}</em>}{' '}
          <button
            type="button"
            className="button plain"
            onClick={() => {
              setBroken(null);
            }}
          >
            {t('tryAgain')}
          </button>
        </div>
      ) : (
        children(() => {
          setBroken(source);
        })
      )}
      {content.caption !== '' && <figcaption>{content.caption}</figcaption>}
      {isEdited && (
        <Settings isMissing={source === null}>
          <ChooseFile
            accept={accept}
            hasOne={source !== null}
            onFile={(fileId) => {
              change({ file_id: fileId, url: null });
            }}
          />
          {content.fileId === null && (
            <PlainField
              value={content.url ?? ''}
              label={t('address')}
              type="url"
              check={(url) => (url === '' || /^https?:\/\/[!-~]+$/.test(url) ? null : t('notAnAddress'))}
              onCommit={(url) => {
                change({ url: url || null });
              }}
            />
          )}
          <PlainField
            value={content.alt}
            label={t('alt')}
            onCommit={(alt) => {
              change({ alt });
            }}
          />
          <PlainField
            value={content.caption}
            label={t('caption')}
            onCommit={(caption) => {
              change({ caption });
            }}
          />
        </Settings>
      )}
    </figure>
  );
}

function ChooseFile({
  accept,
  hasOne,
  onFile,
}: {
  accept: string;
  hasOne: boolean;
  onFile: (fileId: string) => void;
}) {
  const t = usePageT();
  const { upload } = useUploads();
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" className="button" onClick={() => input.current?.click()}>
        {hasOne ? t('replaceFile') : t('chooseFile')}
      </button>
      <input
        ref={input}
        type="file"
        accept={accept}
        hidden
        onChange={(event) => {
          const file = event.target.files?.[0];
          event.target.value = '';
          if (file)
            void upload(file).then((sent) => {
              if (sent) onFile(sent.id);
            });
        }}
      />
    </>
  );
}
