// The pages of a workspace as a tree, and what dragging one in it means. Pure.
import type { Page } from '../model';

export interface Row {
  page: Page;
  depth: number;
  hasChildren: boolean;
  isOpen: boolean;
}

/** Where a page comes to lie: below which, and behind which of its siblings (null: as the first). */
export interface Target {
  parentId: string | null;
  afterId: string | null;
  depth: number;
}

export const INDENT_PX = 16;

/** The rows that are to be seen: pages in their order, those below closed ones left out. */
export function rowsOf(pages: readonly Page[], open: ReadonlySet<string>): Row[] {
  const byParent = new Map<string | null, Page[]>();
  const known = new Set(pages.map((page) => page.id));
  for (const page of pages) {
    // Who may not see the page above sees this one at the top.
    const above = page.parent_page_id !== null && known.has(page.parent_page_id) ? page.parent_page_id : null;
    byParent.set(above, [...(byParent.get(above) ?? []), page]);
  }
  const rows: Row[] = [];
  const add = (parentId: string | null, depth: number): void => {
    for (const page of byParent.get(parentId) ?? []) {
      const hasChildren = byParent.has(page.id);
      const isOpen = hasChildren && open.has(page.id);
      rows.push({ page, depth, hasChildren, isOpen });
      if (isOpen) add(page.id, depth + 1);
    }
  };
  add(null, 0);
  return rows;
}

/** The pages above one, the nearest first. */
export function pathTo(pages: readonly Page[], pageId: string): Page[] {
  const byId = new Map(pages.map((page) => [page.id, page]));
  const path: Page[] = [];
  let page = byId.get(pageId);
  while (page && !path.includes(page)) {
    path.push(page);
    page = page.parent_page_id === null ? undefined : byId.get(page.parent_page_id);
  }
  return path.slice(1);
}

/** Where a row comes to lie that is dragged over another, as many levels to the side as the hand went. */
export function targetOf(
  rows: readonly Row[],
  draggedId: string,
  overId: string,
  levels: number,
): Target | null {
  const from = rows.findIndex((row) => row.page.id === draggedId);
  const to = rows.findIndex((row) => row.page.id === overId);
  const dragged = rows[from];
  if (!dragged || to < 0) return null;
  const rest = rows.filter((row) => row !== dragged);
  // In the list without it: moving down it comes behind what it is over, moving up before it.
  const above = rest[to - 1];
  const below = rest[to];
  const most = above ? above.depth + 1 : 0;
  const least = below ? below.depth : 0;
  const depth = Math.max(Math.min(dragged.depth + levels, most), Math.min(least, most));
  let afterId: string | null = null;
  for (let index = to - 1; index >= 0; index -= 1) {
    const row = rest[index];
    if (!row || row.depth < depth) return { parentId: row?.page.id ?? null, afterId, depth };
    if (row.depth === depth && afterId === null) afterId = row.page.id;
  }
  return { parentId: null, afterId, depth };
}
