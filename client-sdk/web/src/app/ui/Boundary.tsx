// Keeps a fault in one part of the page from taking the rest with it.
import { Component, type ReactNode } from 'react';
import { useT } from '../i18n';
import { messages } from '../messages';
import { Notice } from './Notice';

interface BoundaryProps {
  children: ReactNode;
}

export class Boundary extends Component<BoundaryProps, { hasFailed: boolean }> {
  override state = { hasFailed: false };

  static getDerivedStateFromError(): { hasFailed: boolean } {
    return { hasFailed: true };
  }

  override render(): ReactNode {
    return this.state.hasFailed ? <Failed /> : this.props.children;
  }
}

function Failed() {
  const t = useT(messages);
  const reload = () => {
    location.reload();
  };
  return (
    <Notice title={t('broken')} action={{ label: t('reload'), run: reload }}>
      {t('broken_more')}
    </Notice>
  );
}
