// A board: columns of cards that are dragged, by mouse, finger or keyboard.
import {
  closestCorners,
  DndContext,
  DragOverlay,
  KeyboardSensor,
  PointerSensor,
  useDroppable,
  useSensor,
  useSensors,
  type DragEndEvent,
} from '@dnd-kit/core';
import {
  SortableContext,
  sortableKeyboardCoordinates,
  useSortable,
  verticalListSortingStrategy,
} from '@dnd-kit/sortable';
import { CSS } from '@dnd-kit/utilities';
import {
  changeBlock,
  inOrder,
  newId,
  orderFor,
  type BoardCard,
  type KanbanBoardContent,
  type Patch,
} from '@ionflux/client';
import { useCallback, useMemo, useState } from 'react';
import { useDragWords } from '../../app/ui/dragWords';
import { Drop } from '../Drop';
import { usePageT } from '../messages';
import { usePage } from '../model/session';
import type { BodyProps } from './BlockBody';
import { Card, CardFace } from './BoardCard';
import { PlainField } from './PlainField';

/** The column of cards whose own column is gone. */
const NOWHERE = '';

type Cards = ReadonlyMap<string, readonly [string, BoardCard][]>;

export function Board({ block, isLive }: BodyProps<'kanban_board'>) {
  const t = usePageT();
  const { doc, edit, canWrite } = usePage();
  const [dragged, setDragged] = useState<string | null>(null);
  const { content } = block;
  const cards = useMemo(() => byColumn(content), [content]);
  const isEdited = isLive && canWrite;
  const sensors = useSensors(
    useSensor(PointerSensor, { activationConstraint: { distance: 5 } }),
    useSensor(KeyboardSensor, { coordinateGetter: sortableKeyboardCoordinates }),
  );
  const change = (patch: Patch) => {
    edit(() => {
      changeBlock(doc, block.id, patch);
    });
  };
  const drop = ({ active, over }: DragEndEvent) => {
    setDragged(null);
    const id = String(active.id);
    const target = over && findPlace(content, cards, id, String(over.id));
    if (target) change({ cards: { [id]: target } });
  };
  const nameOf = useCallback((id: string) => content.cards.get(id)?.title ?? '', [content]);
  const placeOf = useCallback(
    (id: string) => {
      const place = content.cards.get(id);
      const column = content.columns.get(place ? (place.column ?? NOWHERE) : id)?.name ?? t('noColumn');
      return place ? `${place.title} (${column})` : column;
    },
    [content, t],
  );
  const words = useDragWords(nameOf, placeOf);
  const columns = inOrder(content.columns);
  const lost = cards.get(NOWHERE) ?? [];
  const card = dragged === null ? undefined : content.cards.get(dragged);
  return (
    <DndContext
      accessibility={words}
      sensors={sensors}
      collisionDetection={closestCorners}
      onDragStart={({ active }) => {
        setDragged(String(active.id));
      }}
      onDragCancel={() => {
        setDragged(null);
      }}
      onDragEnd={drop}
    >
      <div className="board">
        {columns.map(([id, column]) => (
          <Column
            key={id}
            id={id}
            blockId={block.id}
            name={column.name}
            limit={column.limit}
            cards={cards.get(id) ?? []}
            isEdited={isEdited}
            onRename={(name) => {
              change({ columns: { [id]: { name } } });
            }}
            onLimit={(limit) => {
              change({ columns: { [id]: { limit } } });
            }}
            onRemove={() => {
              change({ columns: { [id]: null } });
            }}
            onAdd={(title) => {
              const siblings = new Map(cards.get(id) ?? []);
              change({ cards: { [newId()]: { column: id, title, order: orderFor(siblings) } } });
            }}
            onCard={(cardId, patch) => {
              change({ cards: { [cardId]: patch } });
            }}
          />
        ))}
        {lost.length > 0 && (
          <Column
            id={NOWHERE}
            blockId={block.id}
            name={t('noColumn')}
            limit={null}
            cards={lost}
            isEdited={isEdited}
            onCard={(cardId, patch) => {
              change({ cards: { [cardId]: patch } });
            }}
          />
        )}
        {isEdited && (
          <button
            type="button"
            className="button plain add-column"
            onClick={() => {
              change({ columns: { [newId()]: { name: t('newColumn'), order: orderFor(content.columns) } } });
            }}
          >
            + {t('addColumn')}
          </button>
        )}
      </div>
      <DragOverlay dropAnimation={null}>{card && <CardFace card={card} />}</DragOverlay>
    </DndContext>
  );
}

function byColumn(content: KanbanBoardContent): Cards {
  const found = new Map<string, [string, BoardCard][]>();
  for (const entry of inOrder(content.cards)) {
    const column = entry[1].column ?? NOWHERE;
    found.set(column, [...(found.get(column) ?? []), entry]);
  }
  return found;
}

