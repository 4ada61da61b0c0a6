"""Sockets over a network that delays, stalls and breaks, and what a server promises on them.

Frames of one direction keep their order, as TCP has it; everything else is up to chance.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable
from typing import Protocol

from crdt.connection import Connection
from crdt.errors import ProtocolError
from crdt.session import HOCUSPOCUS, Wire
from crdt.structs import read_runs
from tests.crdt.world import Said, parse

FULL_BYTES = 3_000
"""A slow client is sent nothing more with so much on its way (R3); little, so that it happens often."""


NO_DELETIONS = b"\x00"
"""How an update ends that deletes nothing."""


class Client(Protocol):
    """The client's end."""

    wire: Wire
    document: str
    token: str
    client_id: int

    def hear(self, link: "Link", said: Said) -> None: ...

    def lose(self, link: "Link", code: int) -> None: ...


class Link:
    """One socket. Its server's end implements `crdt.ports.Channel`."""

    def __init__(
        self, client: Client, chance: random.Random, on_saved: Callable[[bytes], None], *, is_slow: bool
    ) -> None:
        self.unanswered: deque[bytes] = deque()
        """Edits that the server was sent and has not acknowledged."""
        self._echoed: list[tuple[int, int]] = []
        self.received: list[bytes] = []
        """All edits that the server was sent."""
        self.frames_heard = 0
        self.client = client
        self._client_id = client.client_id
        self._chance = chance
        self._on_saved = on_saved
        self._delay_seconds = chance.choice((0.3, 2.0)) if is_slow else chance.choice((0.001, 0.02, 0.2))
        self._loop = asyncio.get_running_loop()
        self._up_at = self._down_at = 0.0
        self._in_flight = 0
        self._is_full = False
        self._is_open_up = self._is_open_down = True
        self._is_closed = self._is_refused = False
        self._connection: Connection | None = None

    def open(self, connection: Connection) -> None:
        """Lead to this connection from now on."""
        self._connection = connection

    @property
    def owed(self) -> list[bytes]:
        """The edits whose acknowledgement is still to come, as far as that can be told."""
        if self._is_refused:
            return []
        if self.client.wire is HOCUSPOCUS:
            return list(self.unanswered)
        return [edit for edit in self._inserting() if self._own_run(edit)[1]]

    # The client's end

    def say(self, frame: bytes, edit: bytes | None = None) -> None:
        """Send a frame to the server, perhaps with an edit in it."""
        self._up_at = self._later(self._up_at)
        self._loop.call_at(self._up_at, self._arrive, frame, edit)

    def hang_up(self) -> None:
        """Lose the network: what is on its way up may arrive, and the server notices some time."""
        self._is_open_down = False
        self._loop.call_later(self._chance.choice((0.0, 0.05, 3.0)), self._end)

    def _end(self) -> None:
        self._is_open_up = False
        if self._connection is not None and not self._is_closed:
            self._is_closed = True
            self._connection.closed()

    # The server's end

    def send(self, frame: bytes) -> None:
        """Take a frame for the client; an acknowledgement in it must be true by now (D2)."""
        if self._is_closed:
            return
        said = parse(self.client.wire, frame)
        self._note_saved(said)
        self._in_flight += len(frame)
        self._down_at = self._later(self._down_at)
        self._loop.call_at(self._down_at, self._deliver, len(frame), said)
        if self._in_flight > FULL_BYTES and not self._is_full and self._connection is not None:
            self._is_full = True
            self._connection.set_full(True)

    def close(self, code: int, reason: str) -> None:
        """Close after what is queued has arrived."""
        self._is_closed = True
        self._is_open_up = False
        self._loop.call_at(self._later(self._down_at), self._lose, code)

    def sever(self) -> None:
        """End as the server's process ends: it says and hears nothing more."""
        self._is_closed = True
        self._is_open_up = False
        self._loop.call_at(self._later(self._down_at), self._lose, 1006)

    def _arrive(self, frame: bytes, edit: bytes | None) -> None:
        if not self._is_open_up or self._connection is None:
            return
        if edit is not None:
            self.received.append(edit)
            self.unanswered.append(edit)
        self._connection.receive(frame)

    def _deliver(self, size: int, said: Said) -> None:
        self._in_flight -= size
        if self._is_open_down:
            self.frames_heard += 1
            self.client.hear(self, said)
        if self._is_full and not self._in_flight and self._connection is not None:
            self._is_full = False
            self._connection.set_full(False)

    def _lose(self, code: int) -> None:
        if self._is_open_down:
            self._is_open_down = False
            self.client.lose(self, code)

    def _note_saved(self, said: Said) -> None:
        if said.name in ("refused", "denied"):
            self._is_refused = True  # nobody can tell from here on which edit an answer is for
        if self._is_refused:
            return
        if said.name == "saved":
            self._on_saved(self.unanswered.popleft())
        elif said.name == "update" and self.client.wire is not HOCUSPOCUS:
            self._note_echo(self._own_run(said.body))

    def _note_echo(self, echoed: tuple[int, int]) -> None:
        """An edit is safe when all that was inserted in it has come back; of deletions nobody knows."""
        self._echoed = [*self._echoed, echoed]
        safe = [edit for edit in self._inserting() if self._is_echoed(*self._own_run(edit))]
        for edit in safe:
            self.unanswered.remove(edit)
            self._on_saved(edit)

    def _inserting(self) -> list[bytes]:
        return [edit for edit in self.unanswered if edit.endswith(NO_DELETIONS)]

    def _is_echoed(self, first: int, end: int) -> bool:
        at = first
        for start, stop in sorted(self._echoed):
            if start <= at < stop:
                at = stop
        return first < end <= at

    def _own_run(self, update: bytes) -> tuple[int, int]:
        try:
            runs = read_runs(update)
        except ProtocolError:  # a villain's
            return 0, 0
        return next(((first, end) for client, first, end in runs if client == self._client_id), (0, 0))

    def _later(self, after: float) -> float:
        # Strictly later: what is due at one and the same time comes in any order.
        return max(after + 1e-6, self._loop.time() + self._chance.random() * self._delay_seconds)
