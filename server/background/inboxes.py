"""Keeps the inboxes that somebody has open in this process up to their tables.

Nobody's else are written: what changes while nobody looks is written when somebody does. Each process does
this for its own sockets, so that no job has one leader, and two that write the same inbox write the same.
"""

import asyncio
import logging
import secrets
from collections.abc import Collection
from contextlib import AsyncExitStack
from itertools import islice
from uuid import UUID

import anyio

from blocks.inbox import write_contents
from crdt.errors import CrdtError
from crdt.hub import Hub
from crdt.peer import Replica
from crdt.ports import DocumentName, Principal, PrincipalId
from server.notifications.inboxes import read_inbox
from storage.engine import Database
from storage.errors import StorageError

logger = logging.getLogger(__name__)

KIND = "inbox:"
WRITER = Principal(id=PrincipalId("system"), name="IONFLUX", kind="system")

EVERY_SECONDS = 0.5
"""How long a change takes at most to be noticed."""

AGAIN_SECONDS = 1.0
"""When an inbox is looked at again, whatever happened: unread messages tell nobody when they change,
and two processes that write one inbox may overtake each other."""

EACH_SECONDS = 0.02
"""What each open inbox adds to that: looking takes at most about a fifth of the time of the process."""

AT_ONCE = 50
"""Inboxes that are written before newly opened ones are looked for."""


class _OpenInbox:
    """An inbox that somebody has open, with our own place in it."""

    def __init__(self, user_id: UUID, replica: Replica, stack: AsyncExitStack) -> None:
        self.user_id = user_id
        self.replica = replica
        self.stack = stack
        self.revision: int | None = None
        """What was written last; None for nothing yet."""
        self.again_at = 0.0


class Inboxes:
    """The open inboxes of one process."""

    def __init__(self, database: Database, hub: Hub) -> None:
        self._database = database
        self._hub = hub
        self._open: dict[DocumentName, _OpenInbox] = {}
        # One for all that this process writes: each new one makes a document larger for ever.
        self._client_id = secrets.randbits(32)
        # In the order in which they came; a dict has each once.
        self._behind: dict[DocumentName, None] = {}
        self._due: dict[DocumentName, None] = {}
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Look now: somebody was told something."""
        self._woken.set()

    async def run(self) -> None:
        """Look again and again, until the task is cancelled."""
        try:
            while True:
                self._woken.clear()
                try:
                    await self.look()
                except StorageError as error:
                    logger.warning("inboxes wait for the database: %s", error)
                except Exception:  # the edge of a task: one inbox may not end the others'
                    logger.exception("inboxes could not be written")
                    await asyncio.sleep(EVERY_SECONDS)
                if not self._behind and not self._due:
                    with anyio.move_on_after(EVERY_SECONDS):
                        await self._woken.wait()
        finally:
            for document in list(self._open):
                await self._leave(document)

    async def look(self) -> None:
        """Join what was opened, leave what was closed, and write some of what is behind."""
        peers = self._hub.peers(KIND)
        for document, inbox in list(self._open.items()):
            if inbox.replica.has_ended:
                await self._leave(document)
            elif peers.get(document, 0) <= 1:
                await self._leave(document)
                peers.pop(document, None)  # the one was us
        for document, count in peers.items():
            if count and document not in self._open:
                await self._join(document)
        revisions = await self._revisions()
        now = asyncio.get_running_loop().time()
        for document, inbox in self._open.items():
            # Whoever was told something goes before those who are only looked at again.
            if inbox.revision != revisions.get(inbox.user_id, 0):
                self._behind.setdefault(document)
            elif inbox.again_at <= now:
                self._due.setdefault(document)
        await self._write([*self._take(self._behind), *self._take(self._due)])

    def _take(self, waiting: dict[DocumentName, None]) -> list[DocumentName]:
        chosen = list(islice(waiting, AT_ONCE))
        for document in chosen:
            del waiting[document]
        return chosen

    async def _revisions(self) -> dict[UUID, int]:
        if not self._open:
            return {}
        async with self._database.read() as uow:
            return await uow.notifications.revisions([inbox.user_id for inbox in self._open.values()])

    async def _write(self, documents: Collection[DocumentName]) -> None:
        """Write what these inboxes lack, and wait until it is committed."""
        written: list[DocumentName] = []
        for document in documents:
            inbox = self._open.get(document)
            if inbox is None:
                continue
            async with self._database.read() as uow:
                revision = (await uow.notifications.revisions([inbox.user_id])).get(inbox.user_id, 0)
                contents = await read_inbox(uow, inbox.user_id)
            inbox.revision = revision
            inbox.again_at = (
                asyncio.get_running_loop().time() + AGAIN_SECONDS + EACH_SECONDS * len(self._open)
            )
            if write_contents(inbox.replica.doc, contents):
                written.append(document)
        for document in written:
            try:
                await self._open[document].replica.saved()
            except CrdtError:  # the room has ended, or begun anew: it is joined again by the next look
                await self._leave(document)

    async def _join(self, document: DocumentName) -> None:
        stack = AsyncExitStack()
        try:
            replica = await stack.enter_async_context(
                self._hub.join(document, WRITER, client_id=self._client_id)
            )
        except CrdtError:  # it is gone again, or cannot be loaded now
            return
        self._open[document] = _OpenInbox(UUID(document.removeprefix(KIND)), replica, stack)

    async def _leave(self, document: DocumentName) -> None:
        inbox = self._open.pop(document)
        if inbox.replica.has_ended:
            # Some may have heard of what was never committed: nothing else may go by the same clocks.
            self._client_id = secrets.randbits(32)
        await inbox.stack.aclose()
