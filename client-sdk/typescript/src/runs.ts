// Runs of agents: start one, watch its steps, answer it, end it, undo it.
import { type Api, type Schemas, call } from './api/rest.js';
import { stream } from './streams.js';

export type Run = Schemas['RunAnswer'];
export type RunStep = Schemas['Listing_StepAnswer_']['items'][number];

/**
 * What a watched run tells: how it stands, what begins, what the model says in a step while it says it (anew where
 * `is_more` is false), and what is done.
 */
export type RunMessage =
  | { readonly type: 'run'; readonly run: Run }
  | { readonly type: 'begins'; readonly title: string }
  | { readonly type: 'text'; readonly of_step: string; readonly text: string; readonly is_more: boolean }
  | { readonly type: 'step'; readonly step: RunStep };

export class Runs {
  readonly #api: Api;
  readonly #origin: string;
  readonly #send: (request: Request) => Promise<Response>;
  readonly #ending: AbortSignal;

  constructor(api: Api, origin: string, send: (request: Request) => Promise<Response>, ending: AbortSignal) {
    this.#api = api;
    this.#origin = origin;
    this.#send = send;
    this.#ending = ending;
  }

  /** Has an agent run. The key makes that a repetition starts no second run. */
  start(agentId: string, run: Schemas['NewRunBody'], key: string = crypto.randomUUID()): Promise<Run> {
    const header = { 'Idempotency-Key': key };
    const params = { path: { agent_id: agentId }, header };
    return call(this.#api.POST('/v1/agents/{agent_id}/runs', { params, body: run }));
  }

  get(runId: string): Promise<Run> {
    return call(this.#api.GET('/v1/runs/{run_id}', inRun(runId)));
  }

  /**
   * Yields what happens in a run until it ends: `run` first, at each change and last; each step once, also over
   * interruptions.
   */
  async *watch(runId: string, options: { signal?: AbortSignal } = {}): AsyncGenerator<RunMessage> {
    const url = `${this.#origin}/v1/runs/${encodeURIComponent(runId)}/stream`;
    const endings = [this.#ending, options.signal];
    const seen = new Set<string>();
    const isOver = (message: RunMessage): boolean => message.type === 'run' && message.run.end_time !== null;
    for await (const message of stream<RunMessage>(url, this.#send, endings, isOver)) {
      // A stream that is opened again tells the steps from the beginning.
      if (message.type === 'step' && seen.has(message.step.id)) continue;
      if (message.type === 'step') seen.add(message.step.id);
      yield message;
    }
  }

  /** Ends a run; what it has done stays. */
  cancel(runId: string): Promise<Run> {
    return call(this.#api.POST('/v1/runs/{run_id}/cancel', inRun(runId)));
  }

  /** Allows what a run asks for at a step (`run.waiting_for`), or answers its question with the text. */
  approve(runId: string, step: string, text?: string): Promise<Run> {
    return this.#reply(runId, step, { decision: 'approve', text: text ?? null });
  }

  /** Forbids what a run asks for at a step. */
  reject(runId: string, step: string, text?: string): Promise<Run> {
    return this.#reply(runId, step, { decision: 'deny', text: text ?? null });
  }

  /** Takes back what a run that has ended did in documents that one may write. */
  undo(runId: string): Promise<Schemas['UndoneAnswer']> {
    return call(this.#api.POST('/v1/runs/{run_id}/undo', inRun(runId)));
  }

  #reply(runId: string, step: string, body: Schemas['ReplyBody']): Promise<Run> {
    const params = { path: { run_id: runId, step } };
    return call(this.#api.POST('/v1/runs/{run_id}/approvals/{step}', { params, body }));
  }
}

function inRun(runId: string): { params: { path: { run_id: string } } } {
  return { params: { path: { run_id: runId } } };
}
