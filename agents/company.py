"""Who else is in a page, and where: so that no agent types where a person does.

Two things say where somebody writes: the caret that their editor shows, and what they have just changed. The
second holds for a moment only, the first for as long as it is shown.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import msgspec

from blocks.carets import Path, find_carets, is_met, paths_of, read_carets
from blocks.page import blocks_of
from blocks.positions import Position
from crdt.awareness import Announcement
from crdt.peer import Replica


class Company:
    """Follows one document, from a replica of it."""

    def __init__(self, replica: Replica, *, quiet_seconds: float) -> None:
        """`quiet_seconds` after their last change somebody is still taken to be writing there."""
        self._doc = replica.doc
        self._quiet_seconds = quiet_seconds
        self._loop = asyncio.get_running_loop()
        self._carets: dict[int, list[Position]] = {}
        self._changed_at: dict[Path, float] = {}
        self._moved = asyncio.Event()
        self._own: set[Path] | None = None
        self._subscription = blocks_of(replica.doc).observe_deep(self._note)
        replica.watch(self._see)

    def close(self) -> None:
        """Follow no longer."""
        self._subscription.drop()

    def apply(self, update: bytes) -> set[Path]:
        """Make a change of one's own; return what of a page it is in."""
        self._own = own = set[Path]()
        try:
            self._doc.apply_update(update)
        finally:
            self._own = None
        return own

    def is_at(self, touched: set[Path]) -> bool:
        """Tell whether somebody's caret is in something, or they have just changed it."""
        carets = [position for positions in self._carets.values() for position in positions]
        return self.is_recent(touched) or is_met(touched, find_carets(self._doc, carets))

    def is_recent(self, touched: set[Path]) -> bool:
        """Tell whether somebody has just changed something."""
        now = self._loop.time()
        self._changed_at = {
            path: at for path, at in self._changed_at.items() if now - at < self._quiet_seconds
        }
        return is_met(touched, list(self._changed_at))

    def carets_in(self, client_id: int, first_clock: int) -> bool:
        """Tell whether somebody's caret is at what a client has written from a clock on."""
        return any(
            position.id[0] == client_id and position.id[1] >= first_clock
            for positions in self._carets.values()
            for position in positions
        )

    def places_of(self, client_id: int, clock: int) -> set[Path]:
        """Return where in a page an item is now."""
        return set(find_carets(self._doc, [Position("item", (client_id, clock), True)]))

    async def moved(self, seconds: float) -> None:
        """Wait until somebody does something, but not longer than that, nor than it takes to be quiet."""
        self._moved.clear()
        try:
            async with asyncio.timeout(min(seconds, self._quiet_seconds)):
                await self._moved.wait()
        except TimeoutError:
            pass

    def _see(self, announcements: Sequence[Announcement]) -> None:
        for said in announcements:
            carets = _read_presence(said.state)
            if carets != self._carets.pop(said.client_id, []):
                self._moved.set()
            if carets:
                self._carets[said.client_id] = carets

    def _note(self, events: list[Any]) -> None:
        paths = {path for event in events for path in paths_of(event)}
        if self._own is not None:
            # Also what only adds something: an event of its own tells that it is to be seen.
            self._own |= paths | {tuple(event.path) for event in events}
        else:
            self._changed_at.update(dict.fromkeys(paths, self._loop.time()))
            self._moved.set()


def _read_presence(state: bytes | None) -> list[Position]:
    """Return the carets of a person; for agents it is enough to wait for what was just changed."""
    fields: object = msgspec.json.decode(state) if state else None
    if not isinstance(fields, dict):
        return []
    presence = cast("dict[str, object]", fields)
    user = presence.get("user")
    is_person = isinstance(user, dict) and cast("dict[str, object]", user).get("kind") == "user"
    return read_carets(presence) if is_person else []
