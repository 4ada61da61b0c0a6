"""Agents from outside, shown where they are at work.

Their protocol has no connection that lasts, so each is shown on the page or in the channel of its last call,
until it calls for another one or has been quiet for a while.
"""

import asyncio
from contextlib import suppress
from functools import partial

from crdt.errors import CrdtError
from crdt.hub import Hub
from crdt.ports import DocumentName, Principal
from storage.errors import StorageError

SHOWN_SECONDS = 10.0
"""How often presence is renewed: others forget it after 30 s."""

QUIET_TIMES = 6
"""How often that is done after one's last call."""

MOST = 200
"""So many are shown by one process; more work without being shown."""


class _Place:
    """Where one is shown."""

    def __init__(self, document: str) -> None:
        self.document = document
        self.calls = asyncio.Event()
        self.is_left = False


class Guests:
    """The agents from outside that this process shows."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._places: dict[str, _Place] = {}

    def show(self, principal: Principal, document: str | None) -> None:
        """Show somebody at a document, and nowhere else; without one where they are."""
        place = self._places.get(principal.id)
        if place is not None and document in (None, place.document):
            place.calls.set()
            return
        if place is not None:
            place.is_left = True
            place.calls.set()
        if document is None or (place is None and len(self._places) >= MOST):
            return
        self._places[principal.id] = place = _Place(document)
        self._hub.start(partial(self._stay, principal, place))

    async def _stay(self, principal: Principal, place: _Place) -> None:
        try:
            # Whoever may not be there is not shown; what they called for tells them.
            with suppress(CrdtError, StorageError):
                async with self._hub.join(DocumentName(place.document), principal) as replica:
                    quiet = 0
                    while quiet < QUIET_TIMES and not (place.is_left or replica.has_ended):
                        replica.announce({"status": "thinking"})
                        place.calls.clear()
                        quiet += 1
                        with suppress(TimeoutError):
                            async with asyncio.timeout(SHOWN_SECONDS):
                                await place.calls.wait()
                                quiet = 0
        finally:
            if self._places.get(principal.id) is place:
                del self._places[principal.id]
