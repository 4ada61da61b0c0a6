"""What an agent's model is told first: texts of its configuration, or prompts of the workspace's library."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec

from agents.config import PATH
from agents.errors import Fault, InvalidConfigError, InvalidPromptError
from agents.prompts import PromptVariable, render
from agents.sections import EffectiveConfig, PromptReference
from agents.yaml_text import read_placed
from storage.models import Prompt
from storage.unit_of_work import UnitOfWork

SECTIONS = ("instructions", "more_instructions")
"""In the order in which they are told."""


async def instructions_of(
    uow: UnitOfWork, workspace_id: UUID, config: EffectiveConfig, inputs: Mapping[str, Any]
) -> str:
    """Return what the model is told first; variables that the configuration leaves out are inputs of the run.

    Raises InvalidPromptError for a prompt that is no more, or whose variables do not fit.
    """
    parts: list[str] = []
    for section in SECTIONS:
        said: str | PromptReference | None = getattr(config, section)
        if isinstance(said, PromptReference):
            prompt = await _find(uow, workspace_id, said)
            if prompt is None:
                raise InvalidPromptError((Fault(section, "This prompt is not in the library any more"),))
            parts.append(_filled(prompt, said, inputs))
        elif said:
            parts.append(said.strip())
    return "\n\n".join(part for part in parts if part)


async def check_references(
    uow: UnitOfWork, workspace_id: UUID, config: EffectiveConfig, yaml_config: str
) -> None:
    """Raise InvalidConfigError for prompts that the workspace does not have, and variables they do not."""
    read = read_placed(yaml_config, PATH)
    faults: list[Fault] = []
    for section in SECTIONS:
        said: str | PromptReference | None = getattr(config, section)
        if not isinstance(said, PromptReference):
            continue
        prompt = await _find(uow, workspace_id, said)
        if prompt is None:
            faults.append(read.fault((section, "prompt"), "This workspace has no such prompt", PATH))
            continue
        known = {variable.name for variable in _variables(prompt)}
        faults += [
            read.fault((section, "variables", name), "The prompt has no such variable", PATH, is_name=True)
            for name in said.variables
            if name not in known
        ]
    if faults:
        raise InvalidConfigError(tuple(faults))


async def _find(uow: UnitOfWork, workspace_id: UUID, reference: PromptReference) -> Prompt | None:
    return await uow.prompts.find_in(workspace_id, reference.prompt)


def _variables(prompt: Prompt) -> list[PromptVariable]:
    return msgspec.convert(prompt.variables, list[PromptVariable])


def _filled(prompt: Prompt, reference: PromptReference, inputs: Mapping[str, Any]) -> str:
    variables = _variables(prompt)
    values = {variable.name: inputs[variable.name] for variable in variables if variable.name in inputs}
    return render(prompt.text, variables, {**values, **reference.variables}).strip()
