// One field for everything: what the search finds, pages by their titles, and what one can do.
import { Command } from 'cmdk';
import { useEffect, useState } from 'react';
import { client, signOut } from '../connection';
import { useT } from '../i18n';
import type { SearchHit, Workspace } from '../model';
import { useResource } from '../resource';
import { navigate, paths } from '../router';
import { showDock, showPalette } from '../shell/layout';
import { chooseTheme, useIsDark } from '../theme';
import { makePage } from '../tree/changes';
import { Dialog } from '../ui/Dialog';
import { Icon, type IconName } from '../ui/Icon';
import { usePages } from '../workspace';
import { messages } from './messages';
import './palette.css';

const PAUSE_MS = 150;
const MOST_PAGES = 6;

interface Entry {
  id: string;
  icon: IconName;
  label: string;
  run: () => void;
}

export default function Palette({
  workspace,
  workspaces,
}: {
  workspace: Workspace;
  workspaces: Workspace[];
}) {
  const t = useT(messages);
  const [text, setText] = useState('');
  const { data: pages = [] } = usePages(workspace.id);
  const hits = useHits(workspace.id, text);
  const commands = useCommands(workspace, workspaces);
  const has = (label: string) => label.toLowerCase().includes(text.trim().toLowerCase());
  const titled = pages.filter((page) => has(page.title || t('untitled'))).slice(0, MOST_PAGES);
  const titledIds = new Set(titled.map((page) => page.id));
  const close = () => {
    showPalette(false);
  };
  const item = ({ id, icon, label, run }: Entry) => (
    <Command.Item
      key={id}
      value={id}
      onSelect={() => {
        close();
        run();
      }}
    >
      <Icon name={icon} />
      <span className="palette-label">{label}</span>
    </Command.Item>
  );
  return (
    <Dialog title={t('title')} onClose={close} isBare>
      <Command label={t('title')} shouldFilter={false} loop>
        <Command.Input
          value={text}
          onValueChange={setText}
          placeholder={t('placeholder')}
          autoFocus
          onKeyDown={(event) => {
            if (event.key === 'Escape') close();
          }}
        />
        <Command.List>
          <Command.Empty>{t('nothing')}</Command.Empty>
          {titled.length > 0 && (
            <Command.Group heading={t('pages')}>
              {titled.map((page) =>
                item({
                  id: page.id,
                  icon: 'page',
                  label: page.title || t('untitled'),
                  run: () => {
                    navigate(paths.page(workspace.id, page.id));
                  },
                }),
              )}
            </Command.Group>
          )}
          {hits.length > 0 && (
            <Command.Group heading={t('found')}>
              {hits
                .filter((hit) => hit.kind !== 'page' || !titledIds.has(hit.id))
                .map((hit) => (
                  <Command.Item
                    key={`${hit.kind}/${hit.id}`}
                    value={`${hit.kind}/${hit.id}`}
                    onSelect={() => {
                      close();
                      open(hit, workspace.id);
                    }}
                  >
                    <Icon name={iconOf(hit)} />
                    <span className="palette-label">
                      {hit.title || t('untitled')}
                      <span className="palette-snippet">
                        {hit.snippet.map((part, index) =>
                          part.is_match ? <mark key={index}>{part.text}</mark> : part.text,
                        )}
                      </span>
                    </span>
                  </Command.Item>
                ))}
            </Command.Group>
          )}
          <Command.Group heading={t('commands')}>
            {commands.filter(({ label }) => has(label)).map(item)}
          </Command.Group>
        </Command.List>
      </Command>
    </Dialog>
  );
}

function useCommands(workspace: Workspace, workspaces: Workspace[]): Entry[] {
  const t = useT(messages);
  const isDark = useIsDark();
  const go = (path: string) => () => {
    navigate(path);
  };
  const write = async () => {
    const page = await makePage(workspace.id, null);
    if (page) navigate(paths.page(workspace.id, page.id));
  };
  const { id } = workspace;
  return [
    ...(workspace.role === 'guest'
      ? []
      : [{ id: 'new', icon: 'plus', label: t('new_page'), run: () => void write() } as const]),
    {
      id: 'chat',
      icon: 'chat',
      label: t('chat'),
      run: () => {
        showDock(true);
      },
    },
    { id: 'home', icon: 'home', label: t('home'), run: go(paths.home(id)) },
    { id: 'agents', icon: 'agent', label: t('agents'), run: go(paths.agents(id)) },
    { id: 'notifications', icon: 'bell', label: t('notifications'), run: go(paths.notifications(id)) },
    { id: 'invite', icon: 'people', label: t('invite'), run: go(paths.settings(id, 'members')) },
    { id: 'settings', icon: 'gear', label: t('settings'), run: go(paths.settings(id)) },
    { id: 'trash', icon: 'trash', label: t('trash'), run: go(paths.trash(id)) },
    {
      id: 'theme',
      icon: isDark ? 'sun' : 'moon',
      label: t(isDark ? 'light' : 'dark'),
      run: () => {
        chooseTheme(isDark ? 'light' : 'dark');
      },
    },
    ...workspaces
      .filter((each) => each.id !== id)
      .map((each) => ({
        id: each.id,
        icon: 'people' as const,
        label: t('go_to', { name: each.name }),
        run: go(paths.home(each.id)),
      })),
    { id: 'sign-out', icon: 'out', label: t('sign_out'), run: () => void signOut() },
  ];
}

/** What the search finds for words that somebody is typing: asked once they pause. */
function useHits(workspaceId: string, text: string): SearchHit[] {
  const [words, setWords] = useState('');
  useEffect(() => {
    const timer = setTimeout(() => {
      setWords(text.trim());
    }, PAUSE_MS);
    return () => {
      clearTimeout(timer);
    };
  }, [text]);
  const { data } = useResource(`search/${workspaceId}/${words}`, async () => {
    if (words === '') return [];
    const params = { path: { workspace_id: workspaceId }, query: { q: `${words}*`, limit: 12 } };
    return (await client.call(client.api.GET('/v1/workspaces/{workspace_id}/search', { params }))).items;
  });
  return text.trim() === '' ? [] : (data ?? []);
}

function iconOf(hit: SearchHit): IconName {
  if (hit.kind === 'message' || hit.kind === 'comment') return 'chat';
  return hit.kind === 'page' || hit.kind === 'block' ? 'page' : 'file';
}

/** Go to where something was found; a file that is in no page or channel is fetched. */
function open(hit: SearchHit, workspaceId: string): void {
  if (hit.kind !== 'file' || hit.page_id !== null || hit.channel_id !== null) {
    navigate(placeOf(hit, workspaceId));
    return;
  }
  const link = client.api.POST('/v1/files/{file_id}/links', {
    params: { path: { file_id: hit.id } },
    body: {},
  });
  void client.call(link).then(({ url }) => window.open(url, '_blank', 'noopener'));
}

function placeOf(hit: SearchHit, workspaceId: string): string {
  if (hit.kind === 'page') return paths.page(workspaceId, hit.id);
  if (hit.page_id !== null) return paths.page(workspaceId, hit.page_id);
  if (hit.channel_id !== null) return paths.channel(workspaceId, hit.channel_id);
  return paths.home(workspaceId);
}
