// The ten types of blocks: what each contains, and how it is read from whatever lies in the document.

import type * as Y from 'yjs';

import { isObject, type Json, type JsonObject } from './json.js';
import { MAX_LINE, MAX_PROSE, type Reader } from './reader.js';

export interface TextContent {
  doc: Y.XmlFragment | null;
}

/** A message of a channel, with what is said of it here. */
export interface ChatBubbleContent {
  channelId: string | null;
  messageId: string | null;
  doc: Y.XmlFragment | null;
}

export const RUN_STATUSES = ['idle', 'pending', 'running', 'success', 'error', 'cancelled'] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];

/** What an agent is asked, and the text it types into; `runId` and `status` are the server's. */
export interface AgentSnippetContent {
  agentConfigurationId: string | null;
  runId: string | null;
  status: RunStatus;
  input: JsonObject;
  doc: Y.XmlFragment | null;
}

/** A page of another site; all but `url`, `title` and `provider` is what the server found there. */
export interface EmbedPanelContent {
  url: string | null;
  title: string;
  provider: string;
  html: string;
  thumbnailUrl: string | null;
  resolvedUrl: string | null;
  foundTitle: string;
}

export const COLUMN_TYPES = [
  'text',
  'number',
  'checkbox',
  'date',
  'select',
  'url',
  'person',
  'file',
] as const;
export type ColumnType = (typeof COLUMN_TYPES)[number];
export type Cell = boolean | number | string | string[];

export interface TableColumn {
  name: string;
  type: ColumnType;
  order: string | null;
  width: number | null;
}

export interface TableRow {
  order: string | null;
  cells: Map<string, Cell>;
}

export interface TableSort {
  column: string;
  direction: 'ascending' | 'descending';
}

export const OPERATORS = [
  'equals',
  'not_equals',
  'contains',
  'less',
  'greater',
  'is_empty',
  'is_not_empty',
] as const;

export interface TableFilter {
  column: string;
  operator: (typeof OPERATORS)[number];
  value: Cell | null;
}

export interface TableViewContent {
  columns: Map<string, TableColumn>;
  rows: Map<string, TableRow>;
  sort: TableSort[];
  filter: TableFilter[];
}

export interface BoardColumn {
  name: string;
  order: string | null;
  limit: number | null;
}

/** A card; one whose column is gone has none, until the column is there again. */
export interface BoardCard {
  column: string | null;
  order: string | null;
  title: string;
  doc: Y.XmlFragment | null;
  assignee: string | null;
  due: string | null;
}

export interface KanbanBoardContent {
  columns: Map<string, BoardColumn>;
  cards: Map<string, BoardCard>;
}

/** A picture, of the workspace's files or from elsewhere. */
export interface ImageContent {
  fileId: string | null;
  url: string | null;
  alt: string;
  caption: string;
}

export interface VideoContent extends ImageContent {
  poster: string | null;
}

export interface ShopifyProductContent {
  brandId: string | null;
  productId: string | null;
  query: string | null;
  fields: string[];
  cache: JsonObject;
}

export interface TiktokPostContent {
  brandId: string | null;
  creatorId: string | null;
  videoId: string | null;
  cache: JsonObject;
}

export interface Contents {
  text: TextContent;
  chat_bubble: ChatBubbleContent;
  agent_snippet: AgentSnippetContent;
  embed_panel: EmbedPanelContent;
  table_view: TableViewContent;
  kanban_board: KanbanBoardContent;
  image: ImageContent;
  video: VideoContent;
  shopify_product: ShopifyProductContent;
  tiktok_post: TiktokPostContent;
}

export type BlockType = keyof Contents;

export const readers: { readonly [T in BlockType]: (fields: Reader) => Contents[T] } = {
  text: (fields) => ({ doc: fields.rich('doc') }),
  chat_bubble: (fields) => ({
    channelId: fields.id('channel_id'),
    messageId: fields.id('message_id'),
    doc: fields.rich('doc'),
  }),
  agent_snippet: (fields) => ({
    agentConfigurationId: fields.id('agent_configuration_id'),
    runId: fields.id('run_id'),
    status: fields.oneOf('status', RUN_STATUSES),
    input: fields.object('input'),
    doc: fields.rich('doc'),
  }),
  embed_panel: (fields) => ({
    url: fields.url('url'),
    title: fields.line('title'),
    provider: fields.line('provider'),
    html: fields.text('html', '', { max: 50_000 }),
    thumbnailUrl: fields.url('thumbnail_url'),
    resolvedUrl: fields.url('resolved_url'),
    foundTitle: fields.line('found_title'),
  }),
  table_view: readTable,
  kanban_board: readBoard,
  image: readImage,
  video: (fields) => ({ ...readImage(fields), poster: fields.url('poster') }),
  shopify_product: (fields) => ({
    brandId: fields.id('brand_id'),
    productId: fields.id('product_id'),
    query: fields.text('query', null, { max: MAX_LINE }),
    fields: fields.list('fields', 50, readLine),
    cache: fields.object('cache'),
  }),
  tiktok_post: (fields) => ({
    brandId: fields.id('brand_id'),
    creatorId: fields.id('creator_id'),
    videoId: fields.id('video_id'),
    cache: fields.object('cache'),
  }),
};

