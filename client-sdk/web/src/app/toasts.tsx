// Short words about what just happened, with a way back where there is one.
import { create } from 'zustand';
import { useT } from './i18n';
import { messages } from './messages';
import { Icon } from './ui/Icon';
import './toasts.css';

interface Toast {
  id: number;
  text: string;
  isFault: boolean;
  action?: { label: string; run: () => void };
}

const STAY_MS = 7000;
const useToasts = create<{ toasts: Toast[] }>(() => ({ toasts: [] }));
let last = 0;

export function say(text: string, action?: Toast['action']): void {
  add({ id: ++last, text, isFault: false, ...(action && { action }) });
}

/** Say that something did not work, in the words of whoever refused it. */
export function sayFault(error: unknown): void {
  add({ id: ++last, text: error instanceof Error ? error.message : String(error), isFault: true });
}

export function Toasts() {
  const { toasts } = useToasts();
  const t = useT(messages);
  return (
    <div className="toasts" role="status">
      {toasts.map((toast) => (
        <div key={toast.id} className={toast.isFault ? 'toast fault' : 'toast'}>
          <span>{toast.text}</span>
          {toast.action && (
            <button
              type="button"
              className="button plain"
              onClick={() => {
                toast.action?.run();
                drop(toast.id);
              }}
            >
              {toast.action.label}
            </button>
          )}
          <button
            type="button"
            className="icon-button"
            aria-label={t('dismiss')}
            onClick={() => {
              drop(toast.id);
            }}
          >
            <Icon name="close" />
          </button>
        </div>
      ))}
    </div>
  );
}

function add(toast: Toast): void {
  useToasts.setState(({ toasts }) => ({ toasts: [...toasts.slice(-2), toast] }));
  setTimeout(() => {
    drop(toast.id);
  }, STAY_MS);
}

function drop(id: number): void {
  useToasts.setState(({ toasts }) => ({ toasts: toasts.filter((toast) => toast.id !== id) }));
}
