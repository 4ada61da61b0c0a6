"""A run of an agent in a document: seen by others, and writing beside them.

It joins as a peer (R8) with presence of its own, and writes in three ways: an edit at once, a text that it
types as it comes, and, where a person is writing in the same place and does not stop, a suggestion instead.
Every writing bears its step (`agents.marks`), so that a step which is repeated after a crash writes nothing
twice; a text that was left half typed is typed anew.

What a run may do is decided outside, at every moment: once it may no more, everything here raises.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from contextlib import asynccontextmanager
from typing import Any, Generic, Literal, Protocol, TypeVar
from uuid import UUID

import msgspec
import pycrdt

from agents.company import Company
from agents.marks import Mark, Marks, draft_under, id_of, sign, written_under
from agents.typist import StoppedTyping, Typist
from blocks.carets import Path, touched_by
from blocks.recording import record
from crdt.hub import Hub
from crdt.peer import Replica
from crdt.ports import DocumentName, Principal

T = TypeVar("T")

SHOWN_SECONDS = 10.0
"""How often presence is renewed: others forget it after 30 s."""

Outcome = Literal["written", "unchanged", "repeated", "suggested", "stopped"]
Change = Callable[["pycrdt.Doc[Any]"], object]


class Manners(msgspec.Struct, frozen=True):
    """How a run behaves among people."""

    tick_seconds: float = 0.12
    """Between two updates of a text that is typed."""
    characters: int = 24
    """Of one update, where the text does not come faster."""
    behind_seconds: float = 8.0
    """How far what is typed may be behind what has come."""
    quiet_seconds: float = 3.0
    """So long after their last change somebody is taken to be writing there."""
    wait_seconds: float = 20.0
    """For somebody who writes in the same place; then it becomes a suggestion."""


class Step(Protocol):
    """For whom a document is joined, and in which step."""

    @property
    def principal(self) -> Principal:
        """The run, as `agents.identity` has it."""
        ...

    @property
    def run_id(self) -> UUID:
        """The run."""
        ...

    @property
    def step_id(self) -> str:
        """Names the step for ever, and no other one."""
        ...


class Suggester(Protocol):
    """Makes suggestions for pages, for runs."""

    async def has_made(self, suggestion_id: UUID) -> bool:
        """Tell whether there is, or was, a suggestion."""
        ...

    async def make(
        self, document: str, principal: Principal, note: str, change: Change, suggestion_id: UUID
    ) -> None:
        """Make a suggestion, once. Raises what the function raises, and what refuses suggestions."""
        ...


class Writing(msgspec.Struct, Generic[T], frozen=True):
    """What became of something that was to be written."""

    outcome: Outcome
    """`repeated`: the step had done it already. `stopped`: somebody took away what was being typed."""
    result: T | None = None
    """What the function returned, or all of the text; None for what the step had done already."""
    position: int | None = None
    """In the document's log, where something was written."""
    suggestion_id: UUID | None = None


class Collaborators:
    """Lets runs take part in documents."""

    def __init__(self, hub: Hub, suggester: Suggester, manners: Manners | None = None) -> None:
        self._hub = hub
        self._suggester = suggester
        self._manners = manners or Manners()

    @asynccontextmanager
    async def join(self, step: Step, document: str) -> AsyncGenerator["Collaborator"]:
        """Take part in a document. Raises crdt's errors."""
        async with self._hub.join(DocumentName(document), step.principal) as replica:
            collaborator = Collaborator(replica, step, self._suggester, self._manners)
            self._hub.start(collaborator.keep_showing)
            try:
                yield collaborator
            finally:
                collaborator.close()


