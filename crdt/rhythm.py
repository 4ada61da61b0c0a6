"""When a room takes its turns (R2): a large one after a window, a small one at once.

The loop's own `call_soon` and `call_at` have them taken: a task for a turn costs more than the turn.
"""

import asyncio
from collections.abc import Callable

WINDOW_SECONDS_PER_PEER = 0.00007
"""Rest after a turn for each peer that it was sent to; a hundred peers make 7 ms."""

SHORTEST_WINDOW_SECONDS = 0.001
"""The loop's timers know no shorter time; below it, gathering saves less than the timer costs."""


class Ticks:
    """Numbers the iterations of the event loop: what comes in one of them, comes together."""

    def __init__(self) -> None:
        self._number = 0
        self._is_over = True

    def now(self) -> int:
        """Return the number of this iteration."""
        if self._is_over:
            self._is_over = False
            asyncio.get_running_loop().call_soon(self._end)
        return self._number

    def _end(self) -> None:
        self._is_over = True
        self._number += 1


class Rhythm:
    """The turns of one room.

    What a turn costs grows with the peers that it is sent to, so the time between two turns does too: whoever
    types alone finds the room rested, a hundred who type share one turn.
    """

    def __init__(self, ticks: Ticks, take_turn: Callable[[], None], *, longest_window_seconds: float) -> None:
        """`take_turn` is called when a turn is due; it is to say `begin`."""
        self._ticks = ticks
        self._take_turn = take_turn
        self._longest_window_seconds = longest_window_seconds
        self._is_due = False
        self._next_at = 0.0
        self._taken_at = -1  # in which tick an edit was taken at once
        self._loop = asyncio.get_running_loop()

    def schedule(self) -> None:
        """Have a turn taken as soon as the room has rested."""
        if self._is_due:
            return
        self._is_due = True
        if not self._next_at or self._loop.time() >= self._next_at:
            self._loop.call_soon(self._take_turn)
        else:
            self._loop.call_at(self._next_at, self._take_turn)

    def begin(self, peers: int) -> None:
        """Note that the turn is taken, and sent to so many peers."""
        self._is_due = False
        window = peers * WINDOW_SECONDS_PER_PEER
        is_short = window < SHORTEST_WINDOW_SECONDS
        self._next_at = 0.0 if is_short else self._loop.time() + min(window, self._longest_window_seconds)

    def lets_take(self, peers: int) -> bool:
        """Whether one edit may be taken now, without a turn: the first of this iteration in a small room."""
        if self._is_due or self._next_at or peers * WINDOW_SECONDS_PER_PEER >= SHORTEST_WINDOW_SECONDS:
            return False
        tick = self._ticks.now()
        if tick == self._taken_at:
            return False
        self._taken_at = tick
        return True
