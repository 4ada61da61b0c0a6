// The tree of a playbook's steps. Pure, and total: whatever is no step is left out.

export type Step = Readonly<Record<string, unknown>>;

export interface Branch {
  name: string;
  steps: Step[];
}

/** Return the ways that go out of a step, each with the steps in it. */
export function branchesOf(step: Step): Branch[] {
  const branches: Branch[] = [];
  const add = (name: string, steps: unknown) => {
    const found = stepsIn(steps);
    if (found.length > 0) branches.push({ name, steps: found });
  };
  add('then', step.then);
  add('else', step.else);
  for (const [index, one] of listIn(step.cases).entries())
    add(`case ${index + 1}`, isStep(one) ? one.steps : null);
  add('default', step.default);
  for (const [index, one] of listIn(step.branches).entries()) add(`branch ${index + 1}`, one);
  add('on error', step.on_error);
  return branches;
}

/** Return a step by its id, wherever in the tree it is. */
export function findStep(steps: readonly Step[], id: string): Step | null {
  for (const step of steps) {
    if (step.id === id) return step;
    const inner = findStep(
      branchesOf(step).flatMap((branch) => branch.steps),
      id,
    );
    if (inner !== null) return inner;
  }
  return null;
}

function stepsIn(value: unknown): Step[] {
  return listIn(value).filter(isStep);
}

function listIn(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function isStep(value: unknown): value is Step {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
