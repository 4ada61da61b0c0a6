"""Turns of one room on their way to the commit: nothing is acknowledged before it, nor out of order (D2).

Knows no document and sends nothing: the room says what a turn has to be saved, and hears when it is.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial

import msgspec

from crdt.broadcast import Peer
from crdt.ports import Binding
from crdt.snapshots import Due


class Turn(msgspec.Struct, eq=False):
    """One turn's edits."""

    number: int
    edits: dict[Peer, int]
    """How many edits of which peer wait for it."""
    authors: list[Peer] = []
    """Who wait for it because another has sent what they wrote: to them it is an echo too."""
    is_saved: bool = True
    is_signed: bool = True
    """Whether it is saved whose the client ids are that it used first (A7)."""
    unsaved_updates: int = 0
    unsaved_bytes: int = 0
    position: int = 0
    """That of its last row, once it is saved."""
    snapshot: Due | None = None
    foreign_rows: int = 0
    """How many rows of others the document had when the snapshot was taken."""

    def is_echo_to(self, peer: Peer) -> bool:
        """Whether something in it is a peer's own."""
        return peer in self.edits or peer in self.authors


class Commits:
    """The turns that are not committed yet, and those behind them, in their order."""

    def __init__(
        self,
        *,
        saved: Callable[[Turn], None],
        signed: Callable[[], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        """Call `saved` for a turn whose rows are committed, `signed` when bindings are, else `failed`."""
        self._on_saved = saved
        self._on_signed = signed
        self._on_failed = failed
        self.turns: deque[Turn] = deque()
        """Those that wait, the oldest first: one without rows of its own waits for those before it."""

    @property
    def newest(self) -> int:
        """The number of the newest turn that waits."""
        return self.turns[-1].number

    @property
    def unsaved(self) -> tuple[int, int]:
        """How many updates wait for their commit, and their bytes."""
        return sum(turn.unsaved_updates for turn in self.turns), sum(
            turn.unsaved_bytes for turn in self.turns
        )

    def newest_echo_to(self, peer: Peer) -> int | None:
        """Return the number of the newest turn that waits and has something of a peer's own."""
        return next((turn.number for turn in reversed(self.turns) if turn.is_echo_to(peer)), None)

    def saved(self, turn: Turn, outcome: int | Exception) -> None:
        """Hear the position of a turn's last row, once they are committed, or why they cannot be."""
        if isinstance(outcome, int):
            turn.is_saved, turn.position = True, outcome
            self._on_saved(turn)
        else:
            self._on_failed(outcome)

    def sign(
        self,
        turn: Turn | None,
        bound: "asyncio.Future[list[Binding]]",
        correct: Callable[[list[Binding]], None],
    ) -> None:
        """Take over what bindings came to when they are committed; a turn waits for that."""
        if turn is not None:
            turn.is_signed = False
        bound.add_done_callback(partial(self._sign, turn, correct))

    def done(self) -> list[Turn]:
        """Let go of the turns that wait for nothing any more, and return them in their order."""
        done: list[Turn] = []
        while self.turns and self.turns[0].is_saved and self.turns[0].is_signed:
            done.append(self.turns.popleft())
        return done

    def clear(self) -> None:
        """Give all of them up."""
        self.turns.clear()

    def _sign(
        self,
        turn: Turn | None,
        correct: Callable[[list[Binding]], None],
        bound: "asyncio.Future[list[Binding]]",
    ) -> None:
        if bound.cancelled():
            return
        error = bound.exception()
        if error is not None:
            self._on_failed(error)
            return
        correct(bound.result())
        if turn is not None:
            turn.is_signed = True
            self._on_signed()
