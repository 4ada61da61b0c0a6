"""Running the agent of an `agent_snippet` block: its answer is typed there."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from agents.runs import NewRun, request_run
from blocks.kinds.agent_snippet import KIND
from blocks.page import Block
from server.errors import ConflictError, NotFoundError
from server.rest.block_gate import InPage, find_block
from server.rest.blocks import BlockPath
from server.rest.fields import JsonObject, check_json
from server.rest.gate import find_owned
from server.rest.pages import document_of
from server.rest.runs import RunAnswer, Words, show_run
from server.routing import Routes, UserCall
from storage.models import AgentConfiguration, Page
from storage.unit_of_work import UnitOfWork

routes = Routes("Agents")

PROMPT = "prompt"
"""In a block's `input`: what to do, in words, where the agent takes no input of that name."""


class NewBlockRun(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the agent is given besides the block's `input`."""

    inputs: Annotated[JsonObject, Meta(description="Goes over the block's `input`.")] = {}
    prompt: (
        Annotated[Words, Meta(description="What to do, in words; else `prompt` of the block's `input`.")]
        | None
    ) = None


@routes.post("/v1/blocks/{block_id}/runs", "agents.run", status=201, refuses=(403, 409), idempotent=True)
async def run_block(call: UserCall, block_id: BlockPath, query: InPage, body: NewBlockRun) -> RunAnswer:
    """Have the agent of an `agent_snippet` block run, with the caller's rights.

    It types its answer into the block, behind what is there, and the block's `run_id` and `status` show the
    run. The answer comes at once: the run is `pending`. A block has one run at a time. To take an earlier
    answer out, undo its run.
    """
    check_json(body.inputs, "body.inputs")
    page, block = await find_block(call, block_id, query, "pages.write", to_write=True)
    agent_id = _agent_of(block)
    async with call.services.database.transaction() as uow:
        agent = await _find_agent(call, uow, page, agent_id)
        await uow.workspaces.keep(agent.workspace_id)
        await uow.agent_runs.hold_agent(agent.id)
        last = await uow.snippets.run_of(page.workspace_id, block.id)
        if last is not None and last.end_time is None:
            raise ConflictError("The block's run has not ended yet: cancel it first.", code="run_is_open")
        inputs, prompt = await _given(uow, agent, block, body)
        new = NewRun(
            agent=agent,
            trigger="manual",
            cause=call.actor,
            invoker_user_id=call.user_id,
            invoked_by=call.actor,
            inputs=inputs,
            prompt=prompt,
            place=document_of(page),
            place_item=block.id,
            answers_in_block=True,
        )
        return show_run(await request_run(uow, new), is_open=True)


def _agent_of(block: Block) -> UUID:
    """Return the agent that a block names. Raises ConflictError."""
    if block.is_deleted:
        raise ConflictError("The block is in its page's trash: restore it first.", code="block_trashed")
    if block.type != KIND.name:
        raise ConflictError("Only blocks of the type `agent_snippet` have an agent.", code="no_agent")
    named: object = block.content.get("agent_configuration_id")
    try:
        return UUID(named if isinstance(named, str) else "")
    except ValueError as error:
        raise ConflictError("The block names no agent.", code="no_agent") from error


async def _find_agent(call: UserCall, uow: UnitOfWork, page: Page, agent_id: UUID) -> AgentConfiguration:
    try:
        agent = await find_owned(call, uow.agent_configurations, agent_id, "agents.run", "agent")
    except NotFoundError:
        agent = None
    if agent is None or agent.workspace_id != page.workspace_id:
        raise ConflictError("The block names no agent of this workspace that you may see.", code="no_agent")
    return agent


async def _given(
    uow: UnitOfWork, agent: AgentConfiguration, block: Block, body: NewBlockRun
) -> tuple[dict[str, Any], str | None]:
    """Return the run's inputs and prompt."""
    written: object = block.content.get("input")
    inputs: dict[str, Any] = {**(written if isinstance(written, dict) else {}), **body.inputs}
    definition = await uow.agent_definitions.get(agent.agent_definition_id)
    assert definition is not None, "agents keep theirs"
    prompt = body.prompt
    if all(field["key"] != PROMPT for field in definition.inputs_schema):
        said = inputs.pop(PROMPT, None)
        if prompt is None and said is not None:
            prompt = said if isinstance(said, str) else msgspec.json.encode(said).decode()
    return inputs, prompt
