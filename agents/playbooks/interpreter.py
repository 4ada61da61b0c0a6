"""What comes next in a playbook: from what is done so far, and nothing else. Pure.

The journal has an entry for each step that was begun, skipped or decided. `advance` reads it and says what to
begin now, what is settled without anybody doing anything, when to look again, and whether the run is over.
Asked twice about the same journal it says the same: so whoever does the work can be killed at any moment and
somebody else goes on.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import msgspec

from agents.conditions import holds
from agents.errors import MissingReferenceError
from agents.playbooks.steps import (
    AgentStep,
    ApprovalStep,
    BranchStep,
    ConditionStep,
    Doing,
    LlmStep,
    NotifyStep,
    ParallelStep,
    Script,
    SetStep,
    Step,
    ToolStep,
    WaitStep,
    parts_of,
)
from agents.references import fill

EntryStatus = Literal["running", "done", "failed", "skipped"]

TIMED_OUT = "timed_out"
FINAL = frozenset(
    {"missing_reference", "rejected", "invalid_time", "invalid_inputs", "maker_lost_right", "no_agent"}
)
"""Faults that another attempt would meet, too."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """How one step stands."""

    status: EntryStatus
    attempt: int = 1
    output: Any = None
    code: str | None = None
    message: str | None = None
    due_at: datetime | None = None
    """Of one that runs: when it has waited long enough."""
    ended_at: datetime | None = None
    way: str | None = None
    """Of one that decides: which way was taken."""
    wrote: tuple[str, ...] = ()
    """Of one that is done: the documents that it has written."""


class Begin(msgspec.Struct, frozen=True):
    """A step to do, with what it takes."""

    step: Step
    attempt: int
    given: dict[str, Any]


class End(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended."""

    status: Literal["success", "error"]
    outputs: Any = None
    step_id: str | None = None
    code: str | None = None
    message: str | None = None


class Advance(msgspec.Struct, frozen=True, kw_only=True):
    """What comes next."""

    begin: Sequence[Begin]
    settled: Mapping[str, Entry]
    """New entries, those of steps to begin among them."""
    end: End | None
    wake_at: datetime | None
    """When to look again, whatever happens."""


class Fault(msgspec.Struct, frozen=True):
    """Why a list of steps does not go on."""

    step_id: str
    code: str
    message: str


Outcome = Literal["done", "busy"] | Fault


def advance(
    script: Script,
    inputs: Mapping[str, Any],
    run: Mapping[str, Any],
    journal: Mapping[str, Entry],
    now: datetime,
) -> Advance:
    """Return what comes next in a run, as of a moment."""
    walk = _Walk(inputs, run, dict(journal), now)
    outcome = walk.take_all(script.steps)
    end: End | None = None
    if isinstance(outcome, Fault):
        end = End(status="error", step_id=outcome.step_id, code=outcome.code, message=outcome.message)
    elif outcome == "done":
        end = walk.finish(script.outputs)
    return Advance(begin=walk.begin, settled=walk.settled, end=end, wake_at=walk.wake_at)


def scope_of(
    inputs: Mapping[str, Any], run: Mapping[str, Any], journal: Mapping[str, Entry]
) -> dict[str, object]:
    """Return what the references of a playbook may name at this point."""
    steps = {
        name: {
            "status": entry.status,
            "output": entry.output,
            "error": {"code": entry.code, "message": entry.message} if entry.code is not None else None,
        }
        for name, entry in journal.items()
        if entry.status != "skipped"
    }
    return {"inputs": dict(inputs), "run": dict(run), "steps": steps}


