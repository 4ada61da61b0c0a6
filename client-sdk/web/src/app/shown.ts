// Which document is written to in the view that is open, for whoever tells whether it is saved.
import { useEffect } from 'react';
import { create } from 'zustand';

const useShown = create<{ name: string | null }>(() => ({ name: null }));

/** The document that the open view says it writes to; null where it does not say. */
export function useShownDocument(): string | null {
  return useShown(({ name }) => name);
}

/** Says that this view writes to a document, for as long as it is shown. */
export function useShows(name: string): void {
  useEffect(() => {
    useShown.setState({ name });
    return () => {
      useShown.setState({ name: null });
    };
  }, [name]);
}
