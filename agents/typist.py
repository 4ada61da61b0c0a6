"""Types a text into a block while it comes: at a pace that people can follow, and never where one of them is.

The text is listened to beside the typing, so that whoever gives it is never held up; how long it may become
is bounded. Nothing is typed into a paragraph in which somebody has their caret or has just changed something:
they are waited for, and if they stay, the whole of what is left becomes a suggestion.
"""

import asyncio
import math
from collections.abc import AsyncIterable
from typing import TYPE_CHECKING, Any, cast

import pycrdt

from agents.errors import BeganAnewError, TextTooLongError
from agents.marks import Mark, new_client_id, written_under
from blocks.carets import Path, caret_at
from blocks.growing import GrowingText, clear_length
from blocks.page import LIGHT, blocks_of
from crdt.deeds import take_back

if TYPE_CHECKING:
    from agents.collaborator import Collaborator

MAX_CHARACTERS = 200_000
"""Of one text."""

_LARGEST = 4000
"""Characters of one update."""

_REST_FACTOR = 4
"""So much longer than an update takes to make comes the next one."""


class Typist:
    """Types one text."""

    def __init__(self, page: "Collaborator", block_id: str, mark: Mark) -> None:
        self._page = page
        self._block_id = block_id
        self._mark = mark
        self._loop = asyncio.get_running_loop()
        self._text = ""
        self._is_whole = False
        self._fault: Exception | None = None
        self._came = asyncio.Event()
        self._shown = 0
        self._again = 0
        self._next_at = 0.0
        self._client_id = 0
        self._clock = 0
        self._nodes = 0
        self._paragraph_clock = 0
        self._paragraph: set[Path] = set()
        self.position: int | None = None
        """Where in the log the last of it is."""

    async def listen(self, chunks: AsyncIterable[str]) -> None:
        """Take the text as it comes."""
        try:
            async for chunk in chunks:
                self._text += chunk
                if len(self._text) > MAX_CHARACTERS:
                    raise TextTooLongError(f"The text has more than {MAX_CHARACTERS} characters.")
                self._came.set()
        except Exception as error:  # noqa: BLE001 - the edge of a task: raised where it is typed
            self._fault = error
        finally:
            self._is_whole = True
            self._came.set()

    @property
    def text(self) -> str:
        """What has come."""
        return self._text

    async def whole(self) -> str:
        """Wait for all of the text. Raises what the text raised."""
        while not self._is_whole:
            self._came.clear()
            await self._came.wait()
        if self._fault is not None:
            raise self._fault
        return self._text

    async def type(self) -> GrowingText | None:
        """Type until all is there; or return what it was typed into, where somebody is in the way and stays.

        Raises what the text raised, and StoppedTyping where somebody has taken it away. A block that goes on
        in another page has what was typed until then, there; so nothing is taken back where it was.
        """
        self._require_block()
        self._clear_away()
        self._client_id = new_client_id(self._mark)
        growing = GrowingText(self._page.doc.get_update(), self._block_id, self._client_id)
        while not self._is_whole or self._shown < len(self._text):
            await self._rest()
            if isinstance(self._fault, TextTooLongError | BeganAnewError):
                raise self._fault
            if not await self._has_room():
                return growing
            self._require_block()
            self._shown = self._reach()
            is_end = self._is_whole and self._shown == len(self._text)
            text = self._text[: self._shown]
            began = self._loop.time()
            await self._write(growing, text if is_end else text[: clear_length(text)], is_whole=is_end)
            pause = max(self._page.manners.tick_seconds, (self._loop.time() - began) * _REST_FACTOR)
            self._next_at = self._loop.time() + pause
        await self.whole()
        return None

    def _require_block(self) -> None:
        """Raise StoppedTyping for a block in the trash: it was deleted, or moved to another page."""
        block = blocks_of(self._page.doc).get(self._block_id)
        if isinstance(block, pycrdt.Map) and cast("pycrdt.Map[Any]", block).get("deleted_at") is not None:
            raise StoppedTyping

    def _clear_away(self) -> None:
        """Take back what an earlier try has left, which comes again now."""
        left = written_under(self._page.doc, self._mark)
        if left:
            inserted = {client_id: [(0, clock)] for client_id, clock in left.items()}
            self._page.company.apply(take_back(self._page.doc.get_update(), inserted, LIGHT))
            self._again = sum(left.values())

    async def _rest(self) -> None:
        """Wait until it is time for the next piece, and there is one."""
        await asyncio.sleep(max(0.0, self._next_at - self._loop.time()))
        while not self._is_whole and self._shown == len(self._text):
            self._came.clear()
            await self._came.wait()

    def _reach(self) -> int:
        """Return how far is typed next: at a readable pace, but never far behind what has come."""
        manners = self._page.manners
        behind = len(self._text) - self._shown
        keeping_up = math.ceil(behind * manners.tick_seconds / manners.behind_seconds)
        count = max(manners.characters, keeping_up, self._again)
        self._again = 0
        return self._shown + min(count, behind, _LARGEST)

    async def _write(self, growing: GrowingText, text: str, *, is_whole: bool) -> None:
        update = growing.write(text, self._page.doc, is_whole=is_whole)
        if update is None:
            return
        if growing.count != self._nodes:
            self._nodes, self._paragraph_clock = growing.count, self._clock
        self._paragraph = self._page.company.apply(update)
        self._clock = written_under(self._page.doc, self._mark)[self._client_id]
        if not self._paragraph:
            raise StoppedTyping
        self.position = await self._page.replica.saved()
        cursor = caret_at(self._client_id, self._clock - 1)
        self._page.show("typing", block_id=self._block_id, cursor=cursor)

    async def _has_room(self) -> bool:
        """Wait until nobody is where this types; tell whether that came about."""
        if not self._is_met():
            return True
        self._page.show("waiting", block_id=self._block_id)
        return await self._page.wait_while(self._is_met)

    def _is_met(self) -> bool:
        company = self._page.company
        if not self._clock:
            return False
        if company.carets_in(self._client_id, self._paragraph_clock):
            return True
        # Paths are of the moment when they were told; before anybody is waited for, they are made sure of.
        return company.is_recent(self._paragraph) and company.is_recent(
            company.places_of(self._client_id, self._clock - 1)
        )


class StoppedTyping(Exception):
    """Somebody has taken away what was being typed, or what it was typed into."""
