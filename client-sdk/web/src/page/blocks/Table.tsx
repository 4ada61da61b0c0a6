// A table with typed columns: every cell is a value of its own, so two people who fill in two cells do not meet.
import {
  changeBlock,
  inOrder,
  newId,
  orderFor,
  type Cell,
  type ColumnType,
  type TableColumn,
  type TableSort,
} from '@ionflux/client';
import { tableFeatures, useTable, type ColumnDef } from '@tanstack/react-table';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useMemo, useRef } from 'react';
import { usePageT } from '../messages';
import { usePage } from '../model/session';
import type { BodyProps } from './BlockBody';
import { CellField } from './CellField';
import { ColumnHead } from './ColumnHead';
import { ColumnOrder } from './ColumnOrder';
import { shownRows, type Row } from './tableRows';
import { TableFilters } from './TableFilters';

const ROW_HEIGHT = 34;
const features = tableFeatures({});

export function Table({ block, isLive }: BodyProps<'table_view'>) {
  const t = usePageT();
  const { doc, edit, canWrite } = usePage();
  const { content } = block;
  const isEdited = isLive && canWrite;
  const rows = useMemo(() => shownRows(content), [content]);
  const columns = useMemo(
    () =>
      inOrder(content.columns).map(([id, column]): ColumnDef<typeof features, Row> => ({
        id,
        header: column.name,
        accessorFn: ([, row]) => row.cells.get(id),
      })),
    [content.columns],
  );
  const table = useTable({ features, columns, data: rows, getRowId: ([id]) => id });
  const scroller = useRef<HTMLDivElement>(null);
  // eslint-disable-next-line react-hooks/incompatible-library -- a virtualizer is meant to give new functions each time
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_HEIGHT,
    overscan: 8,
  });
  const change = (patch: Parameters<typeof changeBlock>[2]) => {
    edit(() => {
      changeBlock(doc, block.id, patch);
    });
  };
  const addColumn = () => {
    change({ columns: { [newId()]: { name: '', type: 'text', order: orderFor(content.columns) } } });
  };
  const addRow = () => {
    change({ rows: { [newId()]: { order: orderFor(content.rows), cells: {} } } });
  };
  const widths = [...table.getAllLeafColumns().map(({ id }) => `${content.columns.get(id)?.width ?? 160}px`)];
  const template = [...widths, isEdited ? '36px' : ''].join(' ');
  const shown = virtual.getVirtualItems();
  return (
    <ColumnOrder
      columns={content.columns}
      onMove={(id, order) => {
        change({ columns: { [id]: { order } } });
      }}
    >
      <div className="table-block">
        {isEdited && (
          <TableFilters
            content={content}
            onChange={(filter) => {
              change({ view: { filter: filter.map((one) => ({ ...one })) } });
            }}
          />
        )}
        <div
          className="table-scroll"
          ref={scroller}
          role="table"
          aria-label={t('table_view')}
          aria-rowcount={rows.length + 1}
          tabIndex={0}
        >
          <div className="table-row table-head" role="row" style={{ gridTemplateColumns: template }}>
            {table.getAllLeafColumns().map(({ id }) => {
              const column = content.columns.get(id);
              return column ? (
                <ColumnHead
                  key={id}
                  id={id}
                  column={column}
                  sort={content.sort.find((sort) => sort.column === id) ?? null}
                  isEdited={isEdited}
                  onChange={(patch) => {
                    change({ columns: { [id]: patch } });
                  }}
                  onSort={(sort) => {
                    change({ view: { sort: sort ? [{ ...sort, column: id }] : [] } });
                  }}
                />
              ) : null;
            })}
            {isEdited && (
              <div role="columnheader" className="table-tool" aria-label={t('addColumn')}>
                <button
                  type="button"
                  className="icon-button"
                  aria-label={t('addColumn')}
                  title={t('addColumn')}
                  onClick={addColumn}
                >
                  +
                </button>
              </div>
            )}
          </div>
          <div className="table-body" role="rowgroup" style={{ height: virtual.getTotalSize() }}>
            {shown.map((item) => {
              const row = table.getRowModel().rows[item.index];
              if (!row) return null;
              return (
                <div
                  key={row.id}
                  className="table-row"
                  role="row"
                  aria-rowindex={item.index + 2}
                  style={{ gridTemplateColumns: template, transform: `translateY(${item.start}px)` }}
                >
                  {row.getAllCells().map((cell) => (
                    <CellField
                      key={cell.id}
                      value={cell.getValue() as Cell | undefined}
                      type={content.columns.get(cell.column.id)?.type ?? 'text'}
                      label={`${content.columns.get(cell.column.id)?.name ?? ''} ${item.index + 1}`}
                      readOnly={!isEdited}
                      onChange={(value) => {
                        change({ rows: { [row.id]: { cells: { [cell.column.id]: value } } } });
                      }}
                    />
                  ))}
                  {isEdited && (
                    <div role="cell" className="table-tool">
                      <button
                        type="button"
                        className="icon-button row-remove"
                        aria-label={t('removeRow')}
                        title={t('removeRow')}
                        onClick={() => {
                          change({ rows: { [row.id]: null } });
                        }}
                      >
                        ×
                      </button>
                    </div>
                  )}
                </div>
              );
            })}
          </div>
        </div>
        {rows.length === 0 && (
          <p className="note">{content.rows.size > 0 ? t('noRowFits') : t('noRowsYet')}</p>
        )}
        {isEdited && (
          <div className="table-foot">
            <button
              type="button"
              className="button plain"
              onClick={addRow}
              disabled={content.columns.size === 0}
            >
              + {t('addRow')}
            </button>
            <span className="small muted">
              {t('rowCount', { count: rows.length, all: content.rows.size })}
            </span>
          </div>
        )}
      </div>
    </ColumnOrder>
  );
}

export type ColumnPatch = Partial<Pick<TableColumn, 'name'>> & { type?: ColumnType; width?: number };
export type SortOf = Pick<TableSort, 'direction'>;
