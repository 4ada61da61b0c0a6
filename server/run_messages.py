"""What channels hear of runs that were called there: how one is going, its answer, how it ended.

The answer is the agent's own message, with the rights of its run. How it is going is told by the server, in
one message that is edited; also when the run ends where nothing runs any more, since `follow` sees to that.
"""

import logging
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import pycrdt

from blocks import channel
from blocks.channel_content import AgentCommandResponse, write_content
from blocks.errors import BlocksError, UnknownMessageError
from crdt.errors import CrdtError, DocumentDamaged, DocumentRefused, UpdateRefused
from crdt.ports import Principal
from server.background.leadership import LEASE_SECONDS, Leadership
from server.background.pacing import at_news
from server.chat import CHAT
from server.documents.writing import Writer
from storage.access import document_right
from storage.callers import caller_of_run, parse_document_name
from storage.engine import Database
from storage.errors import StorageError, StoreUnavailableError
from storage.event_feed import EventFeed
from storage.models import AgentConfiguration, AgentRunLog
from storage.paging import each_row

logger = logging.getLogger(__name__)

RETRY_SECONDS = 5.0
PROGRESS_SECONDS = 1.0
"""Between two edits of the message that tells how a run is going."""

_MOST_CHARACTERS = 1000

Status = Literal["running", "finished", "failed"]


class RunMessages:
    """Implements `runtime.Herald` with the channels of this server."""

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
        self._leadership = Leadership(database, "run-messages", lease_seconds=lease_seconds)
        self._told: dict[UUID, float] = {}

    async def progress(self, run: AgentRunLog, agent: AgentConfiguration, text: str) -> None:
        """Tell what a run is doing."""
        if not _is_told(run):
            return
        if time.monotonic() - self._told.get(run.run_id, -PROGRESS_SECONDS) >= PROGRESS_SECONDS:
            await self._show(run, agent, text)

    async def waiting(self, run: AgentRunLog, agent: AgentConfiguration, text: str) -> None:
        """Tell what a run waits for, whatever was told just before."""
        if _is_told(run):
            await self._show(run, agent, text)

    async def _show(self, run: AgentRunLog, agent: AgentConfiguration, text: str) -> None:
        now = time.monotonic()
        try:
            if (message_id := run.progress_id) is None:
                async with self._database.transaction() as uow:
                    message_id = run.progress_id = uow.new_id()
                    await uow.agent_runs.set_progress(run.run_id, message_id)
            content = _progress(run, agent, text, "running")
            await self._say(run, CHAT, message_id, content, await self._thread_of(run))
        except (CrdtError, StorageError, BlocksError) as error:
            logger.info("nobody hears how the run %s is going: %s", run.run_id, error)
        self._told[run.run_id] = now

    async def saying(self, run: AgentRunLog, agent: AgentConfiguration, text: str) -> None:
        """Tell what a run says, as far as it has come, where it may say that itself."""
        if not _is_told(run):
            return
        try:
            async with self._database.read() as uow:
                caller = await caller_of_run(uow, run.run_id)
                right = await document_right(uow, caller, run.place) if caller and run.place else "none"
        except StorageError as error:
            logger.info("nobody hears what the run %s says: %s", run.run_id, error)
            return
        if right in ("write", "manage"):
            most = _MOST_CHARACTERS - len(agent.name) - 10
            await self._show(run, agent, text if len(text) <= most else f"… {text[-most:]}")

    async def answer(
        self, run: AgentRunLog, agent: AgentConfiguration, principal: Principal, message_id: UUID, text: str
    ) -> bool:
        """Post an answer, as the agent; False where it may not, or no channel is to hear it."""
        if not _is_told(run):
            return False
        content = AgentCommandResponse(
            text=text,
            command_message_id=_message_id(run),
            status="finished",
            run_id=run.run_id,
        )
        try:
            await self._say(run, principal, message_id, content, await self._thread_of(run))
        except (DocumentRefused, DocumentDamaged, UpdateRefused) as error:
            logger.info("the answer of the run %s cannot be posted: %s", run.run_id, error)
            return False
        except CrdtError as error:  # tried again in a moment: the run has its answer
            raise StoreUnavailableError(f"the channel cannot be had now: {error}") from error
        return True

    async def follow(self) -> None:
        """Tell how runs have ended, whenever no other process does, until the task is cancelled."""
        await self._leadership.lead(self._tell_ends)

    async def _tell_ends(self) -> None:
        await at_news(
            self._feed,
            self.tell_ends,
            RETRY_SECONDS,
            "ends of runs cannot be told now",
            concerning=("agent.run.",),
        )

    async def tell_ends(self) -> None:
        """Tell the end of all runs whose channel does not know it."""
        untold = each_row(
            self._database,
            lambda uow, after, limit: uow.agent_runs.untold(after=after, limit=limit),
            lambda row: row[0].id,
        )
        async for run, agent in untold:
            await self._tell_end(run, agent)

    async def _tell_end(self, run: AgentRunLog, agent: AgentConfiguration) -> None:
        status: Status = "finished" if run.status == "success" else "failed"
        try:
            await self._edit(run, _progress(run, agent, _how_it_ended(run), status))
        except (DocumentRefused, UpdateRefused, UnknownMessageError):
            pass  # the channel, or the message, is not there any more
        except CrdtError as error:
            logger.warning("the end of the run %s is not told yet: %s", run.run_id, error)
            return
        self._told.pop(run.run_id, None)
        async with self._database.transaction() as uow:
            await uow.agent_runs.note_told(run.run_id)

    async def _say(
        self,
        run: AgentRunLog,
        principal: Principal,
        message_id: UUID,
        content: AgentCommandResponse,
        thread_id: str | None,
    ) -> None:
        """Post a message, or give it another content where it is there."""
        at = self._now()
        assert run.place is not None
        await self._writer.write(
            run.place,
            principal,
            lambda doc: put_message(doc, str(message_id), content, principal, at=at, thread_id=thread_id),
        )

    async def _edit(self, run: AgentRunLog, content: AgentCommandResponse) -> None:
        assert run.place is not None
        message_id, edited_at = str(run.progress_id), self._now()
        await self._writer.write(
            run.place, CHAT, lambda doc: channel.edit(doc, message_id, content, edited_at=edited_at)
        )

    async def _thread_of(self, run: AgentRunLog) -> str | None:
        """Return the thread that a run was called in."""
        message_id, parsed = _message_id(run), parse_document_name(run.place or "")
        if message_id is None or parsed is None:
            return None
        async with self._database.read() as uow:
            message = await uow.messages.get(parsed[1], message_id)
        return str(message.thread_id) if message is not None and message.thread_id is not None else None

    def _now(self) -> str:
        return self._clock().isoformat().replace("+00:00", "Z")


