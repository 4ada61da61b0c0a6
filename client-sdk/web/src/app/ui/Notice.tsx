// A whole view that says one thing: that something loads, is not there, or went wrong.
import type { ReactNode } from 'react';
import './notice.css';

export function Loading({ label }: { label: string }) {
  return (
    <div className="notice" role="status">
      <span className="spinner" aria-hidden="true" />
      <span className="visually-hidden">{label}</span>
    </div>
  );
}

interface NoticeProps {
  title: string;
  children?: ReactNode;
  action?: { label: string; run: () => void } | undefined;
  /** What is more to be seen, below it all. */
  below?: ReactNode;
}

export function Notice({ title, children, action, below }: NoticeProps) {
  return (
    <div className="notice">
      <h2>{title}</h2>
      {children !== undefined && <p className="muted">{children}</p>}
      {action && (
        <button type="button" className="button primary" onClick={action.run}>
          {action.label}
        </button>
      )}
      {below}
    </div>
  );
}