class Collaborator:
    """A run in one document."""

    def __init__(self, replica: Replica, step: Step, suggester: Suggester, manners: Manners) -> None:
        self.replica = replica
        self.manners = manners
        self.company = Company(replica, quiet_seconds=manners.quiet_seconds)
        self._step = step
        self._marks = Marks(step.step_id, replica.document)
        self._suggester = suggester
        self._loop = asyncio.get_running_loop()
        self._shown: dict[str, object] = {"status": "thinking"}
        self._left = asyncio.Event()

    @property
    def doc(self) -> "pycrdt.Doc[Any]":
        """The document, to be read; it follows what everybody does."""
        return self.replica.doc

    # Presence

    def think(self, text: str = "") -> None:
        """Show that it thinks, and about what."""
        self.show("thinking", text=text)

    def show(self, status: str, **more: object) -> None:
        """Show what it does; nothing of `more` that is empty."""
        shown: dict[str, object] = {"status": status} | {name: value for name, value in more.items() if value}
        if shown != self._shown:
            self._shown = shown
            self._announce()

    async def keep_showing(self) -> None:
        """Renew what is shown until the run leaves."""
        while not self._left.is_set() and not self.replica.has_ended:
            self._announce()
            try:
                async with asyncio.timeout(SHOWN_SECONDS):
                    await self._left.wait()
            except TimeoutError:
                pass

    def close(self) -> None:
        """Follow no longer."""
        self._left.set()
        self.company.close()

    def _announce(self) -> None:
        # The right may change at any time; it is said anew all the while.
        self.replica.announce({**self._shown, "right": self.replica.right})

    # Writing

    async def edit(
        self, function: Callable[["pycrdt.Doc[Any]"], T], *, note: str = "", waits: bool = True
    ) -> Writing[T]:
        """Let a function change the document, in one transaction.

        It may be called more than once, on copies. Where somebody is writing in what it changes, this waits;
        if they stay, the page gets a suggestion with the `note` instead. Raises what the function raises;
        then nothing was written.
        """
        mark = self._marks.next()
        if written_under(self.doc, mark):
            return Writing("repeated")
        if (suggestion_id := await self._suggested(mark)) is not None:
            return Writing("suggested", suggestion_id=suggestion_id)
        tried: list[tuple[T, bytes | None]] = []

        def is_met() -> bool:
            result, update, touched = self._try(mark, function)
            tried[:] = [(result, update)]
            return waits and self.company.is_at(touched)

        has_room = not is_met() or await self._wait(is_met)
        ((result, update),) = tried
        if update is None:
            return Writing("unchanged", result)
        if not has_room:
            return await self._propose(mark, note, function, result)
        self.company.apply(update)
        return Writing("written", result, await self.replica.saved())

    async def type_into(self, block_id: str, chunks: AsyncIterable[str], *, note: str = "") -> Writing[str]:
        """Type a text that comes in pieces, Markdown or plain, behind what a block has.

        Somebody who puts their caret into the paragraph that is being typed, or changes it, is waited for; if
        they stay, the rest is suggested, with the `note`. Raises UnknownBlockError for a block without a rich
        text, and what the pieces raise: what was typed until then stays until the step is repeated.
        """
        mark, end_mark = self._marks.next(), self._marks.next()
        if written_under(self.doc, end_mark):
            return Writing("repeated")
        if (suggestion_id := await self._suggested(end_mark)) is not None:
            return Writing("suggested", suggestion_id=suggestion_id)
        typist = Typist(self, block_id, mark)
        listening = asyncio.create_task(typist.listen(chunks), name="typist")
        try:
            left = await typist.type()
            text = await typist.whole()
            if left is not None:
                return await self._propose(end_mark, note, lambda doc: left.write_rest(text, doc), text)
            await self._sign(end_mark)
            return Writing("written", text, typist.position)
        except StoppedTyping:
            await self._sign(end_mark)
            return Writing("stopped", typist.text, typist.position)
        finally:
            listening.cancel()
            await asyncio.wait({listening})

    async def wait_while(self, is_met: Callable[[], bool]) -> bool:
        """Wait until nobody is in the way, or for long enough; tell which of the two."""
        deadline = self._loop.time() + self.manners.wait_seconds
        while is_met():
            left = deadline - self._loop.time()
            if left <= 0:
                return False
            await self.company.moved(left)
            self.replica.check()
        return True

    async def _wait(self, is_met: Callable[[], bool]) -> bool:
        self.show("waiting")
        return await self.wait_while(is_met)

    def _try(
        self, mark: Mark, function: Callable[["pycrdt.Doc[Any]"], T]
    ) -> tuple[T, bytes | None, set[Path]]:
        """Make a change on a copy; return its result, its update, and what of a page it is in."""
        draft = draft_under(self.doc, mark)
        results: list[T] = []
        updates: list[bytes | None] = []

        def change() -> None:
            updates.append(record(draft, lambda: results.append(function(draft))))

        touched = touched_by(draft, change)
        (update,) = updates
        if update is not None and self._is_page and not written_under(draft, mark):
            # It has only deleted, which leaves no trace of who did it.
            signed = record(draft, lambda: sign(draft))
            assert signed is not None
            update = pycrdt.merge_updates(update, signed)
        return results[0], update, touched

    async def _propose(self, mark: Mark, note: str, change: Change, result: T) -> Writing[T]:
        document, principal = self.replica.document, self.replica.principal
        suggestion_id = self._suggestion_of(mark)
        await self._suggester.make(document, principal, note or _NOTE, change, suggestion_id)
        await self._sign(mark)
        return Writing("suggested", result, suggestion_id=suggestion_id)

    async def _suggested(self, mark: Mark) -> UUID | None:
        """Return the suggestion that the step has made without coming to say so in the document."""
        suggestion_id = self._suggestion_of(mark)
        if not self._is_page or not await self._suggester.has_made(suggestion_id):
            return None
        await self._sign(mark)
        return suggestion_id

    def _suggestion_of(self, mark: Mark) -> UUID:
        """Return the id of the suggestion that a writing of the step comes to, if it comes to one."""
        return id_of(f"{self._step.step_id}|{self.replica.document}|{mark}", self._step.run_id)

    async def _sign(self, mark: Mark) -> None:
        if self._is_page:
            draft = draft_under(self.doc, mark)
            update = record(draft, lambda: sign(draft))
            assert update is not None
            self.company.apply(update)
            await self.replica.saved()

    @property
    def _is_page(self) -> bool:
        return self.replica.document.startswith(("page:", "suggestion:"))


_NOTE = "Written where somebody was writing"
