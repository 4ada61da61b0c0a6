// Live documents for components: open while they are shown, and read as they change.
import type { LiveDocument, Observable } from '@ionflux/client';
import { useCallback, useEffect, useState, useSyncExternalStore } from 'react';
import { client } from './connection';

/** The live document of a name, while it is shown; null for a moment, and without a name. */
export function useLive(name: string | null): LiveDocument | null {
  const [live, setLive] = useState<LiveDocument | null>(null);
  useEffect(() => {
    if (name === null) return;
    const opened = client.documents.open(name);
    // eslint-disable-next-line react-hooks/set-state-in-effect -- opening is an effect: it is counted, and released
    setLive(opened);
    return () => {
      setLive(null);
      opened.release();
    };
  }, [name]);
  return live?.name === name ? live : null;
}

const NOTHING: Observable<null> = { get: () => null, subscribe: () => () => undefined };

export function useObservable<T>(observable: Observable<T>): T;
export function useObservable<T>(observable: Observable<T> | undefined): T | null;
export function useObservable<T>(observable: Observable<T> | undefined): T | null {
  const source: Observable<T | null> = observable ?? NOTHING;
  const listen = useCallback((listener: () => void) => source.subscribe(listener), [source]);
  return useSyncExternalStore(listen, () => source.get());
}
