// The list of the ten types of blocks that one may add.
import type { BlockType } from '@ionflux/client';
import { Drop } from '../Drop';
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
  return (
    <Drop
      className={className}
      buttonClass="button plain"
      listClass="type-list"
      summary={
        <>
          <span aria-hidden="true">+</span> {label}
        </>
      }
    >
      {(close) =>
        BLOCK_TYPES.map((type) => (
          <button
            key={type}
            type="button"
            className="drop-item"
            onClick={() => {
              close();
              onAdd(type);
            }}
          >
            <span className="type-sign" aria-hidden="true">
              {SIGNS[type]}
            </span>
            {t(type)}
          </button>
        ))
      }
    </Drop>
  );
}
