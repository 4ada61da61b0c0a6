// The tree of pages: opened and closed, made, renamed, thrown away, and put elsewhere by hand or by keys.
import {
  closestCenter,
  DndContext,
  KeyboardSensor,
  PointerSensor,
  useSensor,
  useSensors,
  type DragEndEvent,
  type DragMoveEvent,
} from '@dnd-kit/core';
import { SortableContext, sortableKeyboardCoordinates, verticalListSortingStrategy } from '@dnd-kit/sortable';
import { useCallback, useMemo, useState, type KeyboardEvent } from 'react';
import { useT } from '../i18n';
import type { Page } from '../model';
import { navigate, paths } from '../router';
import { useDragWords } from '../ui/dragWords';
import { Icon } from '../ui/Icon';
import { usePages } from '../workspace';
import { makePage, movePage } from './changes';
import { messages } from './messages';
import { INDENT_PX, pathTo, rowsOf, targetOf, type Target } from './tree';
import { TreeRow } from './TreeRow';
import './tree.css';

const START_DRAG_PX = 6;
const NONE: Page[] = [];

interface PageTreeProps {
  workspaceId: string;
  currentId: string | null;
  canWrite: boolean;
}

export function PageTree({ workspaceId, currentId, canWrite }: PageTreeProps) {
  const t = useT(messages);
  const { data: pages = NONE, error } = usePages(workspaceId);
  const [opened, setOpened] = useState(() => readOpened(workspaceId));
  const [renamedId, setRenamedId] = useState<string | null>(null);
  const [dragged, setDragged] = useState<{ id: string; target: Target | null } | null>(null);

  const open = useMemo(() => {
    const above = currentId === null ? [] : pathTo(pages, currentId).map((page) => page.id);
    return new Set([...opened, ...above]);
  }, [opened, pages, currentId]);
  const rows = useMemo(() => {
    const all = rowsOf(pages, open);
    // What lies below a page moves with it.
    return dragged
      ? all.filter((row) => !pathTo(pages, row.page.id).some((page) => page.id === dragged.id))
      : all;
  }, [pages, open, dragged]);

  const toggle = (page: Page, isOpen: boolean) => {
    const next = new Set(opened);
    if (isOpen) next.add(page.id);
    else next.delete(page.id);
    setOpened(next);
    localStorage.setItem(openedKey(workspaceId), JSON.stringify([...next]));
  };
  const add = async (parent: Page | null) => {
    const page = await makePage(workspaceId, parent?.id ?? null);
    if (!page) return;
    if (parent) toggle(parent, true);
    navigate(paths.page(workspaceId, page.id));
  };

  const sensors = useSensors(
    useSensor(PointerSensor, { activationConstraint: { distance: START_DRAG_PX } }),
    useSensor(KeyboardSensor, { coordinateGetter: sortableKeyboardCoordinates, keyboardCodes: DRAG_KEYS }),
  );
  const aim = ({ active, over, delta }: DragMoveEvent | DragEndEvent): Target | null =>
    over ? targetOf(rows, String(active.id), String(over.id), Math.round(delta.x / INDENT_PX)) : null;
  const drop = (event: DragEndEvent) => {
    const target = aim(event);
    setDragged(null);
    if (target) void movePage(workspaceId, String(event.active.id), target);
  };

  const nameOf = useCallback(
    (id: string) => (pages.find((page) => page.id === id)?.title ?? '') || t('untitled'),
    [pages, t],
  );
  const words = useDragWords(nameOf);

  const steer = (event: KeyboardEvent) => {
    const links = [...event.currentTarget.querySelectorAll<HTMLElement>('a.tree-link')];
    const at = links.indexOf(document.activeElement as HTMLElement);
    const row = rows[at];
    if (event.key === 'ArrowDown') links[at + 1]?.focus();
    else if (event.key === 'ArrowUp') links[at - 1]?.focus();
    else if (event.key === 'ArrowRight' && row?.hasChildren) toggle(row.page, true);
    else if (event.key === 'ArrowLeft' && row?.isOpen) toggle(row.page, false);
    else if (event.key === 'F2' && row && canWrite) setRenamedId(row.page.id);
    else return;
    event.preventDefault();
  };

  return (
    <section aria-label={t('pages')} className="tree">
      <header className="sidebar-heading">
        <h2>{t('pages')}</h2>
        {canWrite && (
          <button
            type="button"
            className="icon-button"
            aria-label={t('new_page')}
            onClick={() => void add(null)}
          >
            <Icon name="plus" />
          </button>
        )}
      </header>
      <DndContext
        accessibility={words}
        sensors={sensors}
        collisionDetection={closestCenter}
        onDragStart={({ active }) => {
          setDragged({ id: String(active.id), target: null });
        }}
        onDragMove={(event) => {
          setDragged({ id: String(event.active.id), target: aim(event) });
        }}
        onDragCancel={() => {
          setDragged(null);
        }}
        onDragEnd={drop}
      >
        <SortableContext items={rows.map((row) => row.page.id)} strategy={verticalListSortingStrategy}>
          <ul className="plain-list" onKeyDown={dragged || renamedId ? undefined : steer}>
            {rows.map((row) => (
              <TreeRow
                key={row.page.id}
                row={
                  dragged?.id === row.page.id && dragged.target
                    ? { ...row, depth: dragged.target.depth }
                    : row
                }
                isCurrent={row.page.id === currentId}
                isRenamed={row.page.id === renamedId}
                canWrite={canWrite}
                onToggle={() => {
                  toggle(row.page, !row.isOpen);
                }}
                onAdd={() => void add(row.page)}
                onRename={setRenamedId}
              />
            ))}
          </ul>
        </SortableContext>
      </DndContext>
      {pages !== NONE && rows.length === 0 && <p className="muted small tree-empty">{t('no_pages')}</p>}
      {error && <p className="muted small tree-empty">{error.message}</p>}
    </section>
  );
}

/** Enter follows a link; space takes a row up and puts it down. */
const DRAG_KEYS = { start: ['Space'], cancel: ['Escape'], end: ['Space', 'Enter'] };

function openedKey(workspaceId: string): string {
  return `ionflux.tree.${workspaceId}`;
}

function readOpened(workspaceId: string): Set<string> {
  try {
    return new Set(JSON.parse(localStorage.getItem(openedKey(workspaceId)) ?? '[]') as string[]);
  } catch {
    return new Set();
  }
}
