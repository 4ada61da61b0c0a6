"""The newest events of the workspaces that a process follows: read once, however many follow them.

It keeps few, and knows no more than the feed does: a workspace is looked at again when there is news of it.
Who is far behind reads for itself.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from uuid import UUID

from storage.engine import Database
from storage.models import Event

PAGE = 100
"""The most events that are given at once."""

_WORKSPACES = 64


class _Part:
    """What is known of one workspace: its events behind `begin`, without a gap up to and with `end`."""

    def __init__(self, position: int) -> None:
        self.lock = asyncio.Lock()
        self.begin_at(position)

    def begin_at(self, position: int) -> None:
        self.events: list[Event] = []
        self.begin = self.end = position
        self.is_stale = True

    def behind(self, position: int) -> list[Event]:
        return self.events[position - self.begin :][:PAGE]

    def add(self, events: Sequence[Event]) -> None:
        self.events += events
        self.end += len(events)
        # An event that has gone would be a gap, and every place in the list a wrong one.
        assert not events or events[-1].position == self.end, "positions are gapless"

    def forget_old(self) -> None:
        self.begin = max(self.begin, self.end - PAGE)
        self.events = self.events[-PAGE:]


class EventWindow:
    """The window of one process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._parts: OrderedDict[UUID, _Part] = OrderedDict()

    def touch(self, workspaces: Iterable[UUID]) -> None:
        """Take note that there may be new events."""
        for workspace_id in workspaces:
            if (part := self._parts.get(workspace_id)) is not None:
                part.is_stale = True

    def touch_all(self) -> None:
        """Take note that there may be new events anywhere."""
        self.touch(self._parts)

    async def after(self, workspace_id: UUID, position: int) -> Sequence[Event]:
        """Return up to `PAGE` events behind a position, oldest first; fewer are all that there were."""
        part = self._parts.setdefault(workspace_id, _Part(position))
        self._parts.move_to_end(workspace_id)
        if len(self._parts) > _WORKSPACES:
            self._parts.popitem(last=False)
        async with part.lock:
            if position < part.begin:
                return await self._read(workspace_id, position)
            if position > part.end:
                part.begin_at(position)
            if part.is_stale and part.end - position < PAGE:
                await self._extend(workspace_id, part)
            found = part.behind(position)
            part.forget_old()
        return found

    async def _extend(self, workspace_id: UUID, part: _Part) -> None:
        part.is_stale = False  # first: what is told meanwhile may be missing in what is read
        is_whole = False
        try:
            found = await self._read(workspace_id, part.end)
            part.add(found)
            is_whole = len(found) < PAGE
        finally:
            part.is_stale = part.is_stale or not is_whole

    async def _read(self, workspace_id: UUID, position: int) -> Sequence[Event]:
        async with self._database.read() as uow:
            return await uow.events.after(workspace_id, position, PAGE)
