"""Configurations of agents: what the YAML of one says, over what its definition says.

Mappings are merged, everything else replaces. What comes of it has the shape of `EffectiveConfig`, so a
misspelt name is told and not ignored. Model settings that neither says are the workspace's, at run time.
"""

from typing import Annotated, Any, Literal, cast
from uuid import UUID

import msgspec
from msgspec import Meta

from agents.errors import Fault, InvalidConfigError
from agents.yaml_text import read_mapping
from storage.models import AgentDefinition

PATH = "yaml_config"
INSTANCE_ID = "{{instance_id}}"


class LlmConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The model; what is null is the workspace's `default_llm_config`."""

    provider: str | None = None
    model: str | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    max_output_tokens: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None


class TriggerConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What starts a run by itself."""

    type: Literal["schedule", "webhook", "event"]
    config: dict[str, Any] = {}


class MemorySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the agent remembers."""

    type: str | None = None
    namespace: str | None = None


class RunSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How an agent runs: what happens while it is busy, and how far one run may go.

    `on_busy`: wait in line, be refused, or end the runs there are. Minutes count while it works, not while it
    waits for somebody.
    """

    on_busy: Literal["enqueue", "reject", "interrupt"] = "enqueue"
    max_at_once: Annotated[int, Meta(ge=1, le=20)] = 1
    max_steps: Annotated[int, Meta(ge=1, le=200)] = 40
    max_minutes: Annotated[int, Meta(ge=1, le=240)] = 15


class EffectiveConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an agent runs with."""

    llm: LlmConfig
    memory: MemorySettings
    triggers: Annotated[list[TriggerConfig], Meta(max_length=20)]
    instructions: Annotated[str, Meta(max_length=20_000)] | None = None
    inputs: dict[str, Any] = {}
    """What runs are given when whoever starts them says nothing else; keys of the definition's inputs."""
    runs: RunSettings = msgspec.field(default_factory=RunSettings)
    settings: dict[str, Any] = {}
    """What only this kind of agent knows."""


def effective_config(
    definition: AgentDefinition, yaml_config: str, instance_id: UUID, namespace: str | None
) -> dict[str, Any]:
    """Return what an agent runs with. Raises InvalidConfigError.

    `namespace` is the configuration's `external_memory_namespace`: it wins over the definition's template.
    """
    said = read_mapping(yaml_config, PATH)
    merged = _merge(_defaults(definition, instance_id), said)
    try:
        config = msgspec.convert(merged, EffectiveConfig)
    except msgspec.ValidationError as error:
        raise InvalidConfigError((_locate(error),)) from error
    faults = tuple(_input_faults(definition, config.inputs))
    if faults:
        raise InvalidConfigError(faults)
    if namespace is not None:
        memory = msgspec.structs.replace(config.memory, namespace=namespace)
        config = msgspec.structs.replace(config, memory=memory)
    return msgspec.to_builtins(config)


def _defaults(definition: AgentDefinition, instance_id: UUID) -> dict[str, Any]:
    """Return what a definition says, in the shape of a configuration."""
    models: list[str] = definition.stack_details.get("models_used", [])
    provider, _, model = models[0].partition(":") if models else ("", "", "")
    template: str | None = definition.memory_config.get("namespace_template")
    return {
        "llm": {"provider": provider, "model": model} if model else {},
        "memory": {
            "type": definition.memory_config.get("type"),
            "namespace": template and template.replace(INSTANCE_ID, str(instance_id)),
        },
        "triggers": definition.triggers_config,
    }


def _merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for name, value in above.items():
        old = merged.get(name)
        if isinstance(old, dict) and isinstance(value, dict):
            value = _merge(cast("dict[str, Any]", old), cast("dict[str, Any]", value))
        merged[name] = value
    return merged


def _input_faults(definition: AgentDefinition, inputs: dict[str, Any]) -> list[Fault]:
    types = {field["key"]: field["type"] for field in definition.inputs_schema}
    faults: list[Fault] = []
    for key, value in inputs.items():
        if key not in types:
            known = ", ".join(types) or "none"
            faults.append(Fault(f"{PATH}.inputs.{key}", f"No input of this agent; it has: {known}"))
        elif not fits(value, types[key]):
            faults.append(Fault(f"{PATH}.inputs.{key}", f"Expected a value of the type {types[key]}"))
    return faults


def fits(value: object, type: str) -> bool:
    """Tell whether a value is of a type that inputs of definitions have."""
    match type:
        case "string":
            return isinstance(value, str)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "boolean":
            return isinstance(value, bool)
        case _:
            return True


def _locate(error: msgspec.ValidationError) -> Fault:
    """Take msgspec's message apart: `Expected ... - at `$.llm.model`` becomes a path and a detail."""
    detail, _, place = str(error).partition(" - at `$")
    return Fault(PATH + place.removesuffix("`"), detail)
