"""Configurations of agents: what the YAML of one says, over what its definition says.

Mappings are merged, everything else replaces. What comes of it has the shape of `EffectiveConfig`, so a
misspelt name is told and not ignored, with its line and column. Model settings that neither says are the
workspace's, at run time.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast
from uuid import UUID

import msgspec

from agents.errors import Fault, InvalidConfigError
from agents.sections import APPROVALS, EffectiveConfig
from agents.tools.names import TOOL_NAMES
from agents.triggers import NO_SETTING, read_settings, unknown_inputs
from agents.yaml_text import Path, Read, read_placed
from storage.actions import SCOPES
from storage.models import AgentConfiguration, AgentDefinition

PATH = "yaml_config"
INSTANCE_ID = "{{instance_id}}"
MAX_CHARACTERS = 50_000
"""Of a YAML."""

_STEP = re.compile(r"\.(?P<name>\w+)|\[(?P<index>\d+)\]|(?P<any>\[\.\.\.\])")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)


def effective_config(
    definition: AgentDefinition, yaml_config: str, instance_id: UUID, namespace: str | None
) -> dict[str, Any]:
    """Return what an agent runs with. Raises InvalidConfigError with all that is wrong.

    `namespace` is the configuration's `external_memory_namespace`: it wins over the YAML and the definition.
    """
    if len(yaml_config) > MAX_CHARACTERS:
        raise InvalidConfigError((Fault(PATH, f"More than {MAX_CHARACTERS} characters"),))
    read = read_placed(yaml_config, PATH)
    defaults = _defaults(definition)
    merged = _merge(defaults, read.mapping)
    sound = {name: value for name, value in merged.items() if _misfit({name: value}) is None}
    config = msgspec.convert(sound, EffectiveConfig)
    faults = [_locate(error, merged, read) for error in _shape_faults(merged)]
    faults += _meaning_faults(definition, config, read)
    if "tools" in sound:
        faults += _lax_faults(defaults, read)
    if faults:
        raise InvalidConfigError(tuple(faults))
    wanted = namespace or config.memory.namespace or f"agent_{INSTANCE_ID}"
    memory = msgspec.structs.replace(config.memory, namespace=wanted.replace(INSTANCE_ID, str(instance_id)))
    return msgspec.to_builtins(msgspec.structs.replace(config, memory=memory))


def config_of(agent: AgentConfiguration) -> EffectiveConfig:
    """Return what an agent runs with, as it was computed. Raises InvalidConfigError where nothing fits."""
    if agent.effective_config_cache is None:
        detail = "It does not fit its definition any more: change it, and the answer says what is wrong"
        raise InvalidConfigError((Fault(PATH, detail),))
    return msgspec.convert(agent.effective_config_cache, EffectiveConfig)


def _defaults(definition: AgentDefinition) -> dict[str, Any]:
    """Return what a definition says, in the shape of a configuration."""
    models: list[str] = definition.stack_details.get("models_used", [])
    provider, _, model = models[0].partition(":") if models else ("", "", "")
    described = {
        "llm": {"provider": provider, "model": model} if model else {},
        "memory": {
            "type": definition.memory_config.get("type"),
            "namespace": definition.memory_config.get("namespace_template"),
        },
        "triggers": definition.triggers_config,
    }
    return _merge(described, definition.default_config)


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for name, value in above.items():
        old = merged.get(name)
        if isinstance(old, dict) and isinstance(value, dict):
            value = _merge(cast("dict[str, Any]", old), cast("dict[str, Any]", value))
        merged[name] = value
    return merged


def _shape_faults(merged: Mapping[str, Any]) -> Iterator[msgspec.ValidationError]:
    """Yield what does not fit: of each setting of a section the first thing."""
    for name, value in merged.items():
        if error := _misfit({name: value}):
            yield from _faults_inside(name, value) or (error,)


def _faults_inside(section: str, value: object) -> list[msgspec.ValidationError]:
    """Return what does not fit of a section, setting by setting, where none of them needs another."""
    if not isinstance(value, dict) or _misfit({section: {}}) is not None:
        return []
    settings = cast("dict[str, object]", value).items()
    return [error for name, one in settings if (error := _misfit({section: {name: one}}))]


def _misfit(values: Mapping[str, Any]) -> msgspec.ValidationError | None:
    try:
        msgspec.convert(values, EffectiveConfig)
    except msgspec.ValidationError as error:
        return error
    return None


def _locate(error: msgspec.ValidationError, merged: Mapping[str, Any], read: Read) -> Fault:
    """Take msgspec's message apart: `Expected ... - at `$.llm.model`` becomes a place and a detail."""
    detail, _, place = str(error).partition(" - at ")
    is_name = place.startswith("`key`")
    path: Path = ()
    for step in _STEP.finditer(place.rpartition("`$")[2]):
        if step["any"]:
            path = (*path, _wrong_name(str(error), merged, path))
        else:
            path = (*path, step["name"] if step["index"] is None else int(step["index"]))
    if is_name:
        path = (*path, _wrong_name(str(error), merged, path))
    elif unknown := _UNKNOWN.fullmatch(detail):
        path, detail, is_name = (*path, unknown[1]), NO_SETTING, True
    return read.fault(path, detail, PATH, is_name=is_name)


