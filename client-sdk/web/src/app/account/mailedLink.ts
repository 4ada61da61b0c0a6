// The link of a mail that led here: `/account#reset=<token>`. The fragment is sent to no server, so no log has it.
import { useSyncExternalStore } from 'react';

export interface MailedLink {
  kind: string;
  token: string;
}

let taken: MailedLink = { kind: '', token: '' };

/** Return what the link was for. The token does not stay in the address bar or the history. */
export function useMailedLink(): MailedLink {
  return useSyncExternalStore(listen, take);
}

function take(): MailedLink {
  if (location.hash.length > 1) {
    const [kind = '', token = ''] = location.hash.slice(1).split('=');
    taken = { kind, token };
    history.replaceState(null, '', location.pathname);
  }
  return taken;
}

function listen(listener: () => void): () => void {
  addEventListener('hashchange', listener);
  return () => {
    removeEventListener('hashchange', listener);
  };
}
