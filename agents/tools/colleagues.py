"""The other agents of a workspace: who there is, and having one do something."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from agents.errors import AgentError
from agents.ports import Kit
from agents.runs import NewRun, request_run
from agents.tools.base import Plan, ToolContext, ToolResult
from agents.tools.declaring import Tools
from agents.tools.errors import ToolError, ToolPause
from agents.tools.gate import workspace_of
from agents.tools.words import listed, short
from storage.models import AgentConfiguration
from storage.unit_of_work import UnitOfWork

tools = Tools()

MOST_AGENTS = 200


class ListAgents(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which agents."""

    after: Annotated[UUID | None, Meta(description="The last agent of the part before.")] = None


class CallAgent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which agent is to do what."""

    agent_id: Annotated[UUID, Meta(description="The id of an agent, as list_agents gives it.")]
    task: Annotated[
        str, Meta(min_length=1, max_length=20_000, pattern=r"^[^\x00]*$", description="In your words.")
    ]
    inputs: Annotated[dict[str, Any], Meta(max_length=100, description="What it takes, by name.")] = {}


@tools.tool("agents.read")
async def list_agents(kit: Kit, context: ToolContext, arguments: ListAgents) -> ToolResult:
    """List the active agents of the workspace: id, name, what each is for and what it takes."""
    async with kit.database.read() as uow:
        await workspace_of(uow, context, "agents.read")
        rows = await uow.agents.list_in(
            context.workspace_id,
            status="active",
            definition_id=None,
            after=arguments.after,
            limit=MOST_AGENTS + 1,
        )
        lines = [await _line_of(uow, row) for row in rows[:MOST_AGENTS]]
    if len(rows) > MOST_AGENTS:
        lines.append(f"[more: go on with after={rows[MOST_AGENTS - 1].id}]")
    return ToolResult(listed(lines, "There are no agents."), source="the list of agents")


@tools.tool("agents.run", needs_run=True)
async def call_agent(kit: Kit, context: ToolContext, arguments: CallAgent) -> Plan:
    """Have another agent do something, and wait for what comes of it."""
    async with kit.database.read() as uow:
        agent = await _find(uow, context, arguments.agent_id)
    run_id = context.new_id("run")

    async def commit() -> ToolResult:
        try:
            async with kit.database.transaction() as uow:
                await request_run(uow, await _new_run(uow, context, arguments, run_id))
        except ToolError:
            raise
        except AgentError as error:
            raise ToolError(f"{short(agent.name)} cannot be called: {error}") from error
        raise ToolPause("run", {"run_id": str(run_id), "agent_id": str(agent.id)})

    return Plan(f"have the agent {short(agent.name)} do this: {short(arguments.task, 1000)}", commit)


async def _find(uow: UnitOfWork, context: ToolContext, agent_id: UUID) -> AgentConfiguration:
    """Return an agent that can be called. Raises ToolError."""
    await workspace_of(uow, context, "agents.run")
    agent = await uow.agent_configurations.find_in(context.workspace_id, agent_id)
    if agent is None or agent.status != "active":
        raise ToolError("There is no such agent: list_agents gives those there are.")
    if agent.id in await _at_work(uow, context):
        # It would wait for itself.
        raise ToolError("This agent is at work on this already, and waits for what comes of it.")
    return agent


async def _at_work(uow: UnitOfWork, context: ToolContext) -> set[UUID]:
    """Return the agents of this run and of those that it was called by."""
    found: set[UUID] = set()
    run_id: UUID | None = context.run_id
    while run_id is not None:
        run = await uow.agent_runs.get(run_id)
        if run is None:
            break
        found.add(run.agent_configuration_id)
        run_id = run.parent_run_id
    return found


async def _new_run(uow: UnitOfWork, context: ToolContext, arguments: CallAgent, run_id: UUID) -> NewRun:
    own = await uow.agent_runs.get(context.run_id)
    return NewRun(
        agent=await _find(uow, context, arguments.agent_id),
        trigger="command",
        cause=f"run:{context.run_id}",
        invoker_user_id=context.invoker_user_id,
        invoked_by=own.invoked_by if own is not None else None,
        inputs=arguments.inputs,
        prompt=arguments.task,
        place=context.place,
        place_item=context.place_item,
        parent_run_id=context.run_id,
        depth=context.depth + 1,
        run_id=run_id,
        is_dry=context.is_dry,
    )


async def _line_of(uow: UnitOfWork, agent: AgentConfiguration) -> str:
    definition = await uow.agent_definitions.get(agent.agent_definition_id)
    about = agent.description or (definition.description if definition else "")
    fields: list[dict[str, Any]] = definition.inputs_schema if definition else []
    takes = ", ".join(
        f"{one['key']}: {one['type']}{'' if one.get('required') else ' (optional)'}" for one in fields
    )
    return f"{agent.id} {short(agent.name)}: {short(about)} Takes: {takes or 'nothing'}."
