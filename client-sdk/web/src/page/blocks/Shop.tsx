// What of a brand's shop or on TikTok a block shows: which one, and what the server last heard of it.
import { changeBlock, type JsonObject } from '@ionflux/client';
import type { ReactNode } from 'react';
import { usePageT } from '../messages';
import { useNames } from '../model/names';
import { usePage } from '../model/session';
import type { BodyProps } from './BlockBody';
import { PlainField } from './PlainField';
import { Settings } from './Settings';
import { firstSaid } from './words';

export function ShopifyProduct({ block, isLive }: BodyProps<'shopify_product'>) {
  const t = usePageT();
  const { brandId, productId, query, fields, cache } = block.content;
  const change = useChange(block.id);
  return (
    <Card
      kind="Shopify"
      title={firstSaid(said(cache.title), query, productId, t('noProductYet'))}
      cache={cache}
      fields={fields}
      isMissing={productId === null && query === null}
    >
      {isLive && change && (
        <>
          <BrandChoice
            value={brandId}
            onChange={(id) => {
              change({ brand_id: id });
            }}
          />
          <PlainField
            value={productId ?? ''}
            label={t('productId')}
            onCommit={(id) => {
              change({ product_id: id || null });
            }}
          />
          <PlainField
            value={query ?? ''}
            label={t('productQuery')}
            onCommit={(words) => {
              change({ query: words || null });
            }}
          />
          <PlainField
            value={fields.join(', ')}
            label={t('productFields')}
            onCommit={(names) => {
              change({
                fields: names
                  .split(',')
                  .map((name) => name.trim())
                  .filter(Boolean)
                  .slice(0, 50),
              });
            }}
          />
        </>
      )}
    </Card>
  );
}

export function TiktokPost({ block, isLive }: BodyProps<'tiktok_post'>) {
  const t = usePageT();
  const { brandId, creatorId, videoId, cache } = block.content;
  const change = useChange(block.id);
  return (
    <Card
      kind="TikTok"
      title={firstSaid(said(cache.title), videoId, t('noVideoYet'))}
      cache={cache}
      fields={[]}
      isMissing={videoId === null}
    >
      {isLive && change && (
        <>
          <BrandChoice
            value={brandId}
            onChange={(id) => {
              change({ brand_id: id });
            }}
          />
          <PlainField
            value={creatorId ?? ''}
            label={t('creatorId')}
            onCommit={(id) => {
              change({ creator_id: id || null });
            }}
          />
          <PlainField
            value={videoId ?? ''}
            label={t('videoId')}
            onCommit={(id) => {
              change({ video_id: id || null });
            }}
          />
        </>
      )}
    </Card>
  );
}

type Change = (patch: Record<string, string | string[] | null>) => void;

/** Returns what changes a block; null for who may only read it. */
function useChange(id: string): Change | null {
  const { doc, edit, canWrite } = usePage();
  if (!canWrite) return null;
  return (patch) => {
    edit(() => {
      changeBlock(doc, id, patch);
    });
  };
}

interface CardProps {
  kind: string;
  title: string;
  cache: JsonObject;
  fields: readonly string[];
  isMissing: boolean;
  children: ReactNode;
}

function Card({ kind, title, cache, fields, isMissing, children }: CardProps) {
  const t = usePageT();
  const shown = fields.filter((name) => name !== 'title' && cache[name] !== undefined);
  const isEmpty = Object.keys(cache).length === 0;
  return (
    <div className="block-card shop">
      <p className="tag">{kind}</p>
      <p className="card-title">{title}</p>
      {isEmpty && <p className="small muted">{t('nothingHeardYet')}</p>}
      {shown.length > 0 && (
        <dl className="facts">
          {shown.map((name) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{said(cache[name]) || JSON.stringify(cache[name])}</dd>
            </div>
          ))}
        </dl>
      )}
      {children && <Settings isMissing={isMissing}>{children}</Settings>}
    </div>
  );
}

function BrandChoice({ value, onChange }: { value: string | null; onChange: (id: string | null) => void }) {
  const t = usePageT();
  const brands = useNames().all.filter(({ kind }) => kind === 'brand');
  const isListed = brands.some(({ id }) => id === value);
  return (
    <select
      className="input"
      aria-label={t('brand')}
      value={value ?? ''}
      onChange={(event) => {
        onChange(event.target.value || null);
      }}
    >
      <option value="">{t('chooseBrand')}</option>
      {value !== null && !isListed && <option value={value}>{value}</option>}
      {brands.map(({ id, label }) => (
        <option key={id} value={id}>
          {label}
        </option>
      ))}
    </select>
  );
}

function said(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}
