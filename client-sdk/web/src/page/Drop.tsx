// A button with what folds out of it: choices, and fields too. What is inside is there only while it is open, for a
// long page has many of them.
import { useCallback, useEffect, useRef, useState, type ReactNode } from 'react';

interface DropProps {
  /** What the button says. */
  summary: ReactNode;
  /** What it is called, where it shows only a sign. */
  label?: string;
  className?: string;
  buttonClass?: string;
  listClass?: string;
  children: (close: () => void) => ReactNode;
}

export function Drop(props: DropProps) {
  const { summary, label, className, buttonClass = 'icon-button', listClass, children } = props;
  const drop = useRef<HTMLDetailsElement>(null);
  const [isOpen, setIsOpen] = useState(false);
  const close = useCallback(() => {
    setIsOpen(false);
  }, []);
  useCloseOutside(drop, isOpen, close);
  return (
    <details
      className={joined('drop', className)}
      ref={drop}
      open={isOpen}
      onToggle={(event) => {
        setIsOpen(event.currentTarget.open);
      }}
    >
      <summary className={buttonClass} aria-label={label} title={label}>
        {summary}
      </summary>
      {isOpen && <div className={joined('drop-list', listClass)}>{children(close)}</div>}
    </details>
  );
}

function joined(name: string, more: string | undefined): string {
  return more === undefined ? name : `${name} ${more}`;
}

/** Closes it when one clicks elsewhere or presses Escape. */
function useCloseOutside(
  drop: React.RefObject<HTMLDetailsElement | null>,
  isOpen: boolean,
  close: () => void,
): void {
  useEffect(() => {
    const element = drop.current;
    if (!isOpen || !element) return undefined;
    const pointed = (event: PointerEvent) => {
      if (!element.contains(event.target as Node)) close();
    };
    const pressed = (event: KeyboardEvent) => {
      if (event.key !== 'Escape') return;
      close();
      element.querySelector('summary')?.focus();
    };
    document.addEventListener('pointerdown', pointed);
    document.addEventListener('keydown', pressed);
    return () => {
      document.removeEventListener('pointerdown', pointed);
      document.removeEventListener('keydown', pressed);
    };
  }, [drop, isOpen, close]);
}
