// Which of the parts beside the page are open: kept in this browser, and on a phone one at a time.
import { create } from 'zustand';

interface Layout {
  isSidebarOpen: boolean;
  isDockOpen: boolean;
  isPaletteOpen: boolean;
}

const KEY = 'ionflux.dock';
export const PHONE = '(max-width: 760px)';

export function isPhone(): boolean {
  return matchMedia(PHONE).matches;
}

export const useLayout = create<Layout>(() => ({
  isSidebarOpen: !isPhone(),
  isDockOpen: !isPhone() && localStorage.getItem(KEY) !== 'closed',
  isPaletteOpen: false,
}));

export function showSidebar(isSidebarOpen: boolean): void {
  useLayout.setState({ isSidebarOpen, ...(isPhone() && isSidebarOpen && { isDockOpen: false }) });
}

export function showDock(isDockOpen: boolean): void {
  localStorage.setItem(KEY, isDockOpen ? 'open' : 'closed');
  useLayout.setState({ isDockOpen, ...(isPhone() && isDockOpen && { isSidebarOpen: false }) });
}

export function showPalette(isPaletteOpen: boolean): void {
  useLayout.setState({ isPaletteOpen });
}

/** After somebody went elsewhere on a phone: what lay over the page makes way for it. */
export function makeWay(): void {
  if (isPhone()) useLayout.setState({ isSidebarOpen: false, isDockOpen: false });
}
