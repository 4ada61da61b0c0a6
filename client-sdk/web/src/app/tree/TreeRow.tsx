// One page in the tree.
import { useSortable } from '@dnd-kit/sortable';
import { CSS } from '@dnd-kit/utilities';
import { useT } from '../i18n';
import { paths } from '../router';
import { Icon } from '../ui/Icon';
import { Link } from '../ui/Link';
import { Menu, type Choice } from '../ui/Menu';
import { duplicatePage, renamePage, trashPage } from './changes';
import { messages } from './messages';
import { INDENT_PX, type Row } from './tree';

interface TreeRowProps {
  row: Row;
  isCurrent: boolean;
  isRenamed: boolean;
  canWrite: boolean;
  onToggle: () => void;
  onAdd: () => void;
  onRename: (pageId: string | null) => void;
}

export function TreeRow({ row, isCurrent, isRenamed, canWrite, onToggle, onAdd, onRename }: TreeRowProps) {
  const t = useT(messages);
  const { page } = row;
  const title = page.title || t('untitled');
  const { attributes, listeners, setNodeRef, transform, transition, isDragging } = useSortable({
    id: page.id,
    disabled: !canWrite || isRenamed,
  });
  const style = {
    transform: CSS.Translate.toString(transform),
    transition,
    paddingLeft: row.depth * INDENT_PX,
  };
  const choices: (Choice | 'line')[] = [
    {
      label: t('rename'),
      icon: 'pencil',
      run: () => {
        onRename(page.id);
      },
    },
    { label: t('duplicate'), icon: 'copy', run: () => void duplicatePage(page) },
    {
      label: t('copy_link'),
      icon: 'link',
      run: () => void navigator.clipboard.writeText(location.origin + paths.page(page.workspace_id, page.id)),
    },
    'line',
    { label: t('trash'), icon: 'trash', isDangerous: true, run: () => void trashPage(page, t) },
  ];
  return (
    <li ref={setNodeRef} style={style} className={isDragging ? 'tree-row dragged' : 'tree-row'}>
      {row.hasChildren ? (
        <button
          type="button"
          className={row.isOpen ? 'tree-toggle open' : 'tree-toggle'}
          aria-expanded={row.isOpen}
          aria-label={t(row.isOpen ? 'close_below' : 'open_below', { title })}
          onClick={onToggle}
        >
          <Icon name="chevron" size={12} />
        </button>
      ) : (
        <span className="tree-toggle" />
      )}
      {isRenamed ? (
        <input
          className="input tree-input"
          aria-label={t('rename')}
          defaultValue={page.title}
          autoFocus
          onFocus={(event) => {
            event.target.select();
          }}
          onBlur={(event) => {
            onRename(null);
            if (event.target.value !== page.title) void renamePage(page, event.target.value);
          }}
          onKeyDown={(event) => {
            if (event.key === 'Escape') event.currentTarget.value = page.title;
            if (event.key === 'Enter' || event.key === 'Escape') event.currentTarget.blur();
          }}
        />
      ) : (
        <Link
          {...attributes}
          {...listeners}
          role={undefined}
          className="sidebar-row tree-link"
          to={paths.page(page.workspace_id, page.id)}
          aria-current={isCurrent ? 'page' : undefined}
          aria-roledescription={undefined}
          draggable={false}
        >
          {page.icon_url ? <img src={page.icon_url} alt="" width={16} height={16} /> : <Icon name="page" />}
          <span className="tree-title">{title}</span>
        </Link>
      )}
      {canWrite && !isRenamed && (
        <span className="tree-tools">
          <Menu label={t('more', { title })} choices={choices} />
          <button
            type="button"
            className="icon-button"
            aria-label={t('new_below', { title })}
            onClick={onAdd}
          >
            <Icon name="plus" />
          </button>
        </span>
      )}
    </li>
  );
}
