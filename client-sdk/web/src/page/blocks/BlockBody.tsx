// What a block contains, by its type: to read, and while `isLive` to edit.
import { Component, memo, type ReactNode } from 'react';
import type { Block, BlockType, KnownBlock } from '@ionflux/client';
import { useBlock } from '../model/store';
import { usePageT } from '../messages';
import { AgentSnippet } from './AgentSnippet';
import { Board } from './Board';
import { ChatBubble } from './ChatBubble';
import { EmbedPanel } from './EmbedPanel';
import { Picture, Video } from './Media';
import { ShopifyProduct, TiktokPost } from './Shop';
import { Table } from './Table';
import { TextBlock } from './TextBlock';
import { UnknownBlock } from './UnknownBlock';

export interface BodyProps<T extends BlockType> {
  block: KnownBlock<T>;
  isLive: boolean;
  focus: boolean;
}

interface BlockBodyProps {
  id: string;
  isLive: boolean;
  focus?: boolean;
}

export const BlockBody = memo(function BlockBody({ id, isLive, focus = false }: BlockBodyProps) {
  const block = useBlock(id);
  if (block === null) return null;
  return (
    <Guarded id={id}>
      <Body block={block} isLive={isLive} focus={focus} />
    </Guarded>
  );
});

function Body({ block, isLive, focus }: { block: Block; isLive: boolean; focus: boolean }): ReactNode {
  if (!block.isReadable) return <UnknownBlock block={block} />;
  const rest = { isLive, focus };
  switch (block.type) {
    case 'text':
      return <TextBlock block={block} {...rest} />;
    case 'chat_bubble':
      return <ChatBubble block={block} {...rest} />;
    case 'agent_snippet':
      return <AgentSnippet block={block} {...rest} />;
    case 'embed_panel':
      return <EmbedPanel block={block} {...rest} />;
    case 'table_view':
      return <Table block={block} {...rest} />;
    case 'kanban_board':
      return <Board block={block} {...rest} />;
    case 'image':
      return <Picture block={block} {...rest} />;
    case 'video':
      return <Video block={block} {...rest} />;
    case 'shopify_product':
      return <ShopifyProduct block={block} {...rest} />;
    case 'tiktok_post':
      return <TiktokPost block={block} {...rest} />;
  }
}

interface GuardedProps {
  id: string;
  children: ReactNode;
}

/** A block that cannot be drawn must not take the page with it. */
class Guarded extends Component<GuardedProps, { error: string | null }> {
  override state: { error: string | null } = { error: null };

  static getDerivedStateFromError(error: unknown): { error: string } {
    return { error: error instanceof Error ? error.message : String(error) };
  }

  override render(): ReactNode {
    if (this.state.error === null) return this.props.children;
    return (
      <Broken
        why={this.state.error}
        again={() => {
          this.setState({ error: null });
        }}
      />
    );
  }
}

function Broken({ why, again }: { why: string; again: () => void }) {
  const t = usePageT();
  return (
    <div className="note bad">
      <span>{t('blockBroken', { why })}</span>{' '}
      <button type="button" className="button plain" onClick={again}>
        {t('tryAgain')}
      </button>
    </div>
  );
}