def put_message(
    doc: "pycrdt.Doc[Any]",
    message_id: str,
    content: AgentCommandResponse,
    principal: Principal,
    *,
    at: str,
    thread_id: str | None = None,
    is_new: bool = True,
) -> None:
    """Post a message, or give it another content where it is there; only that where it is not new.

    Raises UnknownMessageError.
    """
    there = channel.read_message(doc, message_id)
    if there is None and is_new:
        channel.post(
            doc,
            message_id,
            content,
            sender_id=principal.id,
            sender_type="agent",
            created_at=at,
            thread_id=thread_id,
        )
    elif there is None or there.content != write_content(content):
        channel.edit(doc, message_id, content, edited_at=at)


def _is_told(run: AgentRunLog) -> bool:
    """Tell whether a channel hears of a run. A dry one writes nothing: those hear of it who follow it."""
    return not run.is_dry and run.place is not None and run.place.startswith("channel:")


def _message_id(run: AgentRunLog) -> UUID | None:
    return UUID(run.place_item) if run.place_item and channel.is_message_id(run.place_item) else None


def _progress(run: AgentRunLog, agent: AgentConfiguration, text: str, status: Status) -> AgentCommandResponse:
    return AgentCommandResponse(
        text=f"{agent.name}: {text}"[:_MOST_CHARACTERS],
        command_message_id=_message_id(run),
        status=status,
        run_id=run.run_id,
    )


def _how_it_ended(run: AgentRunLog) -> str:
    match run.status:
        case "success":
            return "done."
        case "cancelled":
            return "cancelled."
        case _:
            return f"failed. {run.error_message or ''}".strip()
