"""Slash commands: recognised wherever the message came from, answered in the channel, handed on as events.

A consumer follows `message.posted`. In the transaction that moves its cursor it writes what a command comes
to: a row with the answer, and the run that is asked for. So each command counts once,
whatever is killed when. The answers are posted from their rows, under ids that were chosen before: posting
one again is no second answer.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID, uuid5

from agents.errors import InvalidInputsError, RunRefusedError
from agents.runs import NewRun, request_run
from blocks import channel
from blocks.channel_content import AgentCommandResponse
from blocks.commands import Command, CommandFault, parse_command
from crdt.errors import CrdtError
from server.background.consumers import Following
from server.background.leadership import LEASE_SECONDS, Leadership
from server.background.pacing import at_news
from server.chat import CHAT
from server.commands import Outcome, decide
from server.documents.writing import Writer
from storage.callers import Caller, find_caller
from storage.engine import Database
from storage.event_feed import EventFeed
from storage.models import ChatCommand, ChatMessage, Event
from storage.paging import each_row
from storage.repositories.consumers import Beginning
from storage.unit_of_work import UnitOfWork

logger = logging.getLogger(__name__)

RETRY_SECONDS = 5.0


class CommandConsumer:
    """Implements `Consumer`: turns messages that are commands into answers and events."""

    name = "commands"
    beginning: Beginning = "now"

    async def wants(self, events: Sequence[Event]) -> bool:
        """Want messages of people."""
        return any(_is_of_person(event) for event in events)

    async def handle(self, uow: UnitOfWork, events: Sequence[Event]) -> None:
        """Take the commands among new messages."""
        posted = [
            (UUID(event.payload["channel_id"]), UUID(event.payload["message_id"]))
            for event in events
            if _is_of_person(event)
        ]
        messages: dict[tuple[UUID, UUID], ChatMessage] = {}
        for channel_id in dict(posted):
            ids = [id_ for where, id_ in posted if where == channel_id]
            found = await uow.projected_messages.find(channel_id, ids)
            messages |= {(channel_id, id_): message for id_, message in found.items()}
        for place in posted:
            if (message := messages.get(place)) is not None:
                await _take(uow, message)


def _is_of_person(event: Event) -> bool:
    return event.type == "message.posted" and event.payload.get("sender_type") == "user"


async def _take(uow: UnitOfWork, message: ChatMessage) -> None:
    text = message.content.get("text") if message.content_type in ("text", "markdown") else None
    try:
        command = parse_command(text) if isinstance(text, str) else None
        fault = None
    except CommandFault as error:
        command, fault = Command(error.name, {}), error.reason
    if command is None or await uow.commands.is_known(message.channel_id, message.id):
        return
    caller = await find_caller(uow, message.sender_id)
    if caller is None or caller.user_id is None:
        return  # gone since
    outcome = await decide(uow, caller, message.workspace_id, command, fault)
    outcome = await _ask_for_run(uow, message, command, caller, outcome)
    await keep(uow, message, command.name, outcome)
    if outcome.agent_configuration_id is not None:
        await uow.events.append(
            message.workspace_id,
            "agent.command.received",
            message.sender_id,
            f"channel:{message.channel_id}",
            {
                "channel_id": str(message.channel_id),
                "message_id": str(message.id),
                "user_id": str(caller.user_id),
                "agent_configuration_id": str(outcome.agent_configuration_id),
                "command": command.name,
                "arguments": command.arguments,
                "prompt": command.prompt,
            },
        )


async def _ask_for_run(
    uow: UnitOfWork, message: ChatMessage, command: Command, caller: Caller, outcome: Outcome
) -> Outcome:
    """Have the agent run that was commanded; return what the sender is told, which may be why it will not."""
    if outcome.agent_configuration_id is None:
        return outcome
    agent = await uow.agent_configurations.find_in(message.workspace_id, outcome.agent_configuration_id)
    assert agent is not None, "it was found just now"
    new = NewRun(
        agent=agent,
        trigger="command",
        cause=caller.id,
        invoker_user_id=caller.user_id,
        invoked_by=caller.id,
        inputs=command.arguments,
        prompt=command.prompt or None,
        place=f"channel:{message.channel_id}",
        place_item=str(message.id),
        run_id=uuid5(message.channel_id, f"command:{message.id}"),
    )
    try:
        await request_run(uow, new)
    except InvalidInputsError as error:
        faults = "\n".join(
            f"- `{fault.path.removeprefix('inputs.')}`: {fault.detail}" for fault in error.faults
        )
        return Outcome("refused", f"{agent.name} cannot do this:\n{faults}")
    except RunRefusedError as error:
        return Outcome("refused", str(error))
    return outcome


async def keep(uow: UnitOfWork, message: ChatMessage, name: str, outcome: Outcome) -> None:
    """Keep what a message of somebody's comes to, and tell it where no run is; its answer is posted later."""
    await uow.commands.add(
        ChatCommand(
            channel_id=message.channel_id,
            message_id=message.id,
            workspace_id=message.workspace_id,
            thread_id=message.thread_id,
            command=name,
            status=outcome.status,
            answer=outcome.text,
            response_id=uow.new_id(),
            created_at=uow.now,
        )
    )
    if outcome.agent_configuration_id is None:
        payload = {
            "channel_id": str(message.channel_id),
            "message_id": str(message.id),
            "command": name,
            "status": outcome.status,
        }
        await uow.events.append(
            message.workspace_id,
            "command.answered",
            message.sender_id,
            f"channel:{message.channel_id}",
            payload,
        )


class Commands:
    """Follows the commands of all workspaces, and answers them."""

    def __init__(
        self,
        database: Database,
        feed: EventFeed,
        writer: Writer,
        clock: Callable[[], datetime],
        *,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self._database = database
        self._feed = feed
        self._writer = writer
        self._clock = clock
        self._following = Following(database, feed, CommandConsumer(), lease_seconds=lease_seconds)
        self._leadership = Leadership(database, "command-answers", lease_seconds=lease_seconds)

    async def follow(self) -> None:
        """Take commands whenever no other process does, until the task is cancelled."""
        await self._following.run()

    async def answer(self) -> None:
        """Post answers whenever no other process does, until the task is cancelled."""
        await self._leadership.lead(self._answer_all)

    async def _answer_all(self) -> None:
        await at_news(
            self._feed,
            self.answer_open,
            RETRY_SECONDS,
            "commands cannot be answered now",
            concerning=("command.answered", "agent.command.received"),
        )

    async def answer_open(self) -> None:
        """Post all answers that have not been posted."""
        unanswered = each_row(
            self._database,
            lambda uow, after, limit: uow.commands.unanswered(after=after, limit=limit),
            lambda command: command.response_id,
        )
        async for command in unanswered:
            await self._answer(command)

    async def _answer(self, command: ChatCommand) -> None:
        content = AgentCommandResponse(
            text=command.answer,
            command=command.command,
            command_message_id=command.message_id,
            status=command.status,
        )
        created_at = self._clock().isoformat().replace("+00:00", "Z")
        try:
            await self._writer.write(
                f"channel:{command.channel_id}",
                CHAT,
                lambda doc: channel.post(
                    doc,
                    str(command.response_id),
                    content,
                    sender_id=CHAT.id,
                    sender_type="agent",
                    created_at=created_at,
                    thread_id=str(command.thread_id) if command.thread_id else None,
                ),
            )
        except CrdtError as error:
            logger.warning("a command in channel %s is not answered yet: %s", command.channel_id, error)
            return
        async with self._database.transaction() as uow:
            await uow.commands.note_answer(command.channel_id, command.message_id)
