// A window over the page: the browser's own dialog, which keeps the focus in and gives it back.
import { useEffect, useId, useRef, type ReactNode } from 'react';
import { useT } from '../i18n';
import { messages } from '../messages';
import { Icon } from './Icon';
import './dialog.css';

interface DialogProps {
  title: string;
  onClose: () => void;
  children: ReactNode;
  /** Only the contents are to be seen, without a heading and a button to close. */
  isBare?: boolean;
  /** It stays until what it asks for is done. */
  isFixed?: boolean;
}

export function Dialog({ title, onClose, children, isBare = false, isFixed = false }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  const t = useT(messages);
  useEffect(() => {
    const dialog = ref.current;
    dialog?.showModal();
    return () => {
      dialog?.close();
    };
  }, []);
  return (
    <dialog
      ref={ref}
      className={isBare ? 'dialog bare' : 'dialog'}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        if (!isFixed) onClose();
      }}
      onMouseDown={(event) => {
        if (!isFixed && event.target === event.currentTarget) onClose();
      }}
    >
      <div className="dialog-body">
        <header className={isBare ? 'visually-hidden' : 'dialog-head'}>
          <h2 id={id}>{title}</h2>
          {!isBare && !isFixed && (
            <button type="button" className="icon-button" aria-label={t('close')} onClick={onClose}>
              <Icon name="close" />
            </button>
          )}
        </header>
        {children}
      </div>
    </dialog>
  );
}
