"""What can go wrong with agents and what they are made of.

AgentError
├── InvalidPromptError       a template, its variables or their values do not fit together
├── InvalidConfigError       a YAML configuration cannot be read, or does not fit its definition
├── InvalidInputsError       a run is given what its agent does not take, or not what it needs
├── TextTooLongError         a text that is typed does not end
├── BeganAnewError           what a model has said counts no more: it is asked again
├── MissingReferenceError    a reference stands for nothing, or for too much
└── RunRefusedError          an agent does not run now; the message is for people
    ├── InactiveAgentError   it is switched off or archived, or its configuration has become unfit
    ├── BusyAgentError       it runs already, or too many runs wait
    ├── RunTooDeepError      agents have started each other too often
    ├── LoopError            an agent would be started by what came of its own run
    ├── TooManyFiresError    a trigger has started so many runs that it rests
    └── LostRightError       for whom it would run may not run agents any more
"""

from typing import ClassVar

import msgspec


class Fault(msgspec.Struct, frozen=True):
    """One fault: where it is, from the thing that was checked (`variables[0].name`), and what it is.

    In a text of several lines also its line and column, from 1.
    """

    path: str
    detail: str
    line: int | None = None
    column: int | None = None


class AgentError(Exception):
    """The root. `code` is stable and made for machines."""

    code: ClassVar[str] = "agent_error"


class InvalidPromptError(AgentError, ValueError):
    """All that is wrong with a prompt, at least one fault."""

    code = "invalid_prompt"

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        self.faults = faults
        super().__init__("; ".join(f"{fault.path}: {fault.detail}" for fault in faults))


class InvalidConfigError(AgentError, ValueError):
    """All that is wrong with a configuration, at least one fault."""

    code = "invalid_config"

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        self.faults = faults
        super().__init__("; ".join(f"{fault.path}: {fault.detail}" for fault in faults))


class InvalidInputsError(AgentError, ValueError):
    """All that is wrong with what a run is given, at least one fault."""

    code = "invalid_inputs"

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        self.faults = faults
        super().__init__("; ".join(f"{fault.path}: {fault.detail}" for fault in faults))


class TextTooLongError(AgentError):
    """A text that is typed into a document has become too long; what was typed of it stays."""

    code = "text_too_long"


class RunRefusedError(AgentError):
    """There will be no run."""

    code = "run_refused"


class InactiveAgentError(RunRefusedError):
    """Nobody can run it as it is."""

    code = "agent_inactive"


class BusyAgentError(RunRefusedError):
    """Later, perhaps."""

    code = "agent_busy"


class RunTooDeepError(RunRefusedError):
    """A loop, or as good as one."""

    code = "run_too_deep"


class LoopError(RunRefusedError):
    """Agents would go on starting each other."""

    code = "agent_loop"


class TooManyFiresError(RunRefusedError):
    """Later, again."""

    code = "too_many_fires"


class LostRightError(RunRefusedError):
    """Nobody answers for it."""

    code = "maker_lost_right"


class BeganAnewError(AgentError):
    """What was said until now is not part of the answer: another attempt has begun."""

    code = "began_anew"


class MissingReferenceError(AgentError, ValueError):
    """A reference (`agents.references`) cannot be filled in; the message is for people."""

    code = "missing_reference"
