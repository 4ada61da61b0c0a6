// The page as a canvas: pan, zoom, and blocks that lie where people put them.
import {
  applyNodeChanges,
  ReactFlow,
  ReactFlowProvider,
  useReactFlow,
  useStore,
  type NodeChange,
} from '@xyflow/react';
import '@xyflow/react/dist/base.css';
import { placeBlock } from '@ionflux/client';
import { useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react';
import { usePageT } from '../messages';
import { useBring } from '../model/bring';
import { usePeers, usePublish, type Moving, type Peer } from '../model/presence';
import { usePage, type PageSession } from '../model/session';
import { BlockNode } from './BlockNode';
import { CanvasBar } from './CanvasBar';
import { CanvasContext } from './context';
import { Dots } from './Dots';
import { useKeys } from './keys';
import { nodesOf, placesOf, withMoving, type BlockNode as Node } from './nodes';
import { Pointers } from './Pointers';

const nodeTypes = { block: BlockNode };
const FAR_ZOOM = 0.25;
/** As many blocks stay mounted while one looks from afar: to pan is to move them then, and makes none. */
const MOST_FROM_AFAR = 1500;
const isTouch = typeof matchMedia === 'function' && matchMedia('(pointer: coarse)').matches;

export function CanvasView() {
  return (
    <ReactFlowProvider>
      <Canvas />
    </ReactFlowProvider>
  );
}

function Canvas() {
  const t = usePageT();
  const page = usePage();
  const { doc, store, edit, canWrite } = page;
  const flow = useReactFlow<Node>();
  const peers = usePeers();
  const publish = usePublish();
  const bring = useBring();
  const [nodes, setNodes] = useState<Node[]>(() => nodesOf(store, []));
  const [editing, setEditing] = useState<string | null>(null);
  const [hand, setHand] = useState(isTouch);
  const isFar = useStore((state) => state.transform[2] < FAR_ZOOM);
  const area = useRef<HTMLDivElement>(null);

  // The nodes are those of the document, with what is selected and dragged here.
  const version = useSyncExternalStore(store.listen, store.count);
  const [shown, setShown] = useState(version);
  if (shown !== version) {
    setShown(version);
    setNodes((before) => nodesOf(store, before));
  }

  const selected = useMemo(() => nodes.filter((node) => node.selected).map((node) => node.id), [nodes]);
  const marked = selected.join(' ');
  useEffect(() => {
    publish.selected(marked === '' ? [] : marked.split(' '));
  }, [publish, marked]);

  const changed = useCallback(
    (changes: NodeChange<Node>[]) => {
      setNodes((before) => applyNodeChanges(changes, before));
      // Arrow keys move without a drag: nobody says later that they have ended.
      const moved = changes.filter(
        (change) => change.type === 'position' && change.dragging !== true && change.position,
      );
      if (moved.length === 0) return;
      edit(() => {
        settle(page);
        for (const change of moved) {
          if (change.type === 'position' && change.position && store.block(change.id))
            placeBlock(doc, change.id, change.position);
        }
      }, 'move');
    },
    [page, doc, edit, store],
  );

  // What was just added is not among the nodes yet.
  const select = useCallback(
    (ids: readonly string[]) => {
      setNodes((before) => nodesOf(store, before).map((node) => withSelection(node, ids.includes(node.id))));
    },
    [store],
  );
  const begin = useCallback(
    (id: string) => {
      if (!store.block(id)) return;
      setEditing(id);
      select([id]);
    },
    [store, select],
  );
  const end = useCallback(() => {
    setEditing(null);
    area.current?.focus();
  }, []);
  const middle = useCallback(() => {
    const box = area.current?.getBoundingClientRect();
    return flow.screenToFlowPosition({
      x: (box?.left ?? 0) + (box?.width ?? 0) / 2,
      y: (box?.top ?? 0) + (box?.height ?? 0) / 3,
    });
  }, [flow]);
  const keys = useKeys({ selected, editing, begin, end, select, middle });
  const visitors = useMemo(() => visitorsOf(peers), [peers]);
  const { moving } = publish;
  const state = useMemo(
    () => ({ editing, visitors, begin, moving, isFar }),
    [editing, visitors, begin, moving, isFar],
  );
  const seen = useMemo(() => withMoving(nodes, peers), [nodes, peers]);

  return (
    <CanvasContext value={state}>
      <div
        ref={area}
        className="canvas"
        tabIndex={0}
        role="application"
        aria-label={t('canvas')}
        {...keys}
        onPointerMove={(event) => {
          publish.pointer(flow.screenToFlowPosition({ x: event.clientX, y: event.clientY }));
        }}
        onPointerLeave={() => {
          publish.pointer(null);
        }}
        onDragOver={(event) => {
          if (canWrite && event.dataTransfer.types.includes('Files')) event.preventDefault();
        }}
        onDrop={(event) => {
          if (!canWrite || event.dataTransfer.files.length === 0) return;
          event.preventDefault();
          const place = flow.screenToFlowPosition({ x: event.clientX, y: event.clientY });
          bring.files([...event.dataTransfer.files], { place });
        }}
      >
        <ReactFlow
          nodes={seen}
          onNodesChange={changed}
          nodeTypes={nodeTypes}
          onlyRenderVisibleElements={!isFar || nodes.length > MOST_FROM_AFAR}
          fitView
          fitViewOptions={{ maxZoom: 1, padding: 0.1 }}
          minZoom={0.05}
          maxZoom={3}
          nodesDraggable={canWrite}
          nodesConnectable={false}
          elevateNodesOnSelect={false}
          deleteKeyCode={null}
          selectionKeyCode={hand ? 'Shift' : null}
          multiSelectionKeyCode={['Meta', 'Control', 'Shift']}
          selectionOnDrag={!hand}
          panOnDrag={hand ? true : [1, 2]}
          panOnScroll={!hand}
          zoomOnDoubleClick={false}
          onMoveStart={() => area.current?.classList.add('moving')}
          onMoveEnd={() => area.current?.classList.remove('moving')}
          onNodeDrag={(_event, _node, dragged) => {
            moving(placesBeingMoved(dragged));
          }}
          onNodeDragStop={() => {
            moving(NONE);
          }}
          onSelectionDrag={(_event, dragged) => {
            moving(placesBeingMoved(dragged));
          }}
          onSelectionDragStop={() => {
            moving(NONE);
          }}
          onPaneClick={end}
          onNodeClick={(_, node) => {
            if (editing !== null && editing !== node.id) setEditing(null);
          }}
          proOptions={{ hideAttribution: true }}
        >
          {/* From afar they are too small to be seen. */}
          {!isFar && <Dots />}
          <Pointers peers={peers} />
        </ReactFlow>
        <CanvasBar selected={selected} hand={hand} onHand={setHand} onAdded={begin} middle={middle} />
      </div>
    </CanvasContext>
  );
}

const NONE: ReadonlyMap<string, Moving> = new Map();

function placesBeingMoved(dragged: readonly Node[]): Map<string, Moving> {
  return new Map(dragged.map(({ id, position }) => [id, position]));
}

function withSelection(node: Node, selected: boolean): Node {
  return (node.selected ?? false) === selected ? node : { ...node, selected };
}

/** Writes down where blocks are shown that nobody has placed: once one is moved, the others stay where they are. */
function settle({ store, doc }: PageSession): void {
  for (const [id, { x, y }] of placesOf(store)) {
    const place = store.block(id)?.place;
    if (place && (place.x !== x || place.y !== y)) placeBlock(doc, id, { x, y });
  }
}

function visitorsOf(peers: readonly Peer[]): Map<string, Peer[]> {
  const found = new Map<string, Peer[]>();
  for (const peer of peers) {
    for (const id of new Set([...peer.selected, ...(peer.blockId === null ? [] : [peer.blockId])])) {
      found.set(id, [...(found.get(id) ?? []), peer]);
    }
  }
  return found;
}