def _wrong_name(message: str, merged: Mapping[str, Any], path: Path) -> str:
    """Return which name of the mapping at a path an error is about: msgspec does not say."""
    inside = _at(merged, path)
    for name, value in inside.items():
        error = _misfit(_alone(merged, path, {name: value}))
        if error is not None and str(error) == message:
            return name
    return "*"


def _at(merged: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    found: Any = merged
    for step in path:
        found = found[step]
    return found


def _alone(merged: Mapping[str, Any], path: Path, value: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the section that a path leads into, with another value at its end."""
    section = cast(
        "dict[str, Any]", msgspec.json.decode(msgspec.json.encode({path[0]: merged[str(path[0])]}))
    )
    place: Any = section
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return section


def _meaning_faults(definition: AgentDefinition, config: EffectiveConfig, read: Read) -> Iterator[Fault]:
    """Yield what has the right shape and means nothing."""
    yield from _input_faults(definition, config.inputs, read)
    for n, scope in enumerate(config.grant.scopes):
        if scope not in SCOPES:
            yield read.fault(("grant", "scopes", n), "There is no such scope", PATH)
    for n, tool in enumerate(config.tools.allowed or ()):
        if not _is_tool(tool, config):
            yield read.fault(("tools", "allowed", n), "There is no such tool", PATH)
    for tool in config.tools.approval:
        if not _is_tool(tool, config):
            yield read.fault(("tools", "approval", tool), "There is no such tool", PATH, is_name=True)
    if "triggers" in read.mapping:  # those of definitions are checked with the catalogue
        yield from _trigger_faults(definition, config, read)


def _trigger_faults(definition: AgentDefinition, config: EffectiveConfig, read: Read) -> Iterator[Fault]:
    """Yield what no trigger of its type can say; an input that is lacking can still come."""
    for n, trigger in enumerate(config.triggers):
        path = f"{PATH}.triggers[{n}].config"
        try:
            settings = read_settings(trigger.type, trigger.config, path)
            faults = unknown_inputs(definition.inputs_schema, settings, path)
        except InvalidConfigError as error:
            faults = error.faults
        for fault in faults:
            yield read.locate(fault, PATH, is_name=fault.detail == NO_SETTING)


def _is_tool(name: str, config: EffectiveConfig) -> bool:
    """Tell whether there can be a tool of a name: what other servers have is not known beforehand."""
    server, dot, _ = name.partition(".")
    return server in config.tools.mcp_servers if dot else name in TOOL_NAMES


def _lax_faults(defaults: Mapping[str, Any], read: Read) -> Iterator[Fault]:
    """Yield what only a definition may say, and what is less strict than it says."""
    said, given = read.mapping.get("tools", {}), defaults.get("tools", {})
    if "can_be_auto" in said:
        yield read.fault(("tools", "can_be_auto"), "Only a definition says this", PATH, is_name=True)
    strict: dict[str, Any] = given.get("approval", {})
    for tool, approval in said.get("approval", {}).items():
        least = strict.get(tool, "auto")
        is_free = tool in given.get("can_be_auto", [])
        if not is_free and APPROVALS.index(approval) < APPROVALS.index(least):
            detail = f"The definition says `{least}`, and a configuration can only be stricter"
            yield read.fault(("tools", "approval", tool), detail, PATH)


def _input_faults(definition: AgentDefinition, inputs: Mapping[str, Any], read: Read) -> Iterator[Fault]:
    types = {field["key"]: field["type"] for field in definition.inputs_schema}
    for key, value in inputs.items():
        if key not in types:
            known = ", ".join(types) or "none"
            yield read.fault(("inputs", key), f"No input of this agent; it has: {known}", PATH)
        elif not fits(value, types[key]):
            yield read.fault(("inputs", key), f"Expected a value of the type {types[key]}", PATH)


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
