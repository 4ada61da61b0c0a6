// Settings: one's own, and those of the workspace for who manages it.
import { useT } from '../i18n';
import { isManager, type Workspace } from '../model';
import { paths } from '../router';
import { Link } from '../ui/Link';
import { ApiKeys } from './ApiKeys';
import { General } from './General';
import { Members } from './Members';
import { messages } from './messages';
import { Models } from './Models';
import { NotificationChoices } from './NotificationChoices';
import { Profile } from './Profile';
import { Webhooks } from './Webhooks';
import '../views/views.css';
import './settings.css';

const MINE = ['profile', 'notifications'] as const;
const EVERYBODYS = ['general', 'members', 'keys'] as const;
const MANAGERS = ['models', 'webhooks'] as const;

export default function Settings({ workspace, section }: { workspace: Workspace; section: string }) {
  const t = useT(messages);
  const ours = [...EVERYBODYS, ...(isManager(workspace.role) ? MANAGERS : [])];
  const tab = (name: (typeof MINE)[number] | (typeof ours)[number]) => (
    <li key={name}>
      <Link
        className="settings-tab"
        to={paths.settings(workspace.id, name)}
        aria-current={name === section ? 'page' : undefined}
      >
        {t(name)}
      </Link>
    </li>
  );
  return (
    <div className="settings">
      <nav aria-label={t('settings')}>
        <h2>{t('mine')}</h2>
        <ul className="plain-list">{MINE.map(tab)}</ul>
        <h2>{workspace.name}</h2>
        <ul className="plain-list">{ours.map(tab)}</ul>
      </nav>
      <div className="settings-body">
        <Section workspace={workspace} section={section} />
      </div>
    </div>
  );
}

function Section({ workspace, section }: { workspace: Workspace; section: string }) {
  switch (section) {
    case 'notifications':
      return <NotificationChoices />;
    case 'general':
      return <General workspace={workspace} />;
    case 'members':
      return <Members workspace={workspace} />;
    case 'keys':
      return <ApiKeys workspace={workspace} />;
    case 'models':
      return <Models workspace={workspace} />;
    case 'webhooks':
      return <Webhooks workspace={workspace} />;
    default:
      return <Profile />;
  }
}
