"""Agents that people mention, in a message or on a page: each mention is a run, once.

A message that begins with a slash is a command, whomever it mentions. What agents write starts nobody: they
have a tool for that. Who mentions an agent that does not run is told so in the channel.
"""

from uuid import UUID, uuid5

from agents.errors import InvalidInputsError, RunRefusedError
from agents.runs import MAX_PROMPT_CHARACTERS, NewRun, request_run
from blocks.commands import CommandFault, parse_command, slug_of
from server.background.commands import keep
from server.commands import Outcome
from storage.access import document_right, workspace_standing
from storage.callers import Caller, find_caller
from storage.models import AgentConfiguration, Event
from storage.unit_of_work import UnitOfWork

MOST_AGENTS = 5
"""That one message starts."""


def agents_called(event: Event) -> list[str]:
    """Return the agents that a new message calls."""
    if event.payload.get("sender_type") != "user":
        return []
    return [one["id"] for one in event.payload["mentions"] if one["kind"] == "agent"]


async def take_message(uow: UnitOfWork, event: Event) -> None:
    """Start the agents that a new message mentions."""
    named = agents_called(event)
    if not named:
        return
    message = await uow.messages.get(UUID(event.payload["channel_id"]), UUID(event.payload["message_id"]))
    if message is None or message.deleted or await uow.commands.is_known(message.channel_id, message.id):
        return
    text = message.content.get("text")
    caller = await find_caller(uow, message.sender_id)
    if not isinstance(text, str) or _is_command(text) or caller is None or caller.user_id is None:
        return
    refusals: list[tuple[AgentConfiguration, str]] = []
    for agent_id in list(dict.fromkeys(named))[:MOST_AGENTS]:
        agent = await uow.agent_configurations.find_in(event.workspace_id, UUID(agent_id))
        if agent is None:
            continue
        new = NewRun(
            agent=agent,
            trigger="command",
            cause=f"message:{message.id}",
            invoker_user_id=caller.user_id,
            invoked_by=caller.id,
            prompt=text[:MAX_PROMPT_CHARACTERS],
            place=f"channel:{message.channel_id}",
            place_item=str(message.id),
            run_id=uuid5(agent.id, f"mention:{message.channel_id}:{message.id}"),
        )
        refusal = await _start(uow, caller, new)
        if refusal is not None:
            refusals.append((agent, refusal))
    if refusals:
        # As the sender of a command is told.
        reasons = "\n\n".join(f"{agent.name}: {reason}" for agent, reason in refusals)
        await keep(uow, message, slug_of(refusals[0][0].name), Outcome("refused", reasons))


async def take_block(uow: UnitOfWork, event: Event) -> None:
    """Start the agent that a block of a page begins to mention."""
    caller = await find_caller(uow, event.actor or "")
    agent = await uow.agent_configurations.find_in(
        event.workspace_id, UUID(event.payload["agent_configuration_id"])
    )
    page_id, block_id = event.payload["page_id"], event.payload["block_id"]
    place = f"page:{page_id}"
    if caller is None or caller.user_id is None or agent is None:
        return
    if await document_right(uow, caller, place) == "none":
        return
    new = NewRun(
        agent=agent,
        trigger="command",
        cause=f"event:{event.id}",
        invoker_user_id=caller.user_id,
        invoked_by=caller.id,
        prompt=f"You were mentioned in the block {block_id} of the page {page_id}. Do what is asked there.",
        place=place,
        place_item=block_id,
        run_id=uuid5(agent.id, f"mention:{page_id}:{block_id}:{event.id}"),
    )
    refusal = await _start(uow, caller, new)
    if refusal is not None:
        payload = {"page_id": page_id, "block_id": block_id, "message": refusal}
        await uow.events.append(event.workspace_id, "agent.mention.refused", None, place, payload)


async def _start(uow: UnitOfWork, caller: Caller, new: NewRun) -> str | None:
    """Ask for a run; return why there will be none, if so."""
    found = await workspace_standing(uow, caller, new.agent.workspace_id)
    if found is None or not found[1].allows("agents.run"):
        return "You may not run agents in this workspace."
    try:
        await request_run(uow, new)
    except InvalidInputsError as error:
        missing = "; ".join(
            f"`{fault.path.removeprefix('inputs.')}`: {fault.detail}" for fault in error.faults
        )
        return f"It cannot be run by a mention, since it needs inputs: {missing}. Use its command."
    except RunRefusedError as error:
        return str(error)
    return None


def _is_command(text: str) -> bool:
    try:
        return parse_command(text) is not None
    except CommandFault:
        return True
