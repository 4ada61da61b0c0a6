"""The catalogue of agents: the same for everybody, and read only. It comes with the program."""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from agents.catalogue import (
    DefinitionId,
    InputField,
    MemoryConfig,
    OutputField,
    Service,
    StackDetails,
    Trigger,
)
from server.errors import NotFoundError
from server.rest.fields import Line, Listing, Slice, Time, list_slice, read_cursor
from server.routing import Routes, UserCall
from storage.models import AgentDefinition, DefinitionStatus
from storage.unit_of_work import UnitOfWork

routes = Routes("Agents")


class AgentDefinitionAnswer(msgspec.Struct, frozen=True):
    """A kind of agent."""

    id: str
    name: str
    epithet: str | None
    tagline: str | None
    introduction_text: str | None
    archetype: str | None
    dna_phrase: str | None
    core_capabilities: list[str]
    essence_punch: str | None
    essence_interpretation: str | None
    version: str
    description: str
    triggers_config: list[Trigger]
    inputs_schema: list[InputField]
    outputs_config: list[OutputField]
    stack_details: StackDetails
    memory_config: MemoryConfig
    default_file_structure_template: str | None
    key_files_and_paths: dict[str, Any] | None
    scheduling_and_triggers_summary: str | None
    kpis_definition: str | None
    failure_fallback_strategy: str | None
    example_integration_flow: str | None
    dynamic_expansion_notes: str | None
    escape_the_obvious_feature: str | None
    underlying_services_required: list[Service]
    default_config: Annotated[
        dict[str, Any], Meta(description="What its agents begin with, in the shape of a configuration.")
    ]
    category: str
    status: DefinitionStatus
    created_at: Time
    updated_at: Time


class DefinitionQuery(Slice, frozen=True, forbid_unknown_fields=True):
    """Which definitions are wanted."""

    category: Line | UnsetType = UNSET
    status: DefinitionStatus | UnsetType = UNSET


@routes.get("/v1/agent-definitions", "signed_in")
async def list_agent_definitions(
    call: UserCall, uow: UnitOfWork, query: DefinitionQuery
) -> Listing[AgentDefinitionAnswer]:
    """List the kinds of agents there are, by id."""
    after = read_cursor(query, tuple[DefinitionId])
    rows = await uow.agent_definitions.list_all(
        category=None if query.category is UNSET else query.category,
        status=None if query.status is UNSET else query.status,
        after=after[0] if after else None,
        limit=query.limit + 1,
    )
    return list_slice(rows, query, show_definition, lambda definition: (definition.id,))


@routes.get("/v1/agent-definitions/{definition_id}", "signed_in")
async def get_agent_definition(
    call: UserCall, uow: UnitOfWork, definition_id: DefinitionId
) -> AgentDefinitionAnswer:
    """Return a kind of agent."""
    definition = await uow.agent_definitions.get(definition_id)
    if definition is None:
        raise NotFoundError("There is no such kind of agent.")
    return show_definition(definition)


def show_definition(definition: AgentDefinition) -> AgentDefinitionAnswer:
    """Return a definition as everybody sees it."""
    return msgspec.convert(definition, AgentDefinitionAnswer, from_attributes=True)
