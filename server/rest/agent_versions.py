"""Configurations of agents as they are checked, described, and were before."""

import difflib
from collections.abc import Iterator
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.responses import Response

from agents.catalogue import DefinitionId
from agents.config import PATH, effective_config
from agents.config_schema import config_schema
from agents.configurations import change_agent, checked_config
from agents.errors import InvalidConfigError
from agents.sections import EffectiveConfig
from server.errors import ConflictError, NotFoundError
from server.rest.agents import AgentAnswer, Namespace, YamlText, show_agent, tell
from server.rest.fields import Listing, Slice, Time, list_slice, read_cursor
from server.rest.gate import find_owned
from server.routing import Routes, UserCall
from storage.models import AgentConfiguration, AgentVersion
from storage.repositories.agent_versions import VERSIONED
from storage.unit_of_work import UnitOfWork

routes = Routes("Agents")

Number = Annotated[int, Meta(ge=1, le=2**31 - 1)]
NumberPath = Annotated[
    str, Meta(pattern="^[1-9][0-9]{0,8}$", description="The number of a version of an agent, from 1.")
]


class ConfigFault(msgspec.Struct, frozen=True):
    """Something that is wrong with a configuration."""

    path: Annotated[str, Meta(description="For instance `yaml_config.llm.temperature`.")]
    detail: str
    line: int | None
    column: int | None


class ConfigCheck(msgspec.Struct, frozen=True):
    """What would come of a YAML."""

    is_valid: bool
    faults: list[ConfigFault]
    effective_config: EffectiveConfig | None


