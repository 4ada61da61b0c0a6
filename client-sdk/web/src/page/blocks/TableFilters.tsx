// Which rows of a table are shown: its filters, each a column, an operator and mostly a value.
import { inOrder, OPERATORS, type Cell, type TableFilter, type TableViewContent } from '@ionflux/client';
import { usePageT } from '../messages';
import { PlainField } from './PlainField';
import { cellText } from './tableRows';

interface TableFiltersProps {
  content: TableViewContent;
  onChange: (filters: TableFilter[]) => void;
}

export function TableFilters({ content, onChange }: TableFiltersProps) {
  const t = usePageT();
  const columns = inOrder(content.columns);
  const first = columns[0]?.[0];
  const replace = (index: number, filter: TableFilter | null) => {
    onChange(content.filter.flatMap((one, at) => (at === index ? (filter ? [filter] : []) : [one])));
  };
  return (
    <div className="table-filters">
      {content.filter.map((filter, index) => (
        <span key={index} className="filter">
          <select
            aria-label={t('column')}
            value={filter.column}
            onChange={(event) => {
              replace(index, { ...filter, column: event.target.value });
            }}
          >
            {columns.map(([id, column]) => (
              <option key={id} value={id}>
                {column.name || '—'}
              </option>
            ))}
          </select>
          <select
            aria-label={t('operator')}
            value={filter.operator}
            onChange={(event) => {
              replace(index, { ...filter, operator: event.target.value as TableFilter['operator'] });
            }}
          >
            {OPERATORS.map((operator) => (
              <option key={operator} value={operator}>
                {t(`operator_${operator}`)}
              </option>
            ))}
          </select>
          {!filter.operator.endsWith('empty') && (
            <PlainField
              className="cell-input"
              value={cellText(filter.value ?? undefined)}
              label={t('value')}
              onCommit={(value) => {
                replace(index, { ...filter, value: parse(value, content.columns.get(filter.column)?.type) });
              }}
            />
          )}
          <button
            type="button"
            className="icon-button"
            aria-label={t('removeFilter')}
            onClick={() => {
              replace(index, null);
            }}
          >
            ×
          </button>
        </span>
      ))}
      {first !== undefined && (
        <button
          type="button"
          className="button plain small"
          onClick={() => {
            onChange([...content.filter, { column: first, operator: 'is_not_empty', value: null }]);
          }}
        >
          {t('addFilter')}
        </button>
      )}
    </div>
  );
}

function parse(value: string, type: string | undefined): Cell {
  if (type === 'number' && value.trim() !== '' && Number.isFinite(Number(value))) return Number(value);
  if (type === 'checkbox') return /^(true|1|yes|sim)$/i.test(value);
  return value;
}
