// Where somebody arrives in a workspace: how it works, and the pages they may want.
import { useMe } from '../client';
import { useT } from '../i18n';
import { messages as shellMessages } from '../messages';
import type { Workspace } from '../model';
import { navigate, paths } from '../router';
import { showDock, showPalette } from '../shell/layout';
import { makePage } from '../tree/changes';
import { Icon, type IconName } from '../ui/Icon';
import { Link } from '../ui/Link';
import { usePages } from '../workspace';
import { homeMessages } from './messages';
import './views.css';

const MOST = 8;

export default function Home({ workspace }: { workspace: Workspace }) {
  const me = useMe();
  const t = useT(homeMessages);
  const shell = useT(shellMessages);
  const { data: pages = [] } = usePages(workspace.id);
  const newest = [...pages]
    .sort((one, other) => other.updated_at.localeCompare(one.updated_at))
    .slice(0, MOST);
  const begin = async () => {
    const page = await makePage(workspace.id, null);
    if (page) navigate(paths.page(workspace.id, page.id));
  };
  return (
    <div className="view">
      <p className="muted small">{workspace.name}</p>
      <h1>{t('hello', { name: me.name })}</h1>
      <p className="muted">{t('lead')}</p>
      <ul className="guide">
        {workspace.role !== 'guest' && (
          <Card icon="page" title={t('write')} text={t('write_more')} run={() => void begin()} />
        )}
        <Card
          icon="chat"
          title={t('ask')}
          text={t('ask_more')}
          run={() => {
            showDock(true);
          }}
        />
        <Card
          icon="agent"
          title={t('agents')}
          text={t('agents_more')}
          run={() => {
            navigate(paths.agents(workspace.id));
          }}
        />
        <Card
          icon="people"
          title={t('invite')}
          text={t('invite_more')}
          run={() => {
            navigate(paths.settings(workspace.id, 'members'));
          }}
        />
        <Card
          icon="search"
          title={t('find')}
          text={t('find_more')}
          run={() => {
            showPalette(true);
          }}
        />
      </ul>
      {newest.length > 0 && (
        <>
          <h2>{t('newest')}</h2>
          <ul className="rows">
            {newest.map((page) => (
              <li key={page.id}>
                <Icon name="page" />
                <Link className="row-link grow" to={paths.page(workspace.id, page.id)}>
                  {page.title || shell('untitled')}
                </Link>
              </li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
}

function Card({ icon, title, text, run }: { icon: IconName; title: string; text: string; run: () => void }) {
  return (
    <li>
      <button type="button" className="guide-card" onClick={run}>
        <Icon name={icon} size={20} />
        <strong>{title}</strong>
        <span className="muted small">{text}</span>
      </button>
    </li>
  );
}