/** Where a card goes that is dropped over a card or a column; null: it stays. */
function findPlace(
  content: KanbanBoardContent,
  cards: Cards,
  id: string,
  over: string,
): Record<string, string> | null {
  if (over === id) return null;
  const target = content.cards.get(over);
  const column = target ? target.column : over;
  if (column === null || !content.columns.has(column)) return null;
  const siblings = cards.get(column) ?? [];
  if (!target) return { column, order: orderFor(new Map(siblings), undefined, id) };
  const ids = siblings.map(([cardId]) => cardId);
  const [from, to] = [ids.indexOf(id), ids.indexOf(over)];
  // Dragged down within its column it goes behind the card it lies on, else before it.
  const others = ids.filter((cardId) => cardId !== id);
  const at = others.indexOf(over) + (from !== -1 && from < to ? 1 : 0);
  return { column, order: orderFor(new Map(siblings), at === 0 ? null : others[at - 1], id) };
}

interface ColumnProps {
  id: string;
  blockId: string;
  name: string;
  limit: number | null;
  cards: readonly [string, BoardCard][];
  isEdited: boolean;
  onRename?: (name: string) => void;
  onLimit?: (limit: number | null) => void;
  onRemove?: () => void;
  onAdd?: (title: string) => void;
  onCard: (id: string, patch: Patch[string]) => void;
}

function Column({
  id,
  blockId,
  name,
  limit,
  cards,
  isEdited,
  onRename,
  onLimit,
  onRemove,
  onAdd,
  onCard,
}: ColumnProps) {
  const t = usePageT();
  const { setNodeRef } = useDroppable({ id, disabled: !isEdited || onAdd === undefined });
  const isFull = limit !== null && cards.length > limit;
  return (
    <section
      className={isFull ? 'board-column over-limit' : 'board-column'}
      aria-label={name}
      ref={setNodeRef}
    >
      <header>
        {isEdited && onRename ? (
          <PlainField
            className="cell-input column-name"
            value={name}
            label={t('columnName')}
            onCommit={onRename}
          />
        ) : (
          <h3>{name}</h3>
        )}
        <span className="count" title={limit === null ? undefined : t('limitOf', { limit })}>
          {cards.length}
          {limit !== null && `/${limit}`}
        </span>
        {isEdited && onRemove && (
          <Drop summary="⋯" label={t('columnMenu', { name })}>
            {() => (
              <>
                <label className="drop-field">
                  {t('limit')}
                  <PlainField
                    className="cell-input"
                    type="number"
                    value={limit === null ? '' : String(limit)}
                    label={t('limit')}
                    check={(value) => (value === '' || /^[1-9]\d{0,3}$/.test(value) ? null : t('notALimit'))}
                    onCommit={(value) => onLimit?.(value === '' ? null : Number(value))}
                  />
                </label>
                <button type="button" className="drop-item danger" onClick={onRemove}>
                  {t('removeColumn')}
                </button>
              </>
            )}
          </Drop>
        )}
      </header>
      <SortableContext items={cards.map(([cardId]) => cardId)} strategy={verticalListSortingStrategy}>
        <ul>
          {cards.map(([cardId, card]) => (
            <SortableCard
              key={cardId}
              id={cardId}
              blockId={blockId}
              card={card}
              isEdited={isEdited}
              onChange={(patch) => {
                onCard(cardId, patch);
              }}
            />
          ))}
        </ul>
      </SortableContext>
      {isEdited && onAdd && <AddCard onAdd={onAdd} />}
    </section>
  );
}

interface SortableCardProps {
  id: string;
  blockId: string;
  card: BoardCard;
  isEdited: boolean;
  onChange: (patch: Patch[string]) => void;
}

function SortableCard(props: SortableCardProps) {
  const { setNodeRef, attributes, listeners, transform, transition, isDragging } = useSortable({
    id: props.id,
    disabled: !props.isEdited,
  });
  return (
    <li
      ref={setNodeRef}
      className={isDragging ? 'board-card dragged' : 'board-card'}
      style={{ transform: CSS.Translate.toString(transform) ?? '', transition: transition ?? '' }}
    >
      <Card {...props} handle={{ ...attributes, ...listeners }} />
    </li>
  );
}

function AddCard({ onAdd }: { onAdd: (title: string) => void }) {
  const t = usePageT();
  const [title, setTitle] = useState('');
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (title.trim() === '') return;
        onAdd(title.trim().slice(0, 500));
        setTitle('');
      }}
    >
      <input
        className="cell-input add-card"
        value={title}
        maxLength={500}
        placeholder={`+ ${t('addCard')}`}
        aria-label={t('addCard')}
        onChange={(event) => {
          setTitle(event.target.value);
        }}
      />
    </form>
  );
}
