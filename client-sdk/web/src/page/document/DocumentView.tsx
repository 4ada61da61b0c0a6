// The page as a document: its blocks below each other, for reading, writing and phones.
import { useCallback, useState } from 'react';
import { moveBlock } from '@ionflux/client';
import { usePageT } from '../messages';
import { useBring } from '../model/bring';
import { usePage } from '../model/session';
import { startBlock } from '../model/starters';
import { useBlockIds } from '../model/store';
import { AddBlock } from './AddBlock';
import { DocumentBlock } from './DocumentBlock';
import { PageTitle } from './PageTitle';

interface DocumentViewProps {
  onComment: (blockId: string) => void;
}

export function DocumentView({ onComment }: DocumentViewProps) {
  const t = usePageT();
  const page = usePage();
  const ids = useBlockIds();
  const bring = useBring();
  const [fresh, setFresh] = useState<string | null>(null);
  const [isOver, setOver] = useState(false);
  const [dragged, setDragged] = useState<string | null>(null);
  const { doc, edit, canWrite } = page;
  const dropBehind = useCallback(
    (target: string | null, event: React.DragEvent) => {
      const moved = event.dataTransfer.getData('application/x-ionflux-block');
      if (moved !== '' && moved !== target) {
        event.preventDefault();
        event.stopPropagation();
        edit(() => {
          moveBlock(doc, moved, target);
        });
      }
      setDragged(null);
    },
    [doc, edit],
  );
  return (
    <div
      className={isOver ? 'document dropping' : 'document'}
      onDragOver={(event) => {
        if (!canWrite || !event.dataTransfer.types.includes('Files')) return;
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => {
        setOver(false);
      }}
      onDrop={(event) => {
        setOver(false);
        if (!canWrite || event.dataTransfer.files.length === 0) return;
        event.preventDefault();
        bring.files([...event.dataTransfer.files], {});
      }}
    >
      <div className="document-column">
        <PageTitle />
        {ids.map((id, index) => (
          <DocumentBlock
            key={id}
            id={id}
            before={index === 0 ? undefined : (ids[index - 2] ?? null)}
            after={ids[index + 1]}
            focus={fresh === id}
            isDropTarget={dragged !== null && dragged !== id}
            onDragged={setDragged}
            onDrop={dropBehind}
            onAdded={setFresh}
            onComment={onComment}
          />
        ))}
        {ids.length === 0 && (
          <p className="muted empty-page">{canWrite ? t('emptyPage') : t('emptyPageToRead')}</p>
        )}
        {canWrite && (
          <AddBlock
            label={t('addBlock')}
            onAdd={(type) => {
              setFresh(startBlock(page, type, t));
            }}
          />
        )}
      </div>
    </div>
  );
}
