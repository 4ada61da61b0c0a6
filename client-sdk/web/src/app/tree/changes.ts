// What is done to pages from the tree: shown at once, and taken back with a word where the server refuses.
import { client } from '../connection';
import type { Translate } from '../i18n';
import type { Page } from '../model';
import { navigate, paths } from '../router';
import { assume, refresh } from '../resource';
import { say, sayFault } from '../toasts';
import { keys } from '../workspace';
import type { MessageKey } from './messages';
import type { Target } from './tree';

export async function makePage(
  workspaceId: string,
  parentId: string | null,
  templateId?: string,
): Promise<Page | null> {
  const body = {
    title: '',
    parent_page_id: parentId,
    ...(templateId !== undefined && { template_id: templateId }),
  };
  const path = { workspace_id: workspaceId };
  try {
    const page = await client.call(
      client.api.POST('/v1/workspaces/{workspace_id}/pages', { params: { path }, body }),
    );
    await refresh(keys.pages(workspaceId));
    return page;
  } catch (error) {
    sayFault(error);
    return null;
  }
}

export async function movePage(workspaceId: string, pageId: string, target: Target): Promise<void> {
  const body = { parent_page_id: target.parentId, after: target.afterId };
  assume<Page[]>(keys.pages(workspaceId), (pages) => placed(pages, pageId, target));
  await change(workspaceId, () =>
    client.call(client.api.PATCH('/v1/pages/{page_id}', { params: { path: { page_id: pageId } }, body })),
  );
}

export async function renamePage(page: Page, title: string): Promise<void> {
  assume<Page[]>(keys.pages(page.workspace_id), (pages) =>
    pages.map((each) => (each.id === page.id ? { ...each, title } : each)),
  );
  await change(page.workspace_id, () =>
    client.call(
      client.api.PATCH('/v1/pages/{page_id}', { params: { path: { page_id: page.id } }, body: { title } }),
    ),
  );
}

export async function duplicatePage(page: Page): Promise<void> {
  await change(page.workspace_id, async () => {
    const path = { page_id: page.id };
    const copy = await client.call(
      client.api.POST('/v1/pages/{page_id}/duplicate', { params: { path }, body: {} }),
    );
    navigate(paths.page(page.workspace_id, copy.id));
  });
}

export async function trashPage(page: Page, t: Translate<MessageKey>): Promise<void> {
  await change(page.workspace_id, async () => {
    await client.call(client.api.DELETE('/v1/pages/{page_id}', { params: { path: { page_id: page.id } } }));
    if (location.pathname === paths.page(page.workspace_id, page.id)) navigate(paths.home(page.workspace_id));
    say(t('trashed', { title: page.title || t('untitled') }), {
      label: t('undo'),
      run: () => void restorePage(page),
    });
  });
}

export async function restorePage(page: Page): Promise<void> {
  await change(page.workspace_id, () =>
    client.call(client.api.POST('/v1/pages/{page_id}/restore', { params: { path: { page_id: page.id } } })),
  );
}

async function change(workspaceId: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    sayFault(error);
  }
  await Promise.all([refresh(keys.pages(workspaceId)), refresh(keys.trash(workspaceId))]);
}

/** The list with a page in another place: behind a sibling, or as the first below its parent. */
function placed(pages: Page[], pageId: string, { parentId, afterId }: Target): Page[] {
  const moved = pages.find((page) => page.id === pageId);
  if (!moved) return pages;
  const rest = pages.filter((page) => page.id !== pageId);
  const at = afterId === null ? 0 : rest.findIndex((page) => page.id === afterId) + 1;
  return [...rest.slice(0, at), { ...moved, parent_page_id: parentId }, ...rest.slice(at)];
}
