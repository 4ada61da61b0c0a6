// The parts of the page that have folders of their own, loaded when an address first needs them.
import { lazy } from 'react';

export const PageView = lazy(async () => ({ default: (await import('../../page/PageView')).PageView }));
export const AgentsView = lazy(async () => ({
  default: (await import('../../agents/AgentsView')).AgentsView,
}));
export const ChatDock = lazy(async () => ({ default: (await import('../../chat/ChatDock')).ChatDock }));
