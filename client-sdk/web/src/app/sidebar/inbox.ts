// How many notifications are unread: from the live inbox, which the server keeps up to date.
import { useCallback, useSyncExternalStore } from 'react';
import { useLive } from '../live';

export function useUnread(userId: string): number {
  const inbox = useLive(`inbox:${userId}`);
  const listen = useCallback(
    (listener: () => void) => {
      inbox?.doc.on('update', listener);
      return () => {
        inbox?.doc.off('update', listener);
      };
    },
    [inbox],
  );
  return useSyncExternalStore(listen, () => {
    const unread = inbox?.doc.getMap('meta').get('unread');
    return typeof unread === 'number' ? unread : 0;
  });
}
