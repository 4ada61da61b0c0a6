// What can go wrong, as errors with a stable `code`.
import type { components } from './api/schema.js';

export type Problem = components['schemas']['Problem'];

/** The server refused a request (RFC 9457). */
export class ApiProblem extends Error {
  override readonly name = 'ApiProblem';
  readonly status: number;
  /** Stable: what programs tell refusals apart by. */
  readonly code: string;
  /** Which fields of the request do not fit, and why. */
  readonly errors: NonNullable<Problem['errors']>;
  readonly requestId: string | null;
  /** Seconds after which to try again, where the server says so. */
  readonly retryAfterSeconds: number | null;

  constructor(problem: Partial<Problem>, response: Response) {
    super(messageOf(problem, response));
    this.status = response.status;
    this.code = problem.code ?? 'unknown';
    this.errors = problem.errors ?? [];
    this.requestId = problem.request_id ?? response.headers.get('x-request-id');
    const seconds = Number(response.headers.get('retry-after') ?? NaN);
    this.retryAfterSeconds = Number.isFinite(seconds) ? seconds : null;
  }

  /** Whether the same request may succeed later: the server is busy, away or not itself. */
  get isTemporary(): boolean {
    return this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

/** What is wrong, with the fields it is about. */
function messageOf(problem: Partial<Problem>, response: Response): string {
  const said = problem.detail ?? problem.title ?? `The server answered with status ${response.status}.`;
  const faults = (problem.errors ?? []).map(
    ({ path, detail }) => `${path.replace(/^body\./, '')}: ${detail}`,
  );
  return faults.length ? `${said.replace(/: see `errors`\.$/, ':')} ${faults.join('; ')}` : said;
}

/** A copy holds changes that no server has; they would be lost. */
export class UnsavedChangesError extends Error {
  override readonly name = 'UnsavedChangesError';
  readonly code = 'unsaved_changes';

  constructor(
    readonly document: string,
    readonly unsaved: number,
  ) {
    super(`${document} has ${unsaved} changes that are kept here only.`);
  }
}