class ConfigToCheck(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an agent of this kind might be told."""

    yaml_config: YamlText = ""


class ChangeToCheck(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the agent might be told; what is left out is as it is."""

    yaml_config: YamlText | UnsetType = UNSET
    external_memory_namespace: Namespace | UnsetType | None = UNSET


class VersionLine(msgspec.Struct, frozen=True, kw_only=True):
    """An agent as somebody left it."""

    number: Number
    name: str
    changed_by: Annotated[str, Meta(description="For instance `user:{id}`.")]
    changed_at: Time
    definition_version: str
    restored_from: Annotated[Number | None, Meta(description="The version that was brought back.")]
    is_current: bool


class AgentVersionAnswer(VersionLine, frozen=True, kw_only=True):
    """The same with all that was configured."""

    description: str | None
    yaml_config: str
    external_memory_namespace: str | None


class YamlLine(msgspec.Struct, frozen=True):
    """A line of the YAML, in both versions or in one."""

    change: Literal["same", "removed", "added"]
    text: str


class FieldDifference(msgspec.Struct, frozen=True):
    """Another field that differs."""

    name: str
    before: str | None
    after: str | None


class VersionDifference(msgspec.Struct, frozen=True):
    """What became of one version in another."""

    before: Number
    after: Number
    fields: list[FieldDifference]
    yaml_config: list[YamlLine]


class CompareQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """With which version."""

    to: Annotated[Number, Meta(description="Without it: with the agent as it is now.")] | UnsetType = UNSET


class SchemaDocument(Response):
    """A JSON Schema."""

    media_type = "application/schema+json"


@routes.get("/v1/agent-config-schema", "signed_in")
async def get_agent_config_schema(call: UserCall) -> SchemaDocument:
    """Return the JSON Schema of agents' YAML, for editors."""
    return SchemaDocument(config_schema())


@routes.post("/v1/agent-definitions/{definition_id}/validate", "signed_in")
async def validate_new_config(
    call: UserCall, uow: UnitOfWork, definition_id: DefinitionId, body: ConfigToCheck
) -> ConfigCheck:
    """Check a YAML for a new agent of this kind. Prompts that it names are not looked up."""
    definition = await uow.agent_definitions.get(definition_id)
    if definition is None:
        raise NotFoundError("There is no such kind of agent.")
    try:
        found = effective_config(definition, body.yaml_config, uow.new_id(), None)
    except InvalidConfigError as error:
        return _refused(error)
    return _fits(found)


@routes.post("/v1/agents/{agent_id}/validate", "agents.read")
async def validate_config(
    call: UserCall, uow: UnitOfWork, agent_id: UUID, body: ChangeToCheck
) -> ConfigCheck:
    """Check what a change of an agent would come to. Nothing is changed."""
    agent = await find_owned(call, uow.agent_configurations, agent_id, "agents.read", "agent")
    definition = await uow.agent_definitions.get(agent.agent_definition_id)
    assert definition is not None
    text = agent.yaml_config if body.yaml_config is UNSET else body.yaml_config
    namespace = body.external_memory_namespace
    if namespace is UNSET:
        namespace = agent.external_memory_namespace
    try:
        found = await checked_config(uow, agent, definition, text, namespace)
    except InvalidConfigError as error:
        return _refused(error)
    return _fits(found)


@routes.get("/v1/agents/{agent_id}/versions", "agents.read")
async def list_agent_versions(
    call: UserCall, uow: UnitOfWork, agent_id: UUID, query: Slice
) -> Listing[VersionLine]:
    """List what an agent was, the newest first; the first is what it is now. The newest 200 are kept."""
    agent = await find_owned(call, uow.agent_configurations, agent_id, "agents.read", "agent")
    before = read_cursor(query, tuple[Number])
    rows = await uow.agent_versions.list_of(
        agent.id, before=before[0] if before else None, limit=query.limit + 1
    )
    return list_slice(rows, query, lambda row: _line(agent, row), lambda row: (row.number,))


@routes.get("/v1/agents/{agent_id}/versions/{number}", "agents.read")
async def get_agent_version(
    call: UserCall, uow: UnitOfWork, agent_id: UUID, number: NumberPath
) -> AgentVersionAnswer:
    """Return a version of an agent."""
    agent = await find_owned(call, uow.agent_configurations, agent_id, "agents.read", "agent")
    row = await _find(uow, agent, int(number))
    return AgentVersionAnswer(
        **msgspec.structs.asdict(_line(agent, row)),
        description=row.description,
        yaml_config=row.yaml_config,
        external_memory_namespace=row.external_memory_namespace,
    )


@routes.get("/v1/agents/{agent_id}/versions/{number}/compare", "agents.read")
async def compare_agent_versions(
    call: UserCall, uow: UnitOfWork, agent_id: UUID, number: NumberPath, query: CompareQuery
) -> VersionDifference:
    """Tell what differs between a version of an agent and another."""
    agent = await find_owned(call, uow.agent_configurations, agent_id, "agents.read", "agent")
    before = await _find(uow, agent, int(number))
    after = await _find(uow, agent, agent.version if query.to is UNSET else query.to)
    fields = [
        FieldDifference(name, getattr(before, name), getattr(after, name))
        for name in VERSIONED
        if name != PATH and getattr(before, name) != getattr(after, name)
    ]
    lines = list(_lines(before.yaml_config, after.yaml_config))
    return VersionDifference(before.number, after.number, fields, lines)


@routes.post("/v1/agents/{agent_id}/versions/{number}/restore", "agents.write", refuses=(403, 409))
async def restore_agent_version(
    call: UserCall, uow: UnitOfWork, agent_id: UUID, number: NumberPath
) -> AgentAnswer:
    """Make an agent what it was: a new version, unless nothing differs. Its status stays."""
    agent = await find_owned(call, uow.agent_configurations, agent_id, "agents.write", "agent")
    row = await _find(uow, agent, int(number))
    values = {name: getattr(row, name) for name in VERSIONED}
    try:
        is_changed = await change_agent(uow, agent, values, call.actor, restored_from=row.number)
    except InvalidConfigError as error:
        fault = error.faults[0]
        raise ConflictError(
            f"That version does not fit any more: {fault.path}: {fault.detail}.", code="version_does_not_fit"
        ) from error
    if is_changed:
        await tell(call, uow, "agent.updated", agent)
    return show_agent(agent)


async def _find(uow: UnitOfWork, agent: AgentConfiguration, number: int) -> AgentVersion:
    row = await uow.agent_versions.get(agent.id, number)
    if row is None:
        raise NotFoundError("There is no such version, or not any more.")
    return row


def _line(agent: AgentConfiguration, row: AgentVersion) -> VersionLine:
    return VersionLine(
        number=row.number,
        name=row.name,
        changed_by=row.changed_by,
        changed_at=row.changed_at,
        definition_version=row.definition_version,
        restored_from=row.restored_from,
        is_current=row.number == agent.version,
    )


def _lines(before: str, after: str) -> Iterator[YamlLine]:
    old, new = before.splitlines(), after.splitlines()
    for change, first, last, other_first, other_last in difflib.SequenceMatcher(
        None, old, new, autojunk=False
    ).get_opcodes():
        if change == "equal":
            yield from (YamlLine("same", text) for text in old[first:last])
            continue
        yield from (YamlLine("removed", text) for text in old[first:last])
        yield from (YamlLine("added", text) for text in new[other_first:other_last])


def _refused(error: InvalidConfigError) -> ConfigCheck:
    faults = [ConfigFault(fault.path, fault.detail, fault.line, fault.column) for fault in error.faults]
    return ConfigCheck(is_valid=False, faults=faults, effective_config=None)


def _fits(effective: dict[str, Any]) -> ConfigCheck:
    config = msgspec.convert(effective, EffectiveConfig)
    return ConfigCheck(is_valid=True, faults=[], effective_config=config)
