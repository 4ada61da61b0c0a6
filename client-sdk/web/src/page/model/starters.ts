// What a new block of each type begins with.
import {
  addBlock,
  BLOCK_TYPES,
  keyBetween,
  newId,
  type BlockType,
  type NewBlock,
  type Patch,
} from '@ionflux/client';
import type { PageKey } from '../messages';
import type { PageSession } from './session';
import type { PageStore } from './store';

export { BLOCK_TYPES };

const SIZES: Readonly<Record<BlockType, { width: number; height: number }>> = {
  text: { width: 420, height: 200 },
  chat_bubble: { width: 360, height: 200 },
  agent_snippet: { width: 460, height: 280 },
  embed_panel: { width: 420, height: 240 },
  table_view: { width: 640, height: 320 },
  kanban_board: { width: 760, height: 400 },
  image: { width: 400, height: 300 },
  video: { width: 480, height: 320 },
  shopify_product: { width: 340, height: 240 },
  tiktok_post: { width: 340, height: 240 },
};

const GAP = 32;

/** Below all other blocks: where nothing is covered. */
function freePlace(store: PageStore): { x: number; y: number } {
  const places = store.order().flatMap((id) => store.block(id)?.place ?? []);
  if (places.length === 0) return { x: 0, y: 0 };
  const x = Math.min(...places.map((place) => place.x));
  return { x, y: Math.max(...places.map((place) => place.y + place.height)) + GAP };
}

type Words = (key: PageKey) => string;

function starter(type: BlockType, t: Words): Patch {
  if (type === 'table_view') {
    const [first, second] = [newId(), newId()];
    return {
      columns: {
        [first]: { name: t('columnOne'), type: 'text', order: 'n0' },
        [second]: { name: t('columnTwo'), type: 'text', order: 'n1' },
      },
      rows: Object.fromEntries(['n0', 'n1', 'n2'].map((order) => [newId(), { order, cells: {} }])),
    };
  }
  if (type === 'kanban_board') {
    let order: string | null = null;
    const columns = (['todo', 'doing', 'done'] as const).map((key) => {
      order = keyBetween(order, null);
      return [newId(), { name: t(key), order }];
    });
    return { columns: Object.fromEntries(columns) as Patch };
  }
  return {};
}

/** Adds a block of a type; returns its id. */
export function startBlock(
  page: PageSession,
  type: BlockType,
  t: Words,
  options: Omit<NewBlock, 'stamp'> & { content?: Patch } = {},
): string {
  const { content = {}, place, ...rest } = options;
  return page.edit(() =>
    addBlock(
      page.doc,
      type,
      { ...starter(type, t), ...content },
      {
        ...rest,
        place: { ...freePlace(page.store), ...SIZES[type], ...place },
        stamp: page.stamp(),
      },
    ),
  );
}
