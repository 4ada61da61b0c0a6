// How the page was: its versions on a line that one moves along, a preview of each, and the way back to it.
import { blockIds, plainText, readBlock, readTitle, type Block } from '@ionflux/client';
import { useCallback, useEffect, useMemo, useState } from 'react';
import * as Y from 'yjs';
import { usePageT } from '../messages';
import { useNames } from '../model/names';
import { usePage } from '../model/session';
import { cellText } from '../blocks/tableRows';
import { StaticText } from '../text/StaticText';
import { useLoad } from './useLoad';

interface Version {
  id: string;
  kind: 'version' | 'changes';
  position: number;
  name: string | null;
  authors: string[];
  created_at: string | null;
}

export function Versions() {
  const t = usePageT();
  const names = useNames();
  const { rest, pageId, canWrite } = usePage();
  const document = `page:${pageId}`;
  const [at, setAt] = useState(0);
  const [name, setName] = useState('');
  const [news, setNews] = useState<{ text: string; isBad: boolean } | null>(null);
  const load = useCallback(
    () => rest.send<{ items: Version[] }>('GET', `/v1/documents/${document}/versions?limit=100`),
    [rest, document],
  );
  const { value, error, reload } = useLoad(load);
  const versions = value?.items ?? [];
  const version = versions[at];
  const act = async (action: () => Promise<unknown>, done: string) => {
    setNews(null);
    try {
      await action();
      setNews({ text: done, isBad: false });
      setAt(0);
      reload();
    } catch (failure) {
      setNews({ text: failure instanceof Error ? failure.message : String(failure), isBad: true });
    }
  };
  // How the page is now is kept too, so that one can go back from going back.
  const restore = async ({ id }: Version) => {
    const path = `/v1/documents/${document}/versions`;
    await rest.send('POST', path, { name: t('beforeRestoring') });
    await rest.send('POST', `${path}/${id}/restore`, {});
  };
  return (
    <div className="panel-body versions">
      {canWrite && (
        <form
          className="say"
          onSubmit={(event) => {
            event.preventDefault();
            void act(
              () => rest.send('POST', `/v1/documents/${document}/versions`, { name: name.trim() || null }),
              t('versionNamed'),
            );
            setName('');
          }}
        >
          <input
            className="input"
            value={name}
            maxLength={200}
            placeholder={t('versionName')}
            aria-label={t('versionName')}
            onChange={(event) => {
              setName(event.target.value);
            }}
          />
          <button type="submit" className="button">
            {t('nameVersion')}
          </button>
        </form>
      )}
      {error && <p className="note bad">{error}</p>}
      {news && (
        <p className={news.isBad ? 'note bad' : 'note'} role="status">
          {news.text}
        </p>
      )}
      {versions.length > 0 && (
        <>
          <input
            type="range"
            min={0}
            max={versions.length - 1}
            // The past is to the left.
            value={versions.length - 1 - at}
            aria-label={t('versions')}
            aria-valuetext={version ? labelOf(version, names.of) : ''}
            onChange={(event) => {
              setAt(versions.length - 1 - Number(event.target.value));
            }}
          />
          {version && (
            <>
              <p className="version-label">{labelOf(version, names.of)}</p>
              {canWrite && at > 0 && (
                <button
                  type="button"
                  className="button primary"
                  onClick={() => void act(() => restore(version), t('versionRestored'))}
                >
                  {t('restoreVersion')}
                </button>
              )}
              <Preview key={version.id} document={document} version={version.id} />
            </>
          )}
        </>
      )}
    </div>
  );
}

function labelOf(version: Version, nameOf: (id: string) => string | null): string {
  const when = version.created_at === null ? '' : new Date(version.created_at).toLocaleString();
  const who = version.authors.map((id) => nameOf(id) ?? id).join(', ');
  return [version.name, when, who].filter(Boolean).join(' · ');
}

const QUIET_MS = 150;

function Preview({ document, version }: { document: string; version: string }) {
  const t = usePageT();
  const { rest } = usePage();
  const [state, setState] = useState<string | null>(null);
  const [fault, setFault] = useState<string | null>(null);
  useEffect(() => {
    let isCurrent = true;
    // Whoever moves along the line passes many versions and stops at one.
    const timer = setTimeout(() => {
      rest.send<{ state: string }>('GET', `/v1/documents/${document}/versions/${version}`).then(
        (found) => {
          if (isCurrent) setState(found.state);
        },
        (error: unknown) => {
          if (isCurrent) setFault(error instanceof Error ? error.message : String(error));
        },
      );
    }, QUIET_MS);
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, [rest, document, version]);
  const then = useMemo(() => (state === null ? null : docOf(state)), [state]);
  if (fault !== null) return <p className="note bad">{fault}</p>;
  if (then === null) return <p className="muted">…</p>;
  return (
    <div className="preview" aria-label={t('preview')} role="region">
      <h2>{readTitle(then) ?? ''}</h2>
      {blockIds(then).map((id) => (
        <PreviewBlock key={id} block={readBlock(then, id)} />
      ))}
    </div>
  );
}

function docOf(state: string): Y.Doc {
  const doc = new Y.Doc();
  Y.applyUpdate(
    doc,
    Uint8Array.from(atob(state), (character) => character.charCodeAt(0)),
  );
  return doc;
}

function PreviewBlock({ block }: { block: Block }) {
  const t = usePageT();
  if (!block.isReadable) return <p className="note">{t('unknownBlock', { type: block.type || '?' })}</p>;
  switch (block.type) {
    case 'text':
    case 'agent_snippet':
    case 'chat_bubble':
      return <StaticText fragment={block.content.doc} />;
    case 'table_view':
      return (
        <p className="note">
          {[...block.content.rows.values()]
            .map((row) => [...row.cells.values()].map(cellText).join(' · '))
            .join('\n')}
        </p>
      );
    case 'kanban_board':
      return (
        <p className="note">
          {[...block.content.cards.values()]
            .map((card) => [card.title, card.doc && plainText(card.doc)].filter(Boolean).join(': '))
            .join('\n')}
        </p>
      );
    case 'image':
      return (
        <p className="note">
          {t('image')} {block.content.caption || block.content.alt}
        </p>
      );
    case 'video':
      return (
        <p className="note">
          {t('video')} {block.content.caption || block.content.alt}
        </p>
      );
    case 'embed_panel':
      return <p className="note">{block.content.title || block.content.url}</p>;
    default:
      return <p className="note">{t(block.type)}</p>;
  }
}
