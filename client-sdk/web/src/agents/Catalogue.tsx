// The kinds of agents that there are, to make one of.
import { useT } from '../app/i18n';
import { paths } from '../app/router';
import { Avatar } from '../app/ui/Avatar';
import { Link } from '../app/ui/Link';
import { messages } from './messages';
import type { Definition } from './model';

interface CatalogueProps {
  workspaceId: string;
  definitions: readonly Definition[];
}

export function Catalogue({ workspaceId, definitions }: CatalogueProps) {
  const t = useT(messages);
  return (
    <section className="catalogue" aria-label={t('catalogue')}>
      <header>
        <h2>{t('catalogue')}</h2>
        <p className="muted">{t('catalogue_about')}</p>
      </header>
      <ul>
        {definitions
          .filter(({ status }) => status !== 'deprecated')
          .map((one) => (
            <li key={one.id} className="card">
              <header>
                <Avatar id={one.id} name={one.name} isAgent size={32} />
                <div>
                  <h3>{one.name}</h3>
                  <p className="muted small">{one.epithet ?? one.category}</p>
                </div>
                {one.status === 'draft' && <span className="chip">{t('draft')}</span>}
              </header>
              <p>{one.tagline ?? one.description}</p>
              <ul className="capabilities">
                {one.core_capabilities.slice(0, 3).map((capability) => (
                  <li key={capability}>{capability}</li>
                ))}
              </ul>
              <Link
                className="button"
                to={paths.agents(workspaceId, 'new', one.id)}
                aria-label={t('use_kind', { name: one.name })}
              >
                {t('use')}
              </Link>
            </li>
          ))}
      </ul>
    </section>
  );
}
