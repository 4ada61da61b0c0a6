"""Where runs of playbooks were asked for, people see how they stand: in a message, in a text of a page.

Each change of a run counts a revision, and whoever shows it notes which one is shown. So a crash at any
moment, of whatever process, leaves nothing that is not caught up with, and many changes at once are one edit.
It is the server that writes: also when whom the run acts for may do nothing here any more.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pycrdt

from agents.playbooks.showing import Shown, show_run
from blocks.channel_content import AgentCommandResponse
from blocks.errors import BlocksError
from blocks.page_edits import Stamp
from blocks.page_text import put_lines
from crdt.errors import CrdtError, DocumentRefused, UpdateRefused
from server.background.leadership import LEASE_SECONDS, Leadership
from server.background.pacing import at_news
from server.chat import CHAT
from server.documents.writing import Writer
from server.run_messages import put_message
from storage.engine import Database
from storage.event_feed import EventFeed
from storage.models import PlaybookRun
from storage.paging import each_row

logger = logging.getLogger(__name__)

Change = Callable[["pycrdt.Doc[Any]", str], None]
"""Changes a document at a time."""

RETRY_SECONDS = 5.0


class PlaybookMessages:
    """Shows runs of playbooks, in one process at a time."""

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
        self._leadership = Leadership(database, "playbook-messages", lease_seconds=lease_seconds)

    async def follow(self) -> None:
        """Show all runs as they stand, whenever no other process does, until the task is cancelled."""
        await self._leadership.lead(self._watch)

    async def _watch(self) -> None:
        complaint = "runs of playbooks cannot be shown now"
        await at_news(self._feed, self.show_all, RETRY_SECONDS, complaint, concerning=("playbook.",))

    async def show_all(self) -> None:
        """Show all runs that are not shown as they stand."""
        unshown = each_row(
            self._database,
            lambda uow, after, limit: uow.playbook_progress.unshown(after=after, limit=limit),
            lambda run: run.id,
        )
        async for run in unshown:
            await self._show(run)

    async def _show(self, run: PlaybookRun) -> None:
        async with self._database.read() as uow:
            steps = await uow.playbook_progress.steps(run.id)
        shown = show_run(run, {step.step_id: step for step in steps})
        try:
            await self._write(f"channel:{run.channel_id}" if run.channel_id else None, _message(run, shown))
            await self._write(f"page:{run.page_id}" if run.page_id else None, _block(run, shown))
        except CrdtError as error:
            logger.warning("the run %s of a playbook is not shown yet: %s", run.id, error)
            return
        async with self._database.transaction() as uow:
            await uow.playbook_progress.note_shown(run.id, run.revision)

    async def _write(self, document: str | None, change: Change) -> None:
        if document is None:
            return
        at = self._clock().isoformat().replace("+00:00", "Z")
        try:
            await self._writer.write(document, CHAT, lambda doc: change(doc, at))
        except (DocumentRefused, UpdateRefused, BlocksError) as error:
            # The place, or what was shown there, is not there any more, or full.
            logger.info("%s does not show how a playbook is going: %s", document, error)


def _message(run: PlaybookRun, shown: Shown) -> Change:
    content = AgentCommandResponse(text=shown.text, status=shown.status, data=dict(shown.data))

    def put(doc: "pycrdt.Doc[Any]", at: str) -> None:
        # One that was there before and is not is archived, or somebody has taken it away.
        put_message(doc, str(run.shown_id), content, CHAT, at=at, is_new=run.shown_revision == 0)

    return put


def _block(run: PlaybookRun, shown: Shown) -> Change:
    lines = (shown.title, *shown.lines)

    def put(doc: "pycrdt.Doc[Any]", at: str) -> None:
        is_new = run.shown_revision == 0
        put_lines(doc, str(run.shown_id), lines, stamp=Stamp(at, CHAT.id), after=run.block_id, is_new=is_new)

    return put
