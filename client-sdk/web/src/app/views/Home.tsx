// Where somebody arrives in a workspace.
import { useMe } from '../client';
import { useT } from '../i18n';
import type { Workspace } from '../model';

const en = { welcome: 'Hello, {name}' };
const words = { en, pt: { welcome: 'Olá, {name}' } };

export default function Home({ workspace }: { workspace: Workspace }) {
  const me = useMe();
  const t = useT(words);
  return (
    <div className="view">
      <p className="muted small">{workspace.name}</p>
      <h1>{t('welcome', { name: me.name })}</h1>
    </div>
  );
}