class _Walk:
    """One look at all steps, in their order; the journal grows with what is settled on the way."""

    def __init__(
        self, inputs: Mapping[str, Any], run: Mapping[str, Any], journal: dict[str, Entry], now: datetime
    ) -> None:
        self._inputs = inputs
        self._run = run
        self._journal = journal
        self._now = now
        self.begin: list[Begin] = []
        self.settled: dict[str, Entry] = {}
        self.wake_at: datetime | None = None

    def take_all(self, steps: Sequence[Step]) -> Outcome:
        """Go through steps that come one after another."""
        for step in steps:
            outcome = self._take(step)
            if outcome != "done":
                return outcome
        return "done"

    def finish(self, outputs: Mapping[str, Any]) -> End:
        """Return the end of a run in which nothing failed for good."""
        try:
            return End(status="success", outputs=fill(dict(outputs), self._scope()))
        except MissingReferenceError as error:
            return End(status="error", code=error.code, message=f"outputs: {error}")

    def _scope(self) -> dict[str, object]:
        return scope_of(self._inputs, self._run, self._journal)

    def _note(self, step: Step, entry: Entry) -> Entry:
        if entry.status in ("done", "failed", "skipped") and entry.ended_at is None:
            entry = msgspec.structs.replace(entry, ended_at=self._now)
        self._journal[step.id] = self.settled[step.id] = entry
        return entry

    def _take(self, step: Step) -> Outcome:
        entry = self._journal.get(step.id) or self._enter(step)
        if entry.status == "running":
            entry = self._look_at(step, entry)
        if entry.status == "failed":
            return self._after_fault(step, entry)
        return "busy" if entry.status == "running" else "done"

    def _enter(self, step: Step) -> Entry:
        """Do what a step begins with."""
        try:
            if step.when is not None and not holds(step.when, self._scope()):
                return self._note(step, Entry(status="skipped"))
            return self._start(step, 1)
        except MissingReferenceError as error:
            return self._note(step, Entry(status="failed", code=error.code, message=str(error)))

    def _start(self, step: Step, attempt: int) -> Entry:
        """Begin a step, or settle it at once. Raises MissingReferenceError."""
        scope = self._scope()
        match step:
            case SetStep():
                return self._note(step, Entry(status="done", output=fill(step.values, scope)))
            case WaitStep():
                return self._note(step, self._waiting(step, scope))
            case ConditionStep():
                way = "then" if holds(step.test, scope) else "else"
                return self._note(step, Entry(status="running", way=way))
            case BranchStep():
                fitting = (n for n, case in enumerate(step.cases) if holds(case.when, scope))
                number = next(fitting, None)
                way = "default" if number is None else f"cases[{number}].steps"
                return self._note(step, Entry(status="running", way=way))
            case ParallelStep():
                return self._note(step, Entry(status="running"))
            case AgentStep() | LlmStep() | ToolStep() | ApprovalStep() | NotifyStep():
                given = given_to(step, scope)
                entry = Entry(status="running", attempt=attempt, due_at=self._after(_timeout(step)))
                self.begin.append(Begin(step, attempt, given))
                return self._note(step, entry)

    def _waiting(self, step: WaitStep, scope: Mapping[str, object]) -> Entry:
        if step.until is None:
            return Entry(status="running", due_at=self._after(step.seconds or step.timeout_seconds))
        text = fill(step.until, scope)
        due = _read_time(text)
        if due is None:
            return Entry(status="failed", code="invalid_time", message=f"{str(text)[:100]!r} is no time")
        return Entry(status="running", due_at=due)

    def _after(self, seconds: int | None) -> datetime | None:
        return self._now + timedelta(seconds=seconds) if seconds is not None else None

    def _look_at(self, step: Step, entry: Entry) -> Entry:
        """Return how a step stands that was begun."""
        if isinstance(step, ConditionStep | BranchStep | ParallelStep):
            return self._look_inside(step, entry)
        if entry.due_at is None:
            return entry
        if entry.due_at > self._now:
            self._wake(entry.due_at)
            return entry
        if isinstance(step, WaitStep) and step.events is None:
            return self._note(step, _settled(entry, "done"))
        return self._note(step, _settled(entry, "failed", TIMED_OUT, "It has taken too long"))

    def _look_inside(self, step: Step, entry: Entry) -> Entry:
        ways = [steps for name, steps in parts_of(step) if entry.way is None or name == entry.way]
        outcomes = [self.take_all(steps) for steps in ways]
        if "busy" in outcomes:
            return entry
        fault = next((one for one in outcomes if isinstance(one, Fault)), None)
        if fault is not None:
            return self._note(
                step, _settled(entry, "failed", fault.code, f"{fault.step_id}: {fault.message}")
            )
        return self._note(step, _settled(entry, "done"))

    def _after_fault(self, step: Step, entry: Entry) -> Outcome:
        """Try again, go another way, go on, or end."""
        again_at = _again_at(step, entry)
        if again_at is not None:
            if again_at > self._now:
                self._wake(again_at)
                return "busy"
            try:
                self._start(step, entry.attempt + 1)
            except MissingReferenceError as error:
                entry = self._note(step, Entry(status="failed", code=error.code, message=str(error)))
            else:
                return "busy"
        if isinstance(step.on_error, list):
            return self.take_all(step.on_error)
        if step.on_error == "continue":
            return "done"
        return Fault(step.id, entry.code or "failed", entry.message or "It failed")

    def _wake(self, at: datetime) -> None:
        self.wake_at = at if self.wake_at is None else min(self.wake_at, at)


def given_to(step: Step, scope: Mapping[str, object]) -> dict[str, Any]:
    """Return what a step takes, with what its references stand for. Raises MissingReferenceError."""
    match step:
        case AgentStep():
            return {"inputs": fill(step.inputs, scope), "prompt": _text(fill(step.prompt, scope))}
        case LlmStep():
            return {"prompt": _text(fill(step.prompt, scope)), "system": _text(fill(step.system, scope))}
        case ToolStep():
            return {"arguments": fill(step.arguments, scope)}
        case ApprovalStep():
            return {"message": _text(fill(step.message, scope))}
        case NotifyStep():
            return {"text": _text(fill(step.text, scope))}
        case _:
            return {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str | None) else msgspec.json.encode(value).decode()


def _timeout(step: Step) -> int | None:
    return step.timeout_seconds if isinstance(step, Doing | ApprovalStep) else None


def _again_at(step: Step, entry: Entry) -> datetime | None:
    """Return when a step that failed is tried again; None for not at all."""
    retry = step.retry if isinstance(step, Doing) else None
    if retry is None or entry.attempt > retry.times or entry.code in FINAL or entry.ended_at is None:
        return None
    return entry.ended_at + timedelta(seconds=retry.pause_seconds * 2 ** (entry.attempt - 1))


def _settled(entry: Entry, status: EntryStatus, code: str | None = None, message: str | None = None) -> Entry:
    return msgspec.structs.replace(entry, status=status, code=code, message=message, due_at=None)


def _read_time(value: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found.astimezone(UTC) if found is not None and found.tzinfo is not None else None
