// One block on the canvas: shown as it is, and alive while it is edited or somebody else writes in it.
import { NodeResizer, type NodeProps } from '@xyflow/react';
import { memo, useContext } from 'react';
import { placeBlock } from '@ionflux/client';
import { BlockBody } from '../blocks/BlockBody';
import { usePageT } from '../messages';
import { usePage } from '../model/session';
import { useBlock } from '../model/store';
import { CanvasContext } from './context';
import type { BlockNode as Node } from './nodes';

const MIN_SIZE = 60;

export const BlockNode = memo(function BlockNode({ id, selected }: NodeProps<Node>) {
  const t = usePageT();
  const { doc, edit, canWrite } = usePage();
  const { editing, visitors, begin, moving, isFar } = useContext(CanvasContext);
  const block = useBlock(id);
  const isEdited = editing === id;
  const others = visitors.get(id) ?? [];
  const [first] = others;
  const frame = isEdited ? 'nodrag nopan nowheel nokey editing' : 'block-node';
  return (
    <div
      className={`block-frame ${frame}${first ? ' visited' : ''}`}
      data-block={id}
      data-type={block?.type}
      style={first ? ({ '--who': first.color } as React.CSSProperties) : undefined}
      onDoubleClick={() => {
        begin(id);
      }}
    >
      {canWrite && selected && (
        <NodeResizer
          minWidth={MIN_SIZE}
          minHeight={MIN_SIZE / 2}
          onResize={(_, { x, y, width, height }) => {
            moving(new Map([[id, { x, y, width, height }]]));
          }}
          onResizeEnd={(_, { x, y, width, height }) => {
            edit(() => {
              placeBlock(doc, id, { x, y, width, height });
            });
            moving(new Map());
          }}
        />
      )}
      {first && <span className="visitor">{others.map(({ name }) => name).join(', ')}</span>}
      <div className={isFar ? 'block-sheet far' : 'block-sheet'} inert={!isEdited}>
        {isFar ? (
          <span className="far-type">{block?.isReadable ? t(block.type) : ''}</span>
        ) : (
          <BlockBody id={id} isLive={isEdited || others.length > 0} focus={isEdited} />
        )}
      </div>
    </div>
  );
});
