// The nodes of the canvas: one for each block, made anew only where its place or its own selection has changed.
import type { Node } from '@xyflow/react';
import type { Place } from '@ionflux/client';
import type { Moving, Peer } from '../model/presence';
import type { PageStore } from '../model/store';

export type BlockNode = Node<Record<string, never>, 'block'>;

const NO_DATA: Record<string, never> = {};
const GAP = 32;

/** Returns the nodes of a page; those of before are kept where nothing is different, and what is dragged stays put. */
export function nodesOf(store: PageStore, before: readonly BlockNode[]): BlockNode[] {
  const known = new Map(before.map((node) => [node.id, node]));
  const nodes: BlockNode[] = [];
  for (const [id, place] of placesOf(store)) {
    const old = known.get(id);
    const isSame = old !== undefined && (old.dragging === true || old.resizing === true || isAt(old, place));
    nodes.push(isSame ? old : nodeAt(id, place, old?.selected ?? false));
  }
  return nodes.length === before.length && nodes.every((node, index) => node === before[index])
    ? [...before]
    : nodes;
}

/** Returns the nodes as they are seen: those that others drag or resize at this moment are where they have them. */
export function withMoving(nodes: BlockNode[], peers: readonly Peer[]): BlockNode[] {
  const moving = new Map<string, Moving>();
  for (const peer of peers) for (const [id, place] of peer.moving) moving.set(id, place);
  if (moving.size === 0) return nodes;
  return nodes.map((node) => {
    const place = moving.get(node.id);
    if (!place || node.dragging === true || node.resizing === true) return node;
    const { x, y, ...size } = place;
    return { ...node, ...size, position: { x, y }, className: 'moved-by-others' };
  });
}

/**
 * Returns where each block is shown. Blocks that nobody has placed, those of programs and imports for instance, all
 * lie at one point: they are spread out, below where they are, until somebody moves one of them.
 */
export function placesOf(store: PageStore): Map<string, Readonly<Place>> {
  const places = new Map<string, Readonly<Place>>();
  const piles = new Map<string, string[]>();
  for (const id of store.order()) {
    const place = store.block(id)?.place;
    if (!place) continue;
    places.set(id, place);
    const point = `${place.x} ${place.y}`;
    const pile = piles.get(point);
    if (pile) pile.push(id);
    else piles.set(point, [id]);
  }
  for (const pile of piles.values()) if (pile.length > 1) spread(pile, places);
  return places;
}

/** Lays blocks out in columns: each goes where there is room first, so that their order can be seen. */
function spread(pile: readonly string[], places: Map<string, Readonly<Place>>): void {
  const columns = new Array<number>(Math.min(12, Math.ceil(Math.sqrt(pile.length / 2)))).fill(0);
  const width = Math.max(...pile.map((id) => places.get(id)?.width ?? 0)) + GAP;
  for (const id of pile) {
    const place = places.get(id);
    if (!place) continue;
    const column = columns.indexOf(Math.min(...columns));
    const top = columns[column] ?? 0;
    places.set(id, { ...place, x: place.x + column * width, y: place.y + top });
    columns[column] = top + place.height + GAP;
  }
}

function isAt(node: BlockNode, place: Place): boolean {
  return (
    node.position.x === place.x &&
    node.position.y === place.y &&
    node.width === place.width &&
    node.height === place.height &&
    node.zIndex === place.zIndex
  );
}

function nodeAt(id: string, { x, y, width, height, zIndex }: Readonly<Place>, selected: boolean): BlockNode {
  return {
    id,
    type: 'block',
    position: { x, y },
    width,
    height,
    zIndex,
    data: NO_DATA,
    selected,
    dragHandle: '.block-node',
  };
}
