// How a document stands, in words for people. Pure.

export interface DocumentStatus {
  /**
   * `connecting`: nothing is here yet. `saved`: the server has everything. `saving`: it has not said so yet.
   * `offline`: there is no connection. `refused`: it does not give the document, or does not take the changes.
   */
  readonly kind: 'connecting' | 'saved' | 'saving' | 'offline' | 'refused';
  /** How many changes made here the server has not said to have saved. */
  readonly unsaved: number;
  /** Whether these would outlive this page: they are in the browser's copy. */
  readonly isKept: boolean;
  /** Whether what is written can reach the server, now or once there is a connection or a session again. */
  readonly canWrite: boolean;
  /** Which server: host and port. */
  readonly server: string;
  /** Why it is refused, or why saving takes long: a sentence. */
  readonly why?: string;
  /** Why, for programs: `document_refused`, `epoch_ended`, `rule_violated`, `read_only` ... */
  readonly code?: string;
}

export interface Refusal {
  readonly code: string;
  readonly why: string;
}

/** What the status is made of. */
export interface Standing {
  readonly server: string;
  readonly isConnected: boolean;
  readonly isOffline: boolean;
  /** Whether the server and this copy have told each other what they have, over the present connection. */
  readonly isSynced: boolean;
  /** Whether there is something to show: from the server, or from the copy here. */
  readonly isReady: boolean;
  readonly isKept: boolean;
  readonly canWrite: boolean;
  readonly isStoreDegraded: boolean;
  readonly unsaved: number;
  /** The document itself is refused. */
  readonly denial: Refusal | null;
  /** Changes are refused. */
  readonly editRefusal: Refusal | null;
}

/** Signing in again is all that is needed: what is written meanwhile is sent then. */
export const CREDENTIAL_REFUSED = 'credential_refused';

const DEGRADED = 'The server cannot save anything at the moment. It keeps trying, and so does this page.';

export function statusOf(standing: Standing): DocumentStatus {
  const { server, unsaved, isKept, denial } = standing;
  const canWrite = standing.canWrite && (denial === null || denial.code === CREDENTIAL_REFUSED);
  const as = (kind: DocumentStatus['kind'], refusal?: Partial<Refusal> | null): DocumentStatus => ({
    ...{ kind, unsaved, isKept, canWrite, server },
    ...refusal,
  });
  if (denial) return as('refused', denial);
  if (!standing.isConnected) return as(standing.isReady || standing.isOffline ? 'offline' : 'connecting');
  if (standing.editRefusal && unsaved > 0) return as('refused', standing.editRefusal);
  if (!standing.isSynced) return as(unsaved > 0 ? 'saving' : 'connecting');
  if (unsaved > 0) return as('saving', standing.isStoreDegraded ? { why: DEGRADED } : null);
  return as('saved');
}

export function isSameStatus(one: DocumentStatus, other: DocumentStatus): boolean {
  return (
    one.kind === other.kind &&
    one.unsaved === other.unsaved &&
    one.isKept === other.isKept &&
    one.canWrite === other.canWrite &&
    one.why === other.why
  );
}

/** The status in one English sentence; programs with more languages make their own from its parts. */
export function describeStatus(status: DocumentStatus): string {
  switch (status.kind) {
    case 'saved':
      return `saved on ${status.server}`;
    case 'saving':
      return status.why === undefined ? 'saving' : `saving: ${status.why}`;
    case 'connecting':
      return `connecting to ${status.server}`;
    case 'offline':
      if (status.unsaved === 0) return 'offline';
      return `offline, ${changes(status.unsaved)} kept ${status.isKept ? 'here' : 'in this page only'}`;
    case 'refused': {
      const kept = status.unsaved > 0 ? ` (${changes(status.unsaved)} kept here)` : '';
      return `refused: ${status.why ?? 'the server does not say why'}${kept}`;
    }
  }
}

function changes(count: number): string {
  return count === 1 ? '1 change' : `${count} changes`;
}
