// Which rows of a table are shown, and in which order, as its view says: pure.
import {
  inOrder,
  type Cell,
  type TableFilter,
  type TableRow,
  type TableSort,
  type TableViewContent,
} from '@ionflux/client';

export type Row = [id: string, row: TableRow];

export function shownRows(content: TableViewContent): Row[] {
  const sorts = content.sort.filter(({ column }) => content.columns.has(column));
  const filters = content.filter.filter(({ column }) => content.columns.has(column));
  const rows = inOrder(content.rows).filter(([, row]) => filters.every((filter) => passes(row, filter)));
  if (sorts.length === 0) return rows;
  // Rows that are equal stay in their own order.
  return rows.sort(([, left], [, right]) => {
    for (const sort of sorts) {
      const order = compare(left, right, sort);
      if (order !== 0) return order;
    }
    return 0;
  });
}

function compare(left: TableRow, right: TableRow, { column, direction }: TableSort): number {
  const [a, b] = [left.cells.get(column), right.cells.get(column)];
  if (isEmpty(a) || isEmpty(b)) return Number(isEmpty(a)) - Number(isEmpty(b)); // what is empty comes last
  const order = compareCells(a, b);
  return direction === 'ascending' ? order : -order;
}

function compareCells(a: Cell | undefined, b: Cell | undefined): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b);
  return cellText(a).localeCompare(cellText(b), undefined, { numeric: true, sensitivity: 'base' });
}

function passes(row: TableRow, { column, operator, value }: TableFilter): boolean {
  const cell = row.cells.get(column);
  switch (operator) {
    case 'is_empty':
      return isEmpty(cell);
    case 'is_not_empty':
      return !isEmpty(cell);
    case 'equals':
      return isSame(cell, value);
    case 'not_equals':
      return !isSame(cell, value);
    case 'contains':
      return cellText(cell)
        .toLowerCase()
        .includes(cellText(value ?? undefined).toLowerCase());
    case 'less':
      return !isEmpty(cell) && compareCells(cell, value ?? undefined) < 0;
    case 'greater':
      return !isEmpty(cell) && compareCells(cell, value ?? undefined) > 0;
  }
}

function isSame(cell: Cell | undefined, value: Cell | null): boolean {
  if (typeof value === 'boolean') return (cell ?? false) === value; // a box that nobody ticked is not ticked
  return cellText(cell) === cellText(value ?? undefined);
}

function isEmpty(cell: Cell | undefined): boolean {
  return cell === undefined || cell === '' || (Array.isArray(cell) && cell.length === 0);
}

export function cellText(cell: Cell | undefined): string {
  if (cell === undefined) return '';
  return Array.isArray(cell) ? cell.join(', ') : String(cell);
}
