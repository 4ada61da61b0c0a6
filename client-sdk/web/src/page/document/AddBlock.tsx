// The list of the ten types of blocks that one may add.
import type { BlockType } from '@ionflux/client';
import { useEffect, useRef } from 'react';
import { usePageT } from '../messages';
import { BLOCK_TYPES } from '../model/starters';

interface AddBlockProps {
  label: string;
  className?: string;
  onAdd: (type: BlockType) => void;
}

const SIGNS: Readonly<Record<BlockType, string>> = {
  text: '¶',
  chat_bubble: '💬',
  agent_snippet: '✦',
  embed_panel: '⧉',
  table_view: '▦',
  kanban_board: '▥',
  image: '▣',
  video: '▷',
  shopify_product: '⛁',
  tiktok_post: '♪',
};

export function AddBlock({ label, className = 'add-block', onAdd }: AddBlockProps) {
  const t = usePageT();
  const menu = useRef<HTMLDetailsElement>(null);
  useCloseOutside(menu);
  return (
    <details className={`menu ${className}`} ref={menu}>
      <summary className="button plain">
        <span aria-hidden="true">+</span> {label}
      </summary>
      <div className="menu-list type-list">
        {BLOCK_TYPES.map((type) => (
          <button
            key={type}
            type="button"
            className="menu-item"
            onClick={() => {
              if (menu.current) menu.current.open = false;
              onAdd(type);
            }}
          >
            <span className="type-sign" aria-hidden="true">
              {SIGNS[type]}
            </span>
            {t(type)}
          </button>
        ))}
      </div>
    </details>
  );
}

/** Closes a menu when one clicks elsewhere or presses Escape. */
export function useCloseOutside(menu: React.RefObject<HTMLDetailsElement | null>): void {
  useEffect(() => {
    const pointed = (event: PointerEvent) => {
      if (menu.current?.open && !menu.current.contains(event.target as Node)) menu.current.open = false;
    };
    const pressed = (event: KeyboardEvent) => {
      if (event.key !== 'Escape' || !menu.current?.open) return;
      menu.current.open = false;
      menu.current.querySelector('summary')?.focus();
    };
    document.addEventListener('pointerdown', pointed);
    document.addEventListener('keydown', pressed);
    return () => {
      document.removeEventListener('pointerdown', pointed);
      document.removeEventListener('keydown', pressed);
    };
  }, [menu]);
}
