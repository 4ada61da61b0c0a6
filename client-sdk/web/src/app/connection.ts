// The one client of this page, and who is signed in. What shows it reads the store; what changes it is here.
import { ApiProblem, cookieSession, IonfluxClient, type Schemas } from '@ionflux/client';
import { create } from 'zustand';

export type Me = Schemas['UserAnswer'];

type State =
  | { kind: 'loading' }
  | { kind: 'out' }
  | { kind: 'in'; me: Me }
  /** The session ended while somebody was at work: what they see stays, and is not written to. */
  | { kind: 'ended'; me: Me }
  | { kind: 'unreachable' };

const RETRY_MS = 3000;

export const client = new IonfluxClient({ baseUrl: '', auth: cookieSession() });

export const useSessionState = create<{ state: State }>(() => ({ state: { kind: 'loading' } }));

/** Ask the server who is signed in; while it cannot be reached, again and again. */
export async function loadSession(): Promise<void> {
  try {
    const session = await client.call(client.api.GET('/v1/auth/browser-session'));
    set({ kind: 'in', me: session.user });
  } catch (error) {
    const { state } = useSessionState.getState();
    if (error instanceof ApiProblem && error.status === 401) {
      set({ kind: 'out' });
    } else if (state.kind === 'loading' || state.kind === 'unreachable') {
      set({ kind: 'unreachable' });
      setTimeout(() => void loadSession(), RETRY_MS);
    } else {
      throw error;
    }
  }
}

export async function signIn(email: string, password: string): Promise<void> {
  await client.call(client.api.POST('/v1/auth/browser-session', { body: { email, password } }));
  await loadSession();
}

export async function signInToDemo(): Promise<void> {
  await client.call(client.api.POST('/v1/auth/demo-session'));
  await loadSession();
}

export async function signUp(name: string, email: string, password: string): Promise<void> {
  await client.call(client.api.POST('/v1/auth/register', { body: { name, email, password } }));
  await signIn(email, password);
}

export async function signOut(): Promise<void> {
  await client.call(client.api.DELETE('/v1/auth/browser-session'));
  // Another person may come next: nothing of this one stays in memory.
  location.assign('/sign-in');
}

client.session.subscribe(() => {
  const { state } = useSessionState.getState();
  if (client.session.get() === 'ended' && state.kind === 'in') set({ kind: 'ended', me: state.me });
});

function set(state: State): void {
  useSessionState.setState({ state });
}
