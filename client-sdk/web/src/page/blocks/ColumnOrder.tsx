// Puts the columns of a table in another order, by mouse, finger or keyboard: what is moved gets another order key.
import {
  closestCenter,
  DndContext,
  KeyboardSensor,
  PointerSensor,
  useSensor,
  useSensors,
  type DragEndEvent,
} from '@dnd-kit/core';
import {
  horizontalListSortingStrategy,
  SortableContext,
  sortableKeyboardCoordinates,
} from '@dnd-kit/sortable';
import { inOrder, orderFor, type TableColumn } from '@ionflux/client';
import { useCallback, useMemo, type ReactNode } from 'react';
import { useDragWords } from '../../app/ui/dragWords';
import { usePageT } from '../messages';

interface ColumnOrderProps {
  columns: ReadonlyMap<string, TableColumn>;
  onMove: (id: string, order: string) => void;
  children: ReactNode;
}

export function ColumnOrder({ columns, onMove, children }: ColumnOrderProps) {
  const t = usePageT();
  const ids = useMemo(() => inOrder(columns).map(([id]) => id), [columns]);
  const sensors = useSensors(
    useSensor(PointerSensor, { activationConstraint: { distance: 5 } }),
    useSensor(KeyboardSensor, { coordinateGetter: sortableKeyboardCoordinates }),
  );
  const nameOf = useCallback((id: string) => (columns.get(id)?.name ?? '') || t('column'), [columns, t]);
  const words = useDragWords(nameOf);
  const drop = ({ active, over }: DragEndEvent) => {
    const [id, target] = [String(active.id), String(over?.id)];
    const [from, to] = [ids.indexOf(id), ids.indexOf(target)];
    if (from === to || from === -1 || to === -1) return;
    // Moved on it goes behind the column it lies on, moved back before it.
    const others = ids.filter((each) => each !== id);
    onMove(id, orderFor(columns, to === 0 ? null : others[to - 1], id));
  };
  return (
    <DndContext accessibility={words} sensors={sensors} collisionDetection={closestCenter} onDragEnd={drop}>
      <SortableContext items={ids} strategy={horizontalListSortingStrategy}>
        {children}
      </SortableContext>
    </DndContext>
  );
}
