"""What can go wrong with agents and what they are made of.

AgentError
├── InvalidPromptError    a template, its variables or their values do not fit together
└── InvalidConfigError    a YAML configuration cannot be read, or does not fit its definition
"""

from typing import ClassVar

import msgspec


class Fault(msgspec.Struct, frozen=True):
    """One fault: where it is, from the thing that was checked (`variables[0].name`), and what it is."""

    path: str
    detail: str


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
