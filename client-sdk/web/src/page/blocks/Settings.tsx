// The fields of a block that one sets once: folded away when all is said, open while something is missing.
import type { ReactNode } from 'react';
import { Icon } from '../../app/ui/Icon';
import { usePageT } from '../messages';

interface SettingsProps {
  isMissing: boolean;
  children: ReactNode;
}

export function Settings({ isMissing, children }: SettingsProps) {
  const t = usePageT();
  if (isMissing) return <div className="medium-fields">{children}</div>;
  return (
    <details className="block-settings">
      <summary className="icon-button" aria-label={t('settings')} title={t('settings')}>
        <Icon name="pencil" />
      </summary>
      <div className="medium-fields">{children}</div>
    </details>
  );
}
