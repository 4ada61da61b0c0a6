"""Where the consumers of a process are, in memory, and how that gets into their cursors.

With what a consumer writes its cursor moves in the same transaction. Events that are nothing to it only move
its position here; the cursors follow some time later, those of all consumers in one transaction. Who begins
at a cursor that stayed behind finds once more what was nothing to the consumer, and nothing else.
"""

import asyncio
from uuid import UUID

from storage.engine import Database
from storage.unit_of_work import UnitOfWork

LAG_SECONDS = 30.0
"""How long a cursor may stay behind."""

LAG_EVENTS = 1000
"""How far."""

_MOST_PLACES = 50_000
"""Positions in memory; when there are more, those that the cursors have too are forgotten."""

_AT_ONCE = 200

_Place = tuple[str, UUID]
"""A consumer and a workspace."""


class LazyCursors:
    """The positions of one process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._positions: dict[_Place, int] = {}
        self._kept: dict[_Place, int] = {}
        """The cursors, as far as they are known here: at the positions, or behind them."""
        self._behind: set[_Place] = set()
        self._due: float | None = None
        self._writing = asyncio.Lock()

    def begin(self, consumer: str) -> None:
        """Forget where a consumer was: another process may have followed for it since."""
        for place in [place for place in self._positions if place[0] == consumer]:
            self._forget(place)

    def known(self, consumer: str, workspace_id: UUID) -> int | None:
        """Return where a consumer is, if that is known here."""
        return self._positions.get((consumer, workspace_id))

    async def read(self, consumer: str, workspace_id: UUID) -> int:
        """Return where a consumer's cursor is."""
        async with self._database.read() as uow:
            position = await uow.consumers.position(consumer, workspace_id)
        self._note((consumer, workspace_id), position)
        return position

    def skip(self, consumer: str, workspace_id: UUID, position: int) -> None:
        """Take note that up to a position there is nothing to a consumer."""
        place = (consumer, workspace_id)
        self._positions[place] = position
        self._behind.add(place)
        now = asyncio.get_running_loop().time()
        if self._due is None:
            self._due = now + LAG_SECONDS
        if position - self._kept[place] >= LAG_EVENTS:
            self._due = now

    async def move(self, uow: UnitOfWork, consumer: str, workspace_id: UUID, position: int) -> bool:
        """Move a cursor with the unit; False when it is not where it was seen, which is forgotten then."""
        place = (consumer, workspace_id)
        seen = self._kept[place]
        if not await uow.consumers.advance(consumer, workspace_id, seen=seen, done=position):
            self._forget(place)
            return False
        uow.after_commit.append(lambda: self._note(place, position))
        return True

    async def move_back(
        self, uow: UnitOfWork, consumer: str, workspace_id: UUID, moved: int, position: int
    ) -> None:
        """Take a part of a move back, in the same unit."""
        await uow.consumers.advance(consumer, workspace_id, seen=moved, done=position)
        uow.after_commit.append(lambda: self._note((consumer, workspace_id), position))

    def patience(self) -> float | None:
        """Return in how many seconds cursors have to follow, if any."""
        return None if self._due is None else max(0, self._due - asyncio.get_running_loop().time())

    async def flush(self) -> None:
        """Have the cursors follow the positions, all of them."""
        async with self._writing:
            if self._behind:  # where this fails it is time again later
                self._due = asyncio.get_running_loop().time() + LAG_SECONDS
            while moved := {place: self._positions[place] for place in sorted(self._behind)[:_AT_ONCE]}:
                async with self._database.transaction() as uow:
                    await uow.consumers.follow(moved)
                for place, position in moved.items():
                    if self._positions.get(place) == position:
                        self._note(place, position)
                    elif place in self._positions:
                        self._kept[place] = position
            self._due = None
        if len(self._positions) > _MOST_PLACES:
            for place in self._positions.keys() - self._behind:
                self._forget(place)

    def _note(self, place: _Place, position: int) -> None:
        """Take note that a consumer and its cursor are at a position."""
        self._positions[place] = self._kept[place] = position
        self._behind.discard(place)

    def _forget(self, place: _Place) -> None:
        self._positions.pop(place, None)
        self._kept.pop(place, None)
        self._behind.discard(place)
