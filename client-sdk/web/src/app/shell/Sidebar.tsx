// The way around a workspace: its pages, its agents, oneself.
import { useEffect, useState } from 'react';
import { useClient, useSession } from '../client';
import { useT } from '../i18n';
import { messages } from '../messages';
import type { Listing, Page, Workspace } from '../model';
import { paths, type Place } from '../router';
import { Avatar } from '../ui/Avatar';
import { Icon } from '../ui/Icon';
import { Link } from '../ui/Link';

export function Sidebar({ workspace, place }: { workspace: Workspace; place: Place }) {
  const { me, signOut } = useSession();
  const client = useClient();
  const t = useT(messages);
  const [pages, setPages] = useState<Page[]>([]);
  useEffect(() => {
    void client.send<Listing<Page>>('GET', `/v1/workspaces/${workspace.id}/pages`).then((listing) => {
      setPages(listing.items);
    });
  }, [client, workspace.id]);
  return (
    <nav className="sidebar" aria-label={workspace.name}>
      <p className="sidebar-name">
        <Avatar id={workspace.id} name={workspace.name} isAgent /> {workspace.name}
      </p>
      <Link
        className="sidebar-row"
        to={paths.home(workspace.id)}
        aria-current={place.view === 'home' ? 'page' : undefined}
      >
        <Icon name="home" /> {t('home')}
      </Link>
      <Link
        className="sidebar-row"
        to={paths.agents(workspace.id)}
        aria-current={place.view === 'agents' ? 'page' : undefined}
      >
        <Icon name="agent" /> {t('agents')}
      </Link>
      <h2 className="sidebar-heading">{t('pages')}</h2>
      <ul className="plain-list">
        {pages.map((page) => (
          <li key={page.id}>
            <Link
              className="sidebar-row"
              to={paths.page(workspace.id, page.id)}
              aria-current={place.view === 'page' && place.pageId === page.id ? 'page' : undefined}
            >
              <Icon name="page" /> {page.title || t('untitled')}
            </Link>
          </li>
        ))}
      </ul>
      <div className="sidebar-foot">
        <span className="sidebar-row">
          <Avatar id={me.id} name={me.name} url={me.profile_info.avatar_url} /> {me.name}
        </span>
        <button
          type="button"
          className="icon-button"
          aria-label={t('sign_out')}
          onClick={() => void signOut()}
        >
          <Icon name="out" />
        </button>
      </div>
    </nav>
  );
}
