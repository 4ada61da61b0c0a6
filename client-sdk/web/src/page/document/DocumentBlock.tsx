// One block of the document view: what it contains, its menu, and who else is in it. Its editor begins to live when
// it is about to be seen, so that a long page opens at once.
import { deleteBlock, moveBlock, copyBlocks, pasteBlocks } from '@ionflux/client';
import { memo, useEffect, useRef, useState } from 'react';
import { BlockBody } from '../blocks/BlockBody';
import { Drop } from '../Drop';
import { usePageT, type PageKey } from '../messages';
import { usePage } from '../model/session';
import { startBlock } from '../model/starters';
import { AddBlock } from './AddBlock';

interface DocumentBlockProps {
  id: string;
  /** The block to stand behind after a move up: null the first place, undefined there is no way up. */
  before: string | null | undefined;
  /** The block to stand behind after a move down. */
  after: string | undefined;
  focus: boolean;
  isDropTarget: boolean;
  onDragged: (id: string | null) => void;
  onDrop: (target: string, event: React.DragEvent) => void;
  onAdded: (id: string) => void;
  onComment: (id: string) => void;
}

const AHEAD_PX = 600;

export const DocumentBlock = memo(function DocumentBlock(props: DocumentBlockProps) {
  const { id, focus, isDropTarget, onDragged, onDrop } = props;
  const t = usePageT();
  const { canWrite } = usePage();
  const box = useRef<HTMLElement>(null);
  const [wasSeen, setSeen] = useState(focus);
  useEffect(() => {
    const element = box.current;
    if (!element || wasSeen) return undefined;
    const observer = new IntersectionObserver(
      (entries) => {
        if (entries.some((entry) => entry.isIntersecting)) setSeen(true);
      },
      { rootMargin: `${AHEAD_PX}px` },
    );
    observer.observe(element);
    return () => {
      observer.disconnect();
    };
  }, [wasSeen]);
  return (
    <section
      ref={box}
      className={isDropTarget ? 'document-block drop-target' : 'document-block'}
      data-block={id}
      aria-label={t('block')}
      onDragOver={(event) => {
        if (isDropTarget) event.preventDefault();
      }}
      onDrop={(event) => {
        if (isDropTarget) onDrop(id, event);
      }}
    >
      {canWrite && (
        <div className="block-tools">
          <span
            className="grip"
            draggable
            title={t('dragBlock')}
            aria-hidden="true"
            onDragStart={(event) => {
              event.dataTransfer.setData('application/x-ionflux-block', id);
              event.dataTransfer.effectAllowed = 'move';
              onDragged(id);
            }}
            onDragEnd={() => {
              onDragged(null);
            }}
          >
            ⠿
          </span>
          <BlockMenu {...props} />
        </div>
      )}
      <BlockBody id={id} isLive={wasSeen} focus={focus} />
    </section>
  );
});

function BlockMenu({ id, before, after, onAdded, onComment }: DocumentBlockProps) {
  const t = usePageT();
  const page = usePage();
  const { doc, edit, stamp } = page;
  const move = (target: string | null) => () => {
    edit(() => {
      moveBlock(doc, id, target);
    });
  };
  return (
    <Drop summary="⋯" label={t('blockMenu')}>
      {(close) => {
        const item = (label: PageKey, run: () => void, isPossible = true) => (
          <button
            type="button"
            className={label === 'deleteBlock' ? 'drop-item danger' : 'drop-item'}
            disabled={!isPossible}
            onClick={() => {
              close();
              run();
            }}
          >
            {t(label)}
          </button>
        );
        return (
          <>
            <AddBlock
              className="inner-drop"
              label={t('addBelow')}
              onAdd={(type) => {
                close();
                onAdded(startBlock(page, type, t, { after: id }));
              }}
            />
            {item('comment', () => {
              onComment(id);
            })}
            {item('moveUp', move(before ?? null), before !== undefined)}
            {item('moveDown', move(after ?? null), after !== undefined)}
            {item('duplicate', () => {
              edit(() => pasteBlocks(doc, copyBlocks(doc, [id]), { stamp: stamp(), after: id }));
            })}
            {item('deleteBlock', () => {
              edit(() => {
                deleteBlock(doc, id, stamp());
              });
            })}
          </>
        );
      }}
    </Drop>
  );
}
