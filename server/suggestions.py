"""Suggestions: branches of pages that are made, follow their page, and are decided on.

A branch is an ordinary live document. It follows by the page's rows (`storage.repositories.suggestions`), so
whoever opens it has the page as it is now with what is proposed. What `blocks.branches` makes of a decision
is written by peers in this process (R8), first into the branch and then into the page: cut off in between, it
is in the branch as it was before, and deciding again ends what was begun.

What is allowed is the caller's business, and told by `storage.access`.
"""

import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from typing import Any, Literal
from uuid import UUID

import msgspec
import pycrdt

from blocks import branches
from blocks.branches import Clients, Decision
from blocks.differences import Comparison
from blocks.page_edits import Stamp
from blocks.recording import record
from crdt import history
from crdt.document import read_snapshot
from crdt.epoch import Epoch
from crdt.hub import Hub
from crdt.ports import Binding, DocumentName, Principal
from crdt.structs import read_only_client
from crdt.waiting import encode_state_vector, read_state_vector
from server.documents.base import Base
from server.documents.copies import Copies
from server.errors import ConflictError
from server.history import History
from server.holding import hold
from server.offload import Offload, size_of
from storage.engine import Database
from storage.models import Page, Suggestion, SuggestionStatus
from storage.repositories.suggestions import document_of
from storage.unit_of_work import UnitOfWork
from storage.update_log import UpdateLog

MOST_OPEN = 100
"""Suggestions of one page that wait for a decision."""

MAX_PAGE_BYTES = 8 * 1024 * 1024
"""Of a page for which something can be suggested: each suggestion begins with a copy of it."""


class State(msgspec.Struct, frozen=True):
    """A document as it is committed."""

    update: bytes
    base: Base
    state_vector: bytes


class Differences(msgspec.Struct, frozen=True):
    """What a suggestion proposes now, and of which moments that is."""

    comparison: Comparison
    page: State
    branch: State


class Written(msgspec.Struct, frozen=True):
    """That an edit of a document is committed; without a position there was nothing to write."""

    document: str
    position: int | None
    state_vector: bytes


class Decided(msgspec.Struct, frozen=True):
    """What became of a decision, once it is committed."""

    suggestion: Suggestion
    decision: Decision
    written: Written
    """The page where something was accepted, else the branch."""


