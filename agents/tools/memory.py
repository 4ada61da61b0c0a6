"""What the agent remembers from one run to the next: for itself, and for whom it may know it."""

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from agents.config import config_of
from agents.memory import MAX_CHARACTERS, line_of, recall_alike, shelf_of
from agents.memory import remember as keep
from agents.ports import Kit
from agents.tools.base import Effect, Plan, ToolContext, ToolResult
from agents.tools.declaring import Tools
from agents.tools.errors import ToolError
from agents.tools.gate import is_first, workspace_of
from agents.tools.words import listed, short
from storage.access import memory_audience
from storage.models import AgentConfiguration, AgentMemory
from storage.repositories.llm import Payer
from storage.unit_of_work import UnitOfWork

tools = Tools()


class Remember(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is worth knowing in later runs."""

    text: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=MAX_CHARACTERS,
            pattern=r"^[^\x00]*[^\x00\s][^\x00]*$",
            description="One thing, in a sentence that makes sense by itself, with names and dates.",
        ),
    ]
    kind: Annotated[
        Literal["fact", "note"], Meta(description="`fact`: what is so; `note`: what is to be kept in mind.")
    ] = "fact"


class Recall(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is looked for in what you remember."""

    query: Annotated[
        str,
        Meta(max_length=1000, pattern=r"^[^\x00]*$", description="Words; without any: the newest memories."),
    ] = ""
    limit: Annotated[int, Meta(ge=1, le=50)] = 10


class Forget(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is not so any more."""

    memory_id: Annotated[UUID, Meta(description="The id of a memory, from `recall`.")]


@tools.tool("agents.read", needs_run=True)
async def remember(kit: Kit, context: ToolContext, arguments: Remember) -> Plan:
    """Remember something for later runs: preferences, decisions, facts that will be needed again."""
    agent = _rememberer(context)
    async with kit.database.read() as uow:
        await workspace_of(uow, context, "agents.read")

    async def commit() -> ToolResult:
        async with kit.database.transaction() as uow:
            await workspace_of(uow, context, "agents.read")
            if not await is_first(uow, context):
                return ToolResult("Remembered.", effects=(Effect("remembered something"),))
            memory, is_new = await keep(
                uow,
                agent,
                arguments.text.strip(),
                context.principal.id,
                kind=arguments.kind,
                place=context.place,
                learned_from=context.invoker_user_id,
                run_id=context.run_id,
            )
            if is_new:
                await _tell(uow, context, "agent.memory.added", memory)
        return ToolResult(f"Remembered as {memory.id}.", effects=(Effect("remembered something"),))

    return Plan(f"remember “{short(arguments.text)}”", commit)


@tools.tool("agents.read", needs_run=True)
async def recall(kit: Kit, context: ToolContext, arguments: Recall) -> ToolResult:
    """Look up what you remember from earlier runs, the best matches first."""
    agent = _rememberer(context)
    async with kit.database.read() as uow:
        await workspace_of(uow, context, "agents.read")
    payer = Payer(context.workspace_id, context.invoker_user_id, context.run_id)
    found = await recall_alike(
        kit.database, kit.embedder, payer, agent, context.caller, arguments.query, arguments.limit
    )
    lines = [
        f"[{memory.id}, {memory.kind}, {memory.updated_at:%Y-%m-%d}] {line_of(memory)}" for memory in found
    ]
    return ToolResult(listed(lines, "You remember nothing about this."), source="what was remembered before")


@tools.tool("agents.read", needs_run=True)
async def forget(kit: Kit, context: ToolContext, arguments: Forget) -> Plan:
    """Forget something that you remember, for good, because it is wrong or not needed any more."""
    agent = _rememberer(context)
    async with kit.database.read() as uow:
        memory = await _find(uow, context, agent, arguments.memory_id)
    if memory is None:
        raise ToolError("You remember nothing with this id.")

    async def commit() -> ToolResult:
        async with kit.database.transaction() as uow:
            found = await _find(uow, context, agent, arguments.memory_id)
            if found is not None:
                await uow.memories.remove(found)
                await _tell(uow, context, "agent.memory.forgotten", found)
        return ToolResult("Forgotten.", effects=(Effect("forgot something"),))

    return Plan(f"forget “{short(memory.text)}”", commit)


def _rememberer(context: ToolContext) -> AgentConfiguration:
    """Return the agent whose memory it is. Raises ToolError."""
    if context.agent is None or config_of(context.agent).memory.type is None:
        raise ToolError("This agent has no memory.")
    return context.agent


async def _find(
    uow: UnitOfWork, context: ToolContext, agent: AgentConfiguration, memory_id: UUID
) -> AgentMemory | None:
    await workspace_of(uow, context, "agents.read")
    shelf = shelf_of(agent)
    return await uow.memories.find(shelf, await memory_audience(uow, context.caller, shelf), memory_id)


async def _tell(uow: UnitOfWork, context: ToolContext, event: str, memory: AgentMemory) -> None:
    payload = {"memory_id": str(memory.id), "kind": memory.kind, "run_id": str(context.run_id)}
    subject = f"agent:{memory.agent_configuration_id}"
    await uow.events.append(context.workspace_id, event, context.principal.id, subject, payload)
