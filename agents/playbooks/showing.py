"""How a run of a playbook is told to people: how it stands, and how each of its steps does. Pure.

What it was given and gives is for whom it acts for; this is for everybody in the place, and has none of it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from agents.playbooks.steps import Script, Step, flatten
from storage.models import PlaybookRun, PlaybookStep

Status = Literal["running", "finished", "failed"]

MAX_NAME_CHARACTERS = 80

_MARKS = {"done": "✓", "failed": "✗", "running": "…", "to come": "○"}
_WAITS = {"approval": "waits for an approval", "wait": "waits", "agent": "its agent is at work"}


class Shown(msgspec.Struct, frozen=True):
    """What is shown of a run."""

    status: Status
    title: str
    lines: Sequence[str]
    """One for each step."""
    data: Mapping[str, Any]
    """The same for programs."""

    @property
    def text(self) -> str:
        """All of it, a line each."""
        return "\n".join((self.title, *self.lines))


def show_run(run: PlaybookRun, steps: Mapping[str, PlaybookStep]) -> Shown:
    """Return what is shown of a run whose steps stand so, by id; those that were skipped are not told."""
    script = msgspec.convert(run.script, Script)
    is_over = run.status in ("success", "error", "cancelled")
    told: list[tuple[Step, str]] = []
    for step in flatten(script.steps):
        entry = steps.get(step.id)
        if entry is not None and entry.status != "skipped":
            told.append((step, entry.status))
        elif entry is None and not is_over and step in script.steps:
            told.append((step, "to come"))
    lines = [_line(step, status, steps.get(step.id), is_over=is_over) for step, status in told]
    data = {
        "playbook_id": str(run.playbook_id),
        "playbook_run_id": str(run.id),
        "steps": [{"id": step.id, "name": _name_of(step), "status": status} for step, status in told],
    }
    status: Status = "running" if not is_over else "finished" if run.status == "success" else "failed"
    return Shown(status, f"{run.name[:MAX_NAME_CHARACTERS]}: {_how_it_is(run)}", lines, data)


def _line(step: Step, status: str, entry: PlaybookStep | None, *, is_over: bool) -> str:
    line = f"{_MARKS[status]} {_name_of(step)}"
    if entry is None:
        return line
    if status == "failed":
        return f"{line} ({entry.code})"
    if status == "running":
        how = "not finished" if is_over else _WAITS.get(entry.type, "")
        line += f" ({how})" * bool(how)
    return line if entry.attempt == 1 else f"{line}, attempt {entry.attempt}"


def _name_of(step: Step) -> str:
    return (step.name or step.id)[:MAX_NAME_CHARACTERS]


def _how_it_is(run: PlaybookRun) -> str:
    match run.status:
        case "pending":
            return "about to begin."
        case "running":
            return "running."
        case "success":
            return "done."
        case "cancelled":
            return "cancelled."
        case "error":
            where = f" at {run.error_step}" if run.error_step else ""
            return f"failed{where} ({run.error_code})."
