"""What a model says while it says it: for whoever looks on. Bounded, kept nowhere, and nothing depends on it.

What was said counts only when its step is written down; until then it may begin anew, with the next attempt.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable

from agents.errors import BeganAnewError

MAX_CHARACTERS = 200_000
"""What goes beyond is not told live; the step has it."""


class Speech:
    """The words of one step. Implements `agents.llm.client.Listener`."""

    def __init__(self, step: str, on_change: Callable[[], None] = lambda: None) -> None:
        self.step = step
        self.text = ""
        self.attempt = 0
        """How often it has begun anew."""
        self.is_over = False
        self._on_change = on_change
        self._changed = asyncio.Event()

    def more(self, text: str) -> None:
        """Hear more."""
        self.text += text[: MAX_CHARACTERS - len(self.text)]
        self._tell()

    def again(self) -> None:
        """Hear that it begins anew."""
        self.text = ""
        self.attempt += 1
        self._tell()

    def end(self) -> None:
        """Hear that there will be no more."""
        self.is_over = True
        self._tell()

    async def changed(self) -> None:
        """Wait for the next change."""
        await self._changed.wait()

    async def pieces(self) -> AsyncGenerator[str]:
        """Yield the words as they come, to the end. Raises BeganAnewError."""
        attempt, heard = self.attempt, 0
        while True:
            if self.attempt != attempt:
                raise BeganAnewError("The model has begun anew.")
            if len(self.text) > heard:
                piece = self.text[heard:]
                heard += len(piece)
                yield piece
            elif self.is_over:
                return
            else:
                await self.changed()

    def _tell(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        self._on_change()


class Ear:
    """What one onlooker has heard of a job's speeches."""

    def __init__(self) -> None:
        self._heard: tuple[Speech, int] | None = None
        self._length = 0

    def hear(self, speech: Speech | None) -> tuple[str, bool] | None:
        """Return what is new, and whether it goes on with what was heard before; None for nothing new."""
        if speech is None:
            return None
        is_more = self._heard == (speech, speech.attempt)
        new = speech.text[self._length if is_more else 0 :]
        if not new:
            return None
        self._heard, self._length = (speech, speech.attempt), len(speech.text)
        return new, is_more
