// Files on their way to the server, each with how far it has come. What fails stays, to be tried again.
import { useCallback, useEffect, useRef, useState } from 'react';
import { useClient } from '../app/client';
import { sendFile } from './api';
import type { StoredFile } from './model';

export interface Upload {
  key: number;
  file: File;
  /** From 0 to 1. */
  progress: number;
  state: 'sending' | 'done' | 'failed';
  fault: string | null;
  stored: StoredFile | null;
}

export interface Uploads {
  items: readonly Upload[];
  add: (files: Iterable<File>) => void;
  retry: (key: number) => void;
  remove: (key: number) => void;
  clear: () => void;
}

/** Return the files that are being attached to what is written in a channel. */
export function useUploads(workspaceId: string, document: string): Uploads {
  const client = useClient();
  const [items, setItems] = useState<readonly Upload[]>([]);
  const next = useRef(0);
  const stops = useRef(new Map<number, AbortController>());

  const change = useCallback((key: number, changes: Partial<Upload>) => {
    setItems((now) => now.map((item) => (item.key === key ? { ...item, ...changes } : item)));
  }, []);

  const send = useCallback(
    (key: number, file: File) => {
      const stop = new AbortController();
      stops.current.set(key, stop);
      change(key, { state: 'sending', progress: 0, fault: null });
      const onProgress = (progress: number) => {
        change(key, { progress });
      };
      sendFile(client, workspaceId, { file, document, onProgress, signal: stop.signal }).then(
        (stored) => {
          change(key, { state: 'done', progress: 1, stored });
        },
        (error: unknown) => {
          if (!stop.signal.aborted)
            change(key, { state: 'failed', fault: error instanceof Error ? error.message : '' });
        },
      );
    },
    [change, client, document, workspaceId],
  );

  const add = useCallback(
    (files: Iterable<File>) => {
      for (const file of files) {
        const key = next.current++;
        setItems((now) => [...now, { key, file, progress: 0, state: 'sending', fault: null, stored: null }]);
        send(key, file);
      }
    },
    [send],
  );

  const remove = useCallback((key: number) => {
    stops.current.get(key)?.abort();
    setItems((now) => now.filter((item) => item.key !== key));
  }, []);

  const retry = useCallback(
    (key: number) => {
      const item = items.find((one) => one.key === key);
      if (item) send(key, item.file);
    },
    [items, send],
  );

  const clear = useCallback(() => {
    setItems([]);
  }, []);

  useEffect(() => {
    const running = stops.current;
    return () => {
      for (const stop of running.values()) stop.abort();
    };
  }, []);

  return { items, add, retry, remove, clear };
}
