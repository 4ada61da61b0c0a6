// What is known of a run, from what its stream tells. Pure.
import type { Run, RunMessage, RunStep } from '../model';

/** A run as it is shown. */
export interface RunState {
  run: Run | null;
  /** The steps that are done, in their order. */
  steps: readonly RunStep[];
  /** What it is doing now. */
  begins: string | null;
  /** What the model says in a step that is not done yet. */
  speech: { step: string; text: string } | null;
}

export const UNKNOWN: RunState = { run: null, steps: [], begins: null, speech: null };

/** Return the state after one more message of the stream. */
export function hear(state: RunState, told: RunMessage): RunState {
  switch (told.type) {
    case 'run':
      return { ...state, run: told.run, ...(isOver(told.run) ? { begins: null, speech: null } : {}) };
    case 'begins':
      return { ...state, begins: told.title };
    case 'text': {
      const { of_step: step, text, is_more: isMore } = told;
      const before = isMore && state.speech?.step === step ? state.speech.text : '';
      return { ...state, speech: { step, text: before + text } };
    }
    case 'step': {
      const { step } = told;
      const speech = state.speech?.step === step.step ? null : state.speech;
      return { ...state, steps: [...state.steps, step], speech };
    }
  }
}

export function isOver(run: Run): boolean {
  return run.end_time !== null;
}

/** Return what the calls of models in these steps have cost, in US dollars. */
export function costOf(steps: readonly RunStep[]): number {
  return steps.reduce((sum, { result }) => sum + (numberIn(result, 'cost_micros') ?? 0), 0) / 1_000_000;
}

/** Return the steps that do something: calls of models and tools, and waiting. */
export function deedsOf(steps: readonly RunStep[]): RunStep[] {
  return steps.filter(({ kind }) => kind === 'model' || kind === 'tool' || kind === 'wait');
}

/** A step in the words that people are told it in. */
export interface StepWords {
  model: string | null;
  calls: { name: string; arguments: string }[];
  text: string;
  isError: boolean;
}

/** Return what a step's result says; whatever it is. */
export function wordsOf({ result }: RunStep): StepWords {
  if (typeof result === 'string') return { model: null, calls: [], text: result, isError: false };
  if (!isObject(result)) return { model: null, calls: [], text: '', isError: false };
  const calls = Array.isArray(result.calls) ? result.calls.filter(isObject) : [];
  return {
    model: typeof result.model === 'string' ? result.model : null,
    calls: calls.map((call) => ({ name: String(call.name), arguments: shortly(call.arguments) })),
    text: typeof result.text === 'string' ? result.text : '',
    isError: result.is_error === true,
  };
}

function shortly(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value ?? {});
  return text.length > 2000 ? `${text.slice(0, 2000)} …` : text;
}

function numberIn(value: unknown, name: string): number | null {
  const found = isObject(value) ? value[name] : undefined;
  return typeof found === 'number' ? found : null;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