class Suggestions:
    """The suggestions of all pages, for requests and for whoever lets branches follow."""

    def __init__(
        self,
        database: Database,
        log: UpdateLog,
        hub: Hub,
        copies: Copies,
        history: History,
        offload: Offload,
    ) -> None:
        self._database = database
        self._log = log
        self._hub = hub
        self._copies = copies
        self._history = history
        self._offload = offload

    # Making

    async def make(
        self,
        page: Page,
        principal: Principal,
        user_id: UUID,
        note: str,
        change: Callable[["pycrdt.Doc[Any]"], object] | None,
        base: Base | None,
        *,
        suggestion_id: UUID | None = None,
    ) -> Suggestion:
        """Make a suggestion, with what a function makes of the page; with a base, of the page as it was then.

        One that has this id already is returned as it is.
        Raises what the function raises; ConflictError for too many or too much.
        """
        name = f"page:{page.id}"
        epoch, head = (await self._log.heads([name]))[name]
        position, snapshot, rows = await self._log.load(f"{name}#{epoch}")
        assert position >= head
        if size_of(snapshot, rows) > MAX_PAGE_BYTES:
            raise ConflictError("The page is too large for suggestions.", code="page_too_large")
        folded = await self._offload.run(size_of(snapshot, rows), history.fold, snapshot, rows)
        content = [(piece, "system") for piece in read_snapshot(folded)]
        writer: tuple[int, str] | None = None
        if change is not None:
            past = content[0][0] if base is None else await self._history.state_at(name, base.position)
            update, client_id = _change(past, change)
            if update is not None:
                content.append((update, principal.author))
                writer = (client_id, principal.id)
        async with self._database.transaction() as uow:
            # One after the other, so that together they are no more than may be.
            await uow.workspaces.lock(page.workspace_id)
            if suggestion_id is not None and (made := await uow.suggestions.get(suggestion_id)) is not None:
                return made
            document = await uow.documents.get(name)
            if document is None or document.epoch != epoch:
                raise _begun_anew()
            if await uow.suggestions.count_open(page.id) >= MOST_OPEN:
                raise ConflictError(
                    f"There are {MOST_OPEN} open suggestions for this page: decide on some first.",
                    code="too_many_suggestions",
                )
            suggestion = Suggestion(
                id=suggestion_id or uow.new_id(),
                page_id=page.id,
                workspace_id=page.workspace_id,
                page_document_id=document.id,
                followed_position=position,
                note=note,
                created_by=principal.id,
                created_by_user_id=user_id,
                created_at=uow.now,
            )
            await uow.suggestions.add(suggestion, content, writer)
            await tell(uow, suggestion, "created", principal.id)
        return suggestion

    # Following

    async def follow(self, suggestion_id: UUID) -> None:
        """Bring a branch up to its page, unless it is decided or its page has begun anew."""
        has_more = True
        while has_more:
            async with self._database.transaction() as uow:
                found = await uow.suggestions.follow(suggestion_id)
            if found is None:
                await self._follow_state(suggestion_id)
            has_more = found is not False

    async def _follow_state(self, suggestion_id: UUID) -> None:
        async with self._database.read() as uow:
            suggestion = await uow.suggestions.get(suggestion_id)
            log = await uow.suggestions.page_log(suggestion) if suggestion else None
        if log is None:
            return
        position, snapshot, rows = await self._log.load(f"{log.name}#{log.epoch}")
        pieces = [*read_snapshot(snapshot), *rows]
        async with self._database.transaction() as uow:
            await uow.suggestions.follow_state(suggestion_id, position, pieces)

    async def differences(self, suggestion: Suggestion) -> Differences:
        """Return what a suggestion proposes, its page and branch as they are committed now."""
        if suggestion.status == "open":
            await self.follow(suggestion.id)
        page = await self._state(f"page:{suggestion.page_id}")
        branch = await self._state(document_of(suggestion))
        size = len(page.update) + len(branch.update)
        found = await self._offload.run(size, branches.compare_states, page.update, branch.update)
        return Differences(found, page, branch)

    # Deciding

    async def accept(
        self, suggestion: Suggestion, principal: Principal, hunk_ids: Collection[str] | None, at: str
    ) -> Decided:
        """Bring a suggestion, or some hunks of it, into its page; it is accepted when nothing is left.

        Whole and untouched, it is merged as any document of Yjs is with another one. Where some of it was
        decided by itself, its own edits undo and repeat each other, and what it shows is taken over instead;
        so it is where somebody has written into it under another one's client id.
        Raises ConflictError for one that ended otherwise, or whose page has begun anew.
        """
        async with self._deciding(suggestion, "accepted", divides=hunk_ids is not None) as (
            current,
            make_sure,
        ):
            if current.status == "accepted":
                return await self._nothing_more(current)
            merged = None
            if hunk_ids is None and not current.is_divided:
                merged = await self._merge(current, principal, make_sure)
            if merged is not None:
                return await self._end(current, *merged, "accepted", principal)
            decision, page, branch = await self._decide(current, principal, hunk_ids, at, branches.accept)
            await make_sure()
            await self._put(document_of(current), principal, decision.branch, branch)
            written = await self._put(f"page:{current.page_id}", principal, decision.page, page)
            return await self._end(current, decision, written, "accepted", principal)

    async def reject(
        self, suggestion: Suggestion, principal: Principal, hunk_ids: Collection[str], at: str
    ) -> Decided:
        """Take some hunks of a suggestion back in its branch; it is rejected when nothing is left."""
        async with self._deciding(suggestion, "rejected", divides=True) as (current, make_sure):
            if current.status == "rejected":
                return await self._nothing_more(current)
            decision, _, branch = await self._decide(current, principal, hunk_ids, at, branches.reject)
            await make_sure()
            written = await self._put(document_of(current), principal, decision.branch, branch)
            return await self._end(current, decision, written, "rejected", principal)

    async def close(
        self, suggestion: Suggestion, status: Literal["rejected", "withdrawn"], by: str
    ) -> Decided:
        """End a suggestion without its page; its branch stays for reading. Raises ConflictError."""
        async with self._deciding(suggestion, status, divides=False, needs_page=False):
            return await self._nothing_more(await self._note_end(suggestion.id, status, by))

    @asynccontextmanager
    async def _deciding(
        self, suggestion: Suggestion, wanted: str, *, divides: bool, needs_page: bool = True
    ) -> AsyncGenerator[tuple[Suggestion, Callable[[], Awaitable[None]]]]:
        """Hold a suggestion that is open, or ended as is wanted: no two decisions work on the same hunks.

        Gives with it what makes sure of that once more.
        """
        busy = "Somebody is deciding on this suggestion; try again."
        async with hold(self._database, document_of(suggestion), busy) as make_sure:
            if needs_page:
                await self.follow(suggestion.id)
            async with self._database.transaction() as uow:
                current = await uow.suggestions.get(suggestion.id)
                if current is None or current.status not in ("open", wanted):
                    raise _ended(current)
                if needs_page and await uow.suggestions.page_log(current) is None:
                    raise _begun_anew()
                if divides and current.status == "open":
                    await uow.suggestions.divide(current.id)
            yield current, make_sure

    async def _decide(
        self,
        suggestion: Suggestion,
        principal: Principal,
        hunk_ids: Collection[str] | None,
        at: str,
        decide: Callable[[bytes, bytes, Collection[str] | None, Stamp, Clients], Decision],
    ) -> tuple[Decision, State, State]:
        page = await self._state(f"page:{suggestion.page_id}")
        branch = await self._state(document_of(suggestion))
        clocks, present = (read_state_vector(state.state_vector) for state in (branch, page))
        own = clocks.keys() - present.keys()
        clients = branches.choose_clients({*clocks, *present}, own, secrets.randbits(64))
        size = len(page.update) + len(branch.update)
        stamp = Stamp(at, principal.id)
        decision = await self._offload.run(size, decide, page.update, branch.update, hunk_ids, stamp, clients)
        return decision, page, branch

    async def _merge(
        self, suggestion: Suggestion, principal: Principal, make_sure: Callable[[], Awaitable[None]]
    ) -> tuple[Decision, Written] | None:
        """Write into the page what it lacks of a branch; None where some of that is forged.

        Whoever writes a page goes on with an own client id there: in the branch nobody does.
        """
        # In this order: what the branch has of the page's writers, the page has.
        branch = await self._state(document_of(suggestion))
        page = await self._state(f"page:{suggestion.page_id}")
        clocks, known = (read_state_vector(state.state_vector) for state in (branch, page))
        own = clocks.keys() - known.keys()
        if any(clocks[client_id] > known[client_id] for client_id in clocks.keys() - own):
            return None
        size = len(page.update) + len(branch.update)
        found = await self._offload.run(size, branches.compare_states, page.update, branch.update)
        for marker in Epoch(DocumentName(document_of(suggestion)), branch.base.epoch).marker:
            client_id = read_only_client(marker)
            assert client_id is not None
            known[client_id] = 1  # it marks copies of the branch, which the page is none of
        update = pycrdt.get_update(branch.update, encode_state_vector(known))
        async with self._database.read() as uow:
            bound = await uow.client_ids.of(document_of(suggestion))
        writers = [binding for binding in bound if binding[0] in own]
        await make_sure()
        written = await self._put(f"page:{suggestion.page_id}", principal, update, page, writers)
        return Decision(None, None, found.hunks, (), 0), written

    async def _put(
        self,
        name: str,
        principal: Principal,
        update: bytes | None,
        seen: State,
        writers: Collection[Binding] = (),
    ) -> Written:
        """Write an update that was made of a state, and wait until it is committed."""
        async with self._hub.join(DocumentName(name), principal) as replica:
            if update is not None:
                # Rows that others wrote may be on their way into the room, and the update hangs on them.
                await self._hub.look()
                await replica.reached(seen.state_vector)
                replica.introduce(writers)
                replica.doc.apply_update(update)
            position = await replica.saved()
            return Written(name, position or None, replica.doc.get_state())

    async def _end(
        self,
        suggestion: Suggestion,
        decision: Decision,
        written: Written,
        status: Literal["accepted", "rejected"],
        principal: Principal,
    ) -> Decided:
        if not decision.left:
            suggestion = await self._note_end(suggestion.id, status, principal.id)
        return Decided(suggestion, decision, written)

    async def _note_end(self, suggestion_id: UUID, status: SuggestionStatus, by: str) -> Suggestion:
        async with self._database.transaction() as uow:
            is_new = await uow.suggestions.decide(suggestion_id, status, by)
            found = await uow.suggestions.get(suggestion_id)
            assert found is not None, "whoever ends it holds it"
            await uow.session.refresh(found)
            if is_new:
                await tell(uow, found, status, by)
        return found

    async def _nothing_more(self, suggestion: Suggestion) -> Decided:
        """Say again that it has ended."""
        name = f"page:{suggestion.page_id}"
        page = await self._state(name)
        return Decided(suggestion, Decision(None, None, (), (), 0), Written(name, None, page.state_vector))

    async def _state(self, name: str) -> State:
        return await self._copies.read(name, lambda doc, base: State(doc.get_update(), base, doc.get_state()))


async def tell(uow: UnitOfWork, suggestion: Suggestion, what: str, by: str) -> None:
    """Tell what became of a suggestion."""
    await uow.events.append(
        suggestion.workspace_id,
        f"suggestion.{what}",
        by,
        f"page:{suggestion.page_id}",
        {
            "page_id": str(suggestion.page_id),
            "suggestion_id": str(suggestion.id),
            "author": suggestion.created_by,
            "note": suggestion.note,
        },
    )


def _change(past: bytes, change: Callable[["pycrdt.Doc[Any]"], object]) -> tuple[bytes | None, int]:
    """Make a change on a page; return it as an update, and its client id."""
    doc: pycrdt.Doc[Any] = pycrdt.Doc()
    doc.apply_update(past)
    return record(doc, lambda: change(doc)), doc.client_id


def _ended(suggestion: Suggestion | None) -> ConflictError:
    how = suggestion.status if suggestion is not None else "gone"
    return ConflictError(f"The suggestion is {how} already.", code="suggestion_closed")


def _begun_anew() -> ConflictError:
    return ConflictError(
        "The page has begun anew since, so the suggestion cannot be merged with it.", code="page_begun_anew"
    )
