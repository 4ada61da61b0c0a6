"""Types what a run says into the block that it answers in, while the model says it.

That is the block which asked, or one that it makes at the end of the page which its agent types into. It is
not known before the end of a turn whether it is the answer. What turns out to stand before a call of a
tool is taken back, and so is what an attempt said that failed. Each turn is typed under an id of its own, so
a run that goes on after a crash takes back what was left half typed and types it anew (`agents.marks`).
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from datetime import datetime
from types import TracebackType
from typing import Any
from uuid import UUID, uuid5

import msgspec
import pycrdt

from agents.collaborator import Collaborator, Collaborators
from agents.errors import BeganAnewError
from agents.journal import Journal
from agents.sections import EffectiveConfig
from agents.speech import Speech
from blocks.errors import BlocksError
from blocks.page import blocks_of
from blocks.page_edits import Stamp, add_block
from crdt.errors import CrdtError, DocumentDamaged, DocumentRefused, UpdateRefused
from crdt.ports import Principal
from storage.errors import StoreUnavailableError
from storage.models import AgentRunLog

logger = logging.getLogger("ionflux.agents")

TYPED_CHARACTERS = 100_000
"""Of an answer; the run has all of it."""

_NOTE = "The answer of an agent, which could not be written where somebody was writing"


class Typed(msgspec.Struct, frozen=True):
    """A turn, as documents know it."""

    run_id: UUID
    principal: Principal
    step_id: str


class Target(msgspec.Struct, frozen=True):
    """Where answers are typed."""

    document: str
    block_id: str
    is_made: bool
    """Whether the block is made with the first word."""


class BlockAnswers:
    """The turns of one run in one process. Whatever still types when the block ends is stopped."""

    def __init__(
        self,
        collaborators: Collaborators,
        journal: Journal,
        run: AgentRunLog,
        principal: Principal,
        config: EffectiveConfig,
        clock: Callable[[], datetime],
    ) -> None:
        self._collaborators = collaborators
        self._journal = journal
        self._run = run
        self._principal = principal
        self._target = _target_of(run, config)
        self._clock = clock
        self._most = min(config.limits.max_output_characters, TYPED_CHARACTERS)
        self._typing: asyncio.Task[str] | None = None
        self._settled: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()

    async def __aenter__(self) -> "BlockAnswers":
        """Begin."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop typing; what was typed stays."""
        await self._stop()

    def begin(self, step: str, speech: Speech) -> None:
        """Type what is said in a step, until `settle` says what it was."""
        if self._target is not None:
            self._settled = asyncio.get_running_loop().create_future()
            self._typing = asyncio.create_task(self._follow(step, speech, self._settled), name="answer")

    async def settle(self, step: str, text: str | None) -> None:
        """Have all of an answer be in the block; or, for None, nothing of what the step said."""
        if self._target is None:
            return

        async def end() -> str:
            shown = text
            if text is not None and len(text) > TYPED_CHARACTERS:
                shown = f"{text[:TYPED_CHARACTERS]}\n…"
            if self._typing is None:
                return await self._type(step, _one(shown))
            self._settled.set_result(shown)
            return await self._typing

        title = "Take back what was no answer" if text is None else "Type the answer"
        await self._journal.step(f"{step}.typed", "note", title, str, end)
        self._typing = None

    async def drop(self) -> None:
        """Type nothing: nothing was said."""
        await self._stop()

    async def _stop(self) -> None:
        typing, self._typing = self._typing, None
        if typing is not None:
            typing.cancel()
            await asyncio.wait({typing})
            if not typing.cancelled() and (error := typing.exception()) is not None:
                logger.info("an answer of the run %s was not typed: %s", self._run.run_id, error)

    async def _follow(self, step: str, speech: Speech, settled: "asyncio.Future[str | None]") -> str:
        while True:
            try:
                return await self._type(step, self._words(speech, settled))
            except BeganAnewError:
                if settled.done():
                    return await self._type(step, _one(None))

    async def _words(self, speech: Speech, settled: "asyncio.Future[str | None]") -> AsyncGenerator[str]:
        typed = 0
        async for piece in speech.pieces():
            said = piece[: self._most - typed].replace("\0", "\ufffd")
            typed += len(said)
            yield said
        text = await settled
        if text is None:
            raise BeganAnewError("It was no answer.")
        yield text[typed:]

    async def _type(self, step: str, words: AsyncGenerator[str]) -> str:
        """Type; what an earlier try has left goes first. Returns what came of it."""
        assert self._target is not None
        typed = Typed(self._run.run_id, self._principal, self._journal.step_id(f"{step}.typed"))
        try:
            async with self._collaborators.join(typed, self._target.document) as peer:
                if self._target.is_made:
                    first = await anext(words, "")
                    if not first and self._target.block_id not in blocks_of(peer.doc):
                        return "unchanged"
                    await self._make_block(peer, self._target.block_id)
                    words = _behind(first, words)
                return (await peer.type_into(self._target.block_id, words, note=_NOTE)).outcome
        except (DocumentRefused, DocumentDamaged, UpdateRefused, BlocksError) as error:
            logger.info("the answer of the run %s cannot be typed: %s", self._run.run_id, error)
            return "refused"
        except CrdtError as error:
            # The engine tries it again in a moment, wherever the document can be had then.
            raise StoreUnavailableError(f"the page cannot be written now: {error}") from error

    async def _make_block(self, peer: Collaborator, block_id: str) -> None:
        """Have the block be there. To be called by each try: a step counts what it writes."""
        stamp = Stamp(self._clock().isoformat(), self._principal.id)

        def make(doc: "pycrdt.Doc[Any]") -> None:
            if block_id not in blocks_of(doc):
                add_block(doc, block_id, "text", {}, stamp=stamp)

        await peer.edit(make, waits=False)


def _target_of(run: AgentRunLog, config: EffectiveConfig) -> Target | None:
    if run.answers_in_block:
        assert run.place is not None
        assert run.place_item is not None
        return Target(run.place, run.place_item, is_made=False)
    if config.types_into is None or run.is_dry:
        return None
    return Target(f"page:{config.types_into}", str(uuid5(run.run_id, "answer")), is_made=True)


async def _behind(first: str, words: AsyncGenerator[str]) -> AsyncGenerator[str]:
    yield first
    async for word in words:
        yield word


async def _one(text: str | None) -> AsyncGenerator[str]:
    if text is not None:
        yield text
