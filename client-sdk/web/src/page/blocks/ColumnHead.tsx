// The head of a column: its name, its type, how rows are sorted by it.
import { useSortable } from '@dnd-kit/sortable';
import { CSS } from '@dnd-kit/utilities';
import { COLUMN_TYPES, type ColumnType, type TableColumn, type TableSort } from '@ionflux/client';
import { Drop } from '../Drop';
import { usePageT } from '../messages';
import { PlainField } from './PlainField';

interface ColumnHeadProps {
  id: string;
  column: TableColumn;
  sort: TableSort | null;
  isEdited: boolean;
  /** A merge patch of the column; null takes it away. */
  onChange: (patch: { name?: string; type?: ColumnType; width?: number } | null) => void;
  onSort: (sort: Pick<TableSort, 'direction'> | null) => void;
}

const NEXT = { none: 'ascending', ascending: 'descending', descending: null } as const;
const SIGN = { none: '↕', ascending: '↑', descending: '↓' } as const;
const WIDTHS = [96, 160, 240, 360] as const;

export function ColumnHead({ id, column, sort, isEdited, onChange, onSort }: ColumnHeadProps) {
  const t = usePageT();
  const { setNodeRef, attributes, listeners, transform, transition, isDragging } = useSortable({
    id,
    disabled: !isEdited,
  });
  const sorted = sort?.direction ?? 'none';
  if (!isEdited) {
    return (
      <div role="columnheader" className="cell" aria-sort={sorted}>
        {column.name} {sort && SIGN[sorted]}
      </div>
    );
  }
  return (
    <div
      ref={setNodeRef}
      role="columnheader"
      className={isDragging ? 'cell head-cell dragged' : 'cell head-cell'}
      aria-sort={sorted}
      style={{ transform: CSS.Translate.toString(transform) ?? '', transition: transition ?? '' }}
    >
      <button
        type="button"
        className="icon-button column-grip"
        {...attributes}
        {...listeners}
        aria-label={t('moveColumn', { name: column.name })}
        title={t('moveColumn', { name: column.name })}
      >
        ⠿
      </button>
      <PlainField
        className="cell-input"
        value={column.name}
        label={t('columnName')}
        onCommit={(name) => {
          onChange({ name });
        }}
      />
      <button
        type="button"
        className="icon-button"
        aria-label={t('sortBy', { name: column.name })}
        title={t('sortBy', { name: column.name })}
        onClick={() => {
          const direction = NEXT[sorted];
          onSort(direction ? { direction } : null);
        }}
      >
        {SIGN[sorted]}
      </button>
      <Drop summary="⋯" label={t('columnMenu', { name: column.name })}>
        {() => (
          <>
            <label className="drop-field">
              {t('columnType')}
              <select
                value={column.type}
                onChange={(event) => {
                  onChange({ type: event.target.value as ColumnType });
                }}
              >
                {COLUMN_TYPES.map((type) => (
                  <option key={type} value={type}>
                    {t(`column_${type}`)}
                  </option>
                ))}
              </select>
            </label>
            <label className="drop-field">
              {t('columnWidth')}
              <select
                value={column.width ?? 160}
                onChange={(event) => {
                  onChange({ width: Number(event.target.value) });
                }}
              >
                {[...new Set([...WIDTHS, column.width ?? 160])].map((width) => (
                  <option key={width} value={width}>
                    {width}
                  </option>
                ))}
              </select>
            </label>
            <button
              type="button"
              className="drop-item danger"
              onClick={() => {
                onChange(null);
              }}
            >
              {t('removeColumn')}
            </button>
          </>
        )}
      </Drop>
    </div>
  );
}
