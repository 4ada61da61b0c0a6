// The client that every part of the page talks to the server with, and who is signed in.
import { createContext, useContext } from 'react';
import type { IonfluxClient } from './adapter';
import type { Me } from './model';

export interface Session {
  client: IonfluxClient;
  me: Me;
  /** Read again who is signed in, after the account was changed. */
  reload: () => Promise<void>;
  signOut: () => Promise<void>;
}

export const SessionContext = createContext<Session | null>(null);

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (session === null) throw new Error('This view is for people who are signed in.');
  return session;
}

export function useClient(): IonfluxClient {
  return useSession().client;
}

export function useMe(): Me {
  return useSession().me;
}
