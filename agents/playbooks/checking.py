"""What is wrong with a playbook, and where: found when it is stored, not when it is run. Pure."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

import msgspec

from agents.conditions import Condition, check_condition
from agents.errors import Fault, InvalidConfigError
from agents.playbooks.steps import (
    AgentStep,
    ApprovalStep,
    BranchStep,
    ConditionStep,
    LlmStep,
    NotifyStep,
    ParallelStep,
    Script,
    SetStep,
    Step,
    ToolStep,
    WaitStep,
    flatten,
    parts_of,
)
from agents.references import Reference, references_in

MOST_STEPS = 100
MOST_LEVELS = 6

RUN_FIELDS = frozenset({"id", "started_by"})

Known = Mapping[str, bool]
"""Steps that may be named, and whether they have run for certain."""


def read_script(
    steps: Sequence[Mapping[str, Any]],
    inputs: Sequence[Mapping[str, Any]] = (),
    outputs: Mapping[str, Any] | None = None,
) -> Script:
    """Return a playbook that can be run. Raises InvalidConfigError with all that is wrong."""
    read: dict[str, Any] = {"steps": list(steps), "inputs": list(inputs), "outputs": dict(outputs or {})}
    faults = [fault for name, value in read.items() for fault in _shape_faults(name, value)]
    if faults:
        raise InvalidConfigError(tuple(faults))
    script = msgspec.convert(read, Script)
    faults = list(_meaning_faults(script))
    if faults:
        raise InvalidConfigError(tuple(faults))
    return script


def _shape_faults(name: str, value: Any) -> list[Fault]:
    """Return the first thing of each step, or field, that has not the shape it should have."""
    items: list[Any] = [[item] for item in cast("list[Any]", value)] if isinstance(value, list) else [value]
    faults: list[Fault] = []
    for number, item in enumerate(items):
        try:
            msgspec.convert({"steps": [], name: item}, Script)
        except msgspec.ValidationError as error:
            detail, _, place = str(error).partition(" - at `$")
            path = place.removesuffix("`").removeprefix(".")
            if isinstance(value, list):
                path = path.replace(f"{name}[0]", f"{name}[{number}]", 1)
            faults.append(Fault(path or name, detail))
    return faults


def _meaning_faults(script: Script) -> Iterator[Fault]:
    everything = flatten(script.steps)
    if len(everything) > MOST_STEPS:
        yield Fault("steps", f"More than {MOST_STEPS} steps, counting those inside of others")
        return
    seen: set[str] = set()
    for step in everything:
        if step.id in seen:
            yield Fault("steps", f"Two steps have the id {step.id}")
        seen.add(step.id)
    keys = [field.key for field in script.inputs]
    for key in {key for key in keys if keys.count(key) > 1}:
        yield Fault("inputs", f"Two inputs have the key {key}")
    checker = _Checker(frozenset(keys), frozenset(seen))
    known = yield from checker.check_list(script.steps, "steps", {}, 1)
    yield from checker.check_value(script.outputs, "outputs", known)


class _Checker:
    """Walks the steps in the order in which they run, and knows what can be named at each."""

    def __init__(self, inputs: frozenset[str], ids: frozenset[str]) -> None:
        self._inputs = inputs
        self._ids = ids

    def check_list(
        self, steps: Sequence[Step], path: str, known: Known, level: int
    ) -> Generator[Fault, None, Known]:
        """Yield what is wrong with steps; return what can be named behind them."""
        if level > MOST_LEVELS:
            yield Fault(path, f"Steps are within each other at most {MOST_LEVELS} deep")
            return known
        for number, step in enumerate(steps):
            known = yield from self._check_step(step, f"{path}[{number}]", known, level)
        return known

    def _check_step(self, step: Step, path: str, known: Known, level: int) -> Generator[Fault, None, Known]:
        if step.when is not None:
            yield from self._check_condition(step.when, f"{path}.when", known)
        yield from self._check_fields(step, path, known)
        inside: dict[str, bool] = {}
        for place, inner in parts_of(step):
            after = yield from self.check_list(inner, f"{path}.{place}", known, level + 1)
            is_certain = isinstance(step, ParallelStep)
            inside |= {name: sure and is_certain for name, sure in after.items() if name not in known}
        for_error: dict[str, bool] = {}
        if isinstance(step.on_error, list):
            # What comes for an error may look at what has failed, and at what of it has run.
            seen = {**known, **dict.fromkeys(inside, False), step.id: False}
            after = yield from self.check_list(step.on_error, f"{path}.on_error", seen, level + 1)
            for_error = {name: False for name in after if name not in seen}
        is_certain = step.when is None and step.on_error == "stop"
        inside = {name: sure and is_certain for name, sure in inside.items()}
        return {**known, **inside, **for_error, step.id: is_certain}

    def _check_fields(self, step: Step, path: str, known: Known) -> Iterator[Fault]:
        match step:
            case AgentStep():
                yield from self.check_value(step.inputs, f"{path}.inputs", known)
                yield from self.check_value(step.prompt, f"{path}.prompt", known)
            case LlmStep():
                yield from self.check_value(step.prompt, f"{path}.prompt", known)
                yield from self.check_value(step.system, f"{path}.system", known)
            case ToolStep():
                yield from self.check_value(step.arguments, f"{path}.arguments", known)
            case WaitStep():
                yield from self._check_wait(step, path, known)
            case ConditionStep():
                yield from self._check_condition(step.test, f"{path}.if", known)
            case BranchStep():
                for number, case in enumerate(step.cases):
                    yield from self._check_condition(case.when, f"{path}.cases[{number}].when", known)
            case ApprovalStep():
                yield from self.check_value(step.message, f"{path}.message", known)
            case NotifyStep():
                yield from self.check_value(step.text, f"{path}.text", known)
            case SetStep():
                yield from self.check_value(step.values, f"{path}.values", known)
            case ParallelStep():
                pass

    def _check_wait(self, step: WaitStep, path: str, known: Known) -> Iterator[Fault]:
        given = [name for name in ("seconds", "until", "events") if getattr(step, name) is not None]
        if len(given) != 1:
            yield Fault(path, "Expected one of seconds, until, events")
        if step.events is None and (step.where is not None or step.timeout_seconds is not None):
            yield Fault(path, "`where` and `timeout_seconds` are for waiting for `events`")
        if step.events == []:
            yield Fault(f"{path}.events", "Expected at least one type")
        if step.where is not None:
            yield from self._check_condition(step.where, f"{path}.where", known, also=("event",))
        if step.until is not None:
            found, faults = references_in(step.until, f"{path}.until")
            yield from faults
            yield from self._reference_faults(found, known, ())
            if not found and not faults and not _is_time(step.until):
                yield Fault(f"{path}.until", "No time; write for instance 2026-11-30T09:00:00Z")

    def check_value(self, value: object, path: str, known: Known) -> Iterator[Fault]:
        """Yield what is wrong with the references in a value."""
        found, faults = references_in(value, path)
        yield from faults
        yield from self._reference_faults(found, known, ())

    def _check_condition(
        self, condition: Condition, path: str, known: Known, also: Sequence[str] = ()
    ) -> Iterator[Fault]:
        found, faults = check_condition(condition, path)
        yield from faults
        # A condition copes with what is not there.
        names = dict.fromkeys(known, True)
        yield from self._reference_faults(found, names, also)

    def _reference_faults(
        self, found: Sequence[tuple[str, Reference]], known: Known, also: Sequence[str]
    ) -> Iterator[Fault]:
        for place, reference in found:
            fault = self._fault(reference, known, also)
            if fault is not None:
                yield Fault(place, fault)

    def _fault(self, reference: Reference, known: Known, also: Sequence[str]) -> str | None:
        if reference.root in also:
            return None
        name = str(reference.steps[1]) if len(reference.steps) > 1 else ""
        match reference.root:
            case "inputs":
                is_known = name in self._inputs or not name
                return None if is_known else f"The playbook has no input {name}"
            case "run":
                return None if name in RUN_FIELDS else f"A run has {', '.join(sorted(RUN_FIELDS))}"
            case "steps":
                return self._step_fault(name, reference, known)
            case root:
                return f"Expected inputs, steps or run, not {root}"

    def _step_fault(self, name: str, reference: Reference, known: Known) -> str | None:
        if name not in self._ids:
            return f"There is no step {name}" if name else "Expected the id of a step behind steps"
        if name not in known:
            return f"The step {name} has not run by then"
        if len(reference.steps) > 2 and reference.steps[2] not in ("output", "status", "error"):
            return "A step has output, status and error"
        if not known[name] and not reference.may_miss:
            return f"The step {name} may not have run: end the reference with ? to have null then"
        return None


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
