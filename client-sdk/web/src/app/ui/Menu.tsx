// A button and the choices behind it: the pattern of a menu button, with the keys that belong to it.
import { useEffect, useId, useRef, useState, type KeyboardEvent, type ReactNode } from 'react';
import { Icon, type IconName } from './Icon';
import './menu.css';

export interface Choice {
  label: string;
  icon?: IconName;
  isDangerous?: boolean;
  isChosen?: boolean;
  run: () => void;
}

interface MenuProps {
  label: string;
  /** What the button shows; without it, three dots. */
  children?: ReactNode;
  className?: string;
  choices: (Choice | 'line')[];
  align?: 'left' | 'right';
}

export function Menu({ label, children, className = 'icon-button', choices, align = 'left' }: MenuProps) {
  const [isOpen, setIsOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const id = useId();

  useEffect(() => {
    const items = list.current;
    if (!isOpen || !items || !button.current) return;
    place(items, button.current, align);
    items.querySelector<HTMLElement>('[role^=menuitem]')?.focus();
    const leave = (event: PointerEvent) => {
      const isInside = items.contains(event.target as Node) || button.current?.contains(event.target as Node);
      if (!isInside) setIsOpen(false);
    };
    document.addEventListener('pointerdown', leave);
    return () => {
      document.removeEventListener('pointerdown', leave);
    };
  }, [isOpen, align]);

  const close = () => {
    setIsOpen(false);
    button.current?.focus();
  };
  const steer = (event: KeyboardEvent) => {
    const items = [...(list.current?.querySelectorAll<HTMLElement>('[role^=menuitem]') ?? [])];
    const at = items.indexOf(document.activeElement as HTMLElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1 + items.length, Home: 0, End: items.length - 1 }[
      event.key
    ];
    if (event.key === 'Escape' || event.key === 'Tab') close();
    else if (to !== undefined) items[to % items.length]?.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <>
      <button
        ref={button}
        type="button"
        className={className}
        aria-label={children === undefined ? label : undefined}
        aria-haspopup="menu"
        aria-expanded={isOpen}
        aria-controls={isOpen ? id : undefined}
        onClick={(event) => {
          event.preventDefault();
          setIsOpen(!isOpen);
        }}
      >
        {children ?? <Icon name="more" />}
        {children !== undefined && <span className="visually-hidden">, {label}</span>}
      </button>
      {isOpen && (
        <div
          ref={list}
          id={id}
          className="menu"
          role="menu"
          aria-label={label}
          popover="manual"
          onKeyDown={steer}
        >
          {choices.map((choice, index) =>
            choice === 'line' ? (
              <hr key={index} />
            ) : (
              <button
                key={index}
                type="button"
                role={choice.isChosen === undefined ? 'menuitem' : 'menuitemradio'}
                aria-checked={choice.isChosen}
                tabIndex={-1}
                className={choice.isDangerous ? 'menu-item danger' : 'menu-item'}
                onClick={() => {
                  close();
                  choice.run();
                }}
              >
                {choice.icon && <Icon name={choice.icon} />}
                <span>{choice.label}</span>
                {choice.isChosen && <Icon name="check" />}
              </button>
            ),
          )}
        </div>
      )}
    </>
  );
}

/** Show the list in the top layer, below its button or, where there is no room, above. */
function place(list: HTMLElement, button: HTMLElement, align: 'left' | 'right'): void {
  list.showPopover();
  const at = button.getBoundingClientRect();
  const size = list.getBoundingClientRect();
  const left = align === 'left' ? at.left : at.right - size.width;
  const top = at.bottom + 4 + size.height > innerHeight ? at.top - 4 - size.height : at.bottom + 4;
  list.style.left = `${Math.max(8, Math.min(left, innerWidth - size.width - 8))}px`;
  list.style.top = `${Math.max(8, top)}px`;
}
