// The parts of the page that have folders of their own, loaded when an address first needs them.
import { lazy, type ComponentType, type LazyExoticComponent } from 'react';

interface PageProps {
  workspaceId: string;
  pageId: string;
}

interface WorkspaceProps {
  workspaceId: string;
}

const views = import.meta.glob<Record<string, ComponentType<never>>>([
  '../../page/PageView.tsx',
  '../../agents/AgentsView.tsx',
  '../../chat/ChatDock.tsx',
]);

export const PageView = feature<PageProps>('../../page/PageView.tsx', 'PageView');
export const AgentsView = feature<WorkspaceProps>('../../agents/AgentsView.tsx', 'AgentsView');
export const ChatDock = feature<WorkspaceProps>('../../chat/ChatDock.tsx', 'ChatDock');

function feature<Props>(path: string, name: string): LazyExoticComponent<ComponentType<Props>> | null {
  const load = views[path];
  if (!load) return null;
  return lazy(async () => ({ default: (await load())[name] as ComponentType<Props> }));
}