export const BLOCK_TYPES = Object.keys(readers) as BlockType[];

const OTHER_NAMES: Readonly<Record<string, BlockType>> = { shopify_product_lister: 'shopify_product' };

/** Returns a type by its name, or one of the names that it has had; null for one that is not known. */
export function blockType(name: unknown): BlockType | null {
  if (typeof name !== 'string') return null;
  if (Object.hasOwn(readers, name)) return name as BlockType;
  return OTHER_NAMES[name] ?? null;
}

function readImage(fields: Reader): ImageContent {
  return {
    fileId: fields.id('file_id'),
    url: fields.url('url'),
    alt: fields.prose('alt'),
    caption: fields.prose('caption'),
  };
}

function readTable(fields: Reader): TableViewContent {
  const columns = fields.entries('columns', (column) => ({
    name: column.line('name'),
    type: column.oneOf('type', COLUMN_TYPES),
    order: column.order(),
    width: column.whole('width', 1, 10_000),
  }));
  const rows = fields.entries('rows', (row) => ({ order: row.order(), cells: readCells(row, columns) }));
  const view = fields.inner('view');
  return {
    columns,
    rows,
    sort: view?.list('sort', 20, readSort) ?? [],
    filter: view?.list('filter', 50, readFilter) ?? [],
  };
}

/** Returns the cells of a row, without those whose column is gone. */
function readCells(row: Reader, columns: ReadonlyMap<string, unknown>): Map<string, Cell> {
  const cells = new Map<string, Cell>();
  const reader = row.inner('cells');
  for (const key of reader?.keys() ?? []) {
    const value = readCell(reader?.get(key) as Json);
    if (value === null) reader?.fault(key);
    else if (columns.has(key)) cells.set(key, value);
  }
  return cells;
}

function readBoard(fields: Reader): KanbanBoardContent {
  const columns = fields.entries('columns', (column) => ({
    name: column.line('name'),
    order: column.order(),
    limit: column.whole('limit', 1, 10_000),
  }));
  const cards = fields.entries('cards', (card) => {
    const column = card.id('column');
    return {
      column: column !== null && columns.has(column) ? column : null,
      order: card.order(),
      title: card.line('title'),
      doc: card.rich('doc'),
      assignee: card.id('assignee'),
      due: card.text('due', null, { max: 40, pattern: DUE }),
    };
  });
  return { columns, cards };
}

const DUE = /^\d{4}-\d\d-\d\d(T[0-9:.]+(Z|[+-]\d\d:\d\d))?$/;

function readLine(value: Json): string | null {
  return typeof value === 'string' && value.length <= MAX_LINE ? value : null;
}

function readCell(value: Json): Cell | null {
  if (typeof value === 'boolean' || typeof value === 'number') return value;
  if (typeof value === 'string') return value.length <= MAX_PROSE ? value : null;
  if (!Array.isArray(value)) return null;
  const lines = value.map(readLine);
  return lines.includes(null) ? null : (lines as string[]);
}

function readSort(value: Json): TableSort | null {
  if (!isObject(value) || typeof value.column !== 'string') return null;
  const direction = value.direction ?? 'ascending';
  if (direction !== 'ascending' && direction !== 'descending') return null;
  return { column: value.column, direction };
}

function readFilter(value: Json): TableFilter | null {
  if (!isObject(value) || typeof value.column !== 'string') return null;
  const operator = OPERATORS.find((name) => name === value.operator);
  const isGiven = value.value !== undefined && value.value !== null;
  const wanted = isGiven ? readCell(value.value as Json) : null;
  if (operator === undefined || (isGiven && wanted === null)) return null;
  return { column: value.column, operator, value: wanted };
}
