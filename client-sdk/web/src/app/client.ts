// What every part of the page asks for: the client, and who is signed in.
import type { IonfluxClient } from '@ionflux/client';
import { client, type Me, useSessionState } from './connection';

export function useClient(): IonfluxClient {
  return client;
}

export function useMe(): Me {
  const { state } = useSessionState();
  if (state.kind !== 'in' && state.kind !== 'ended') {
    throw new Error('This view is for people who are signed in.');
  }
  return state.me;
}
