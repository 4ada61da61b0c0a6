// Pages that were thrown away.
import { client } from '../connection';
import { useLanguage, useT } from '../i18n';
import { messages as shellMessages } from '../messages';
import type { Page } from '../model';
import { readAll, refresh, useResource } from '../resource';
import { say, sayFault } from '../toasts';
import { restorePage } from '../tree/changes';
import { Icon } from '../ui/Icon';
import { ago } from '../ui/time';
import { keys, query } from '../workspace';
import { trashMessages } from './messages';
import './views.css';

export default function Trash({ workspaceId }: { workspaceId: string }) {
  const t = useT(trashMessages);
  const shell = useT(shellMessages);
  const language = useLanguage();
  const { data: pages = [] } = useResource(keys.trash(workspaceId), () =>
    readAll((cursor) =>
      client.call(
        client.api.GET('/v1/workspaces/{workspace_id}/trash', {
          params: { path: { workspace_id: workspaceId }, ...query(cursor).params },
        }),
      ),
    ),
  );
  const restore = async (page: Page, title: string) => {
    await restorePage(page);
    say(t('restored', { title }));
  };
  const destroy = async (page: Page, title: string) => {
    if (!confirm(t('forever_sure', { title }))) return;
    try {
      const path = { page_id: page.id };
      await client.call(client.api.DELETE('/v1/pages/{page_id}/forever', { params: { path } }));
    } catch (error) {
      sayFault(error);
    }
    await refresh(keys.trash(workspaceId));
  };
  return (
    <div className="view">
      <h1>{t('title')}</h1>
      <p className="muted">{pages.length > 0 ? t('more') : t('empty')}</p>
      {pages.length > 0 && (
        <ul className="rows">
          {pages.map((page) => {
            const title = page.title || shell('untitled');
            return (
              <li key={page.id}>
                <Icon name="page" />
                <span className="grow">
                  {title}
                  {page.trashed_at && (
                    <span className="muted small">
                      {' '}
                      · {t('thrown', { when: ago(page.trashed_at, language) })}
                    </span>
                  )}
                </span>
                <button type="button" className="button" onClick={() => void restore(page, title)}>
                  {t('restore')}
                </button>
                <button type="button" className="button danger" onClick={() => void destroy(page, title)}>
                  {t('forever')}
                </button>
              </li>
            );
          })}
        </ul>
      )}
    </div>
  );
}
