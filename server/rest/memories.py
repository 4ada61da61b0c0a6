"""What agents remember: people read it, correct it, add to it and delete it.

Whoever may see an agent sees what it learned where they may read, what it learned for them, and what is
nobody's. The rest does not exist for them.
"""

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from agents.memory import MAX_CHARACTERS, remember, shelf_of
from server.errors import NotFoundError
from server.rest.fields import Listing, Slice, Time, list_slice, read_cursor
from server.rest.gate import find_owned
from server.routing import Routes, UserCall
from storage.access import memory_audience
from storage.actions import Action
from storage.models import AgentConfiguration, AgentMemory, MemoryKind
from storage.unit_of_work import UnitOfWork

routes = Routes("Agents")

MemoryText = Annotated[
    str, Meta(min_length=1, max_length=MAX_CHARACTERS, pattern=r"^[^\x00]*[^\x00\s][^\x00]*$")
]


class MemoryAnswer(msgspec.Struct, frozen=True):
    """Something that an agent remembers."""

    id: UUID
    agent_configuration_id: Annotated[UUID, Meta(description="The agent that learned it.")]
    namespace: Annotated[str, Meta(description="Agents with the same one share it.")]
    kind: Annotated[MemoryKind, Meta(description="`run`: what became of a run.")]
    text: str
    place: Annotated[str | None, Meta(description="Where it was learned: it is for those who may read this.")]
    learned_from_user_id: Annotated[
        UUID | None, Meta(description="For whom it was learned; null with `place`: it is for everybody.")
    ]
    run_id: UUID | None
    written_by: Annotated[str, Meta(description="Who wrote it last, for instance `user:{id}`.")]
    created_at: Time
    updated_at: Time


class NewMemory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something that an agent is to know, whoever it works for."""

    text: MemoryText


class MemoryChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is right."""

    text: MemoryText | UnsetType = UNSET


class MemoryQuery(Slice, frozen=True, forbid_unknown_fields=True):
    """Which memories are wanted."""

    kind: MemoryKind | UnsetType = UNSET


@routes.get("/v1/agents/{agent_id}/memories", "agents.read")
async def list_memories(
    call: UserCall, uow: UnitOfWork, agent_id: UUID, query: MemoryQuery
) -> Listing[MemoryAnswer]:
    """List what an agent remembers that the caller may know, the newest first."""
    agent = await find_owned(call, uow.agent_configurations, agent_id, "agents.read", "agent")
    shelf = shelf_of(agent)
    rows = await uow.memories.list_in(
        shelf,
        await memory_audience(uow, call.caller, shelf),
        kind=None if query.kind is UNSET else query.kind,
        before=read_cursor(query, UUID),
        limit=query.limit + 1,
    )
    return list_slice(rows, query, _show, lambda memory: memory.id)


@routes.post("/v1/agents/{agent_id}/memories", "agents.write", status=201, refuses=(403,), idempotent=True)
async def add_memory(call: UserCall, uow: UnitOfWork, agent_id: UUID, body: NewMemory) -> MemoryAnswer:
    """Let an agent know something, for everybody it works for. What it knows already stays as it is."""
    agent = await find_owned(call, uow.agent_configurations, agent_id, "agents.write", "agent")
    memory, is_new = await remember(uow, agent, body.text, call.actor, kind="note")
    if is_new:
        await _tell(call, uow, "agent.memory.added", agent, memory)
    return _show(memory)


@routes.get("/v1/agents/{agent_id}/memories/{memory_id}", "agents.read")
async def get_memory(call: UserCall, uow: UnitOfWork, agent_id: UUID, memory_id: UUID) -> MemoryAnswer:
    """Return something that an agent remembers."""
    return _show((await _find(call, uow, agent_id, memory_id, "agents.read"))[1])


@routes.patch("/v1/agents/{agent_id}/memories/{memory_id}", "agents.write", refuses=(403,))
async def correct_memory(
    call: UserCall, uow: UnitOfWork, agent_id: UUID, memory_id: UUID, body: MemoryChange
) -> MemoryAnswer:
    """Correct what an agent remembers."""
    agent, memory = await _find(call, uow, agent_id, memory_id, "agents.write")
    if body.text is not UNSET and await uow.memories.change(memory, body.text, call.actor):
        await _tell(call, uow, "agent.memory.corrected", agent, memory)
    return _show(memory)


@routes.delete("/v1/agents/{agent_id}/memories/{memory_id}", "agents.write", refuses=(403,))
async def delete_memory(call: UserCall, uow: UnitOfWork, agent_id: UUID, memory_id: UUID) -> None:
    """Have an agent forget something, for good."""
    agent, memory = await _find(call, uow, agent_id, memory_id, "agents.write")
    await uow.memories.remove(memory)
    await _tell(call, uow, "agent.memory.forgotten", agent, memory)


@routes.delete("/v1/agents/{agent_id}/memories", "agents.write", refuses=(403,))
async def clear_memories(call: UserCall, uow: UnitOfWork, agent_id: UUID) -> None:
    """Have an agent forget everything for good, also what the caller may not read.

    So do the agents that share its namespace.
    """
    agent = await find_owned(call, uow.agent_configurations, agent_id, "agents.write", "agent")
    count = await uow.memories.clear(shelf_of(agent))
    if count:
        payload = {"count": count}
        await uow.events.append(
            agent.workspace_id, "agent.memory.cleared", call.actor, f"agent:{agent.id}", payload
        )


async def _find(
    call: UserCall, uow: UnitOfWork, agent_id: UUID, memory_id: UUID, action: Action
) -> tuple[AgentConfiguration, AgentMemory]:
    agent = await find_owned(call, uow.agent_configurations, agent_id, action, "agent")
    shelf = shelf_of(agent)
    memory = await uow.memories.find(shelf, await memory_audience(uow, call.caller, shelf), memory_id)
    if memory is None:
        raise NotFoundError("The agent remembers no such thing, or it is not for you to see.")
    return agent, memory


def _show(memory: AgentMemory) -> MemoryAnswer:
    return msgspec.convert(memory, MemoryAnswer, from_attributes=True)


async def _tell(
    call: UserCall, uow: UnitOfWork, event: str, agent: AgentConfiguration, memory: AgentMemory
) -> None:
    payload = {"memory_id": str(memory.id), "kind": memory.kind, "run_id": None}
    await uow.events.append(agent.workspace_id, event, call.actor, f"agent:{agent.id}", payload)
