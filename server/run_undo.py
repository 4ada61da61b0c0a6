"""Undo this run: what a run of an agent did is taken back, in every document that it wrote in.

Pages: what it wrote goes, what it deleted comes back, and what others wrote stays, also within what the run
wrote (`crdt.deeds`). Messages and comments are marked as deleted, reactions and pins are taken away,
suggestions that are open are withdrawn. What a run did is in the log, row by row; of rows that are pruned
`run_deeds` has what they came to. Each document is written by a peer under whoever undoes (R8), and only
where they may write it.

Undoing again changes nothing: what was inserted is gone, and that something was brought back is told by the
client id under which it was (`agents.marks`).
"""

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any
from uuid import UUID

import msgspec
import pycrdt

from agents.marks import Mark, Marks, is_under, new_client_id, written_under
from blocks import channel, comments
from blocks.errors import UnknownCommentError, UnknownMessageError
from blocks.page import LIGHT
from crdt import deeds
from crdt.deeds import Reverted
from crdt.document import read_snapshot
from crdt.hub import Hub
from crdt.peer import Replica
from crdt.ports import DocumentName, Principal
from server.chat import Chat
from server.documents.writing import Writer
from server.errors import ConflictError
from server.holding import hold
from server.offload import Offload, size_of
from server.suggestions import Suggestions
from storage.access import document_right
from storage.callers import Caller, parse_document_name
from storage.engine import Database
from storage.errors import UnknownPositionError
from storage.models import AgentConfiguration, AgentRunLog, Document, RunDeed
from storage.update_log import UpdateLog

_TRIES = 5
"""People who type meanwhile have it computed anew; the last time it is taken as it is, and merges."""

_TRY_SECONDS = 0.05


class Undone(msgspec.Struct, frozen=True):
    """A document in which a run was undone."""

    document: str
    position: int | None
    """Where that is committed; None where there was nothing left to undo."""
    is_whole: bool
    """Whether all that the run deleted could be brought back."""


class RunUndo:
    """Undoes runs."""

    def __init__(
        self,
        database: Database,
        log: UpdateLog,
        hub: Hub,
        offload: Offload,
        writer: Writer,
        chat: Chat,
        suggestions: Suggestions,
    ) -> None:
        self._database = database
        self._log = log
        self._hub = hub
        self._offload = offload
        self._writer = writer
        self._chat = chat
        self._suggestions = suggestions

    async def undo(
        self, run: AgentRunLog, agent: AgentConfiguration, caller: Caller, principal: Principal
    ) -> tuple[list[Undone], bool]:
        """Undo a run that has ended, in all that a caller may write; tell whether that was everything.

        Raises ConflictError for a run that goes on, and crdt's errors.
        """
        if run.status in ("pending", "running"):
            raise ConflictError("The run has not ended yet: cancel it first.", code="run_is_open")
        author = f"agent:{agent.id}|run:{run.run_id}"
        async with self._database.read() as uow:
            documents = [
                (document, await document_right(uow, caller, document.name))
                for document in await uow.run_deeds.documents_of(author)
            ]
        undone: list[Undone] = []
        is_complete = True
        # Two at once would each bring back what the run has deleted.
        busy = "Somebody is undoing this run; try again."
        async with hold(self._database, f"undo:{run.run_id}", busy) as make_sure:
            for document, right in documents:
                if right in ("write", "manage"):
                    undone.append(await self._undo_in(document, author, principal, make_sure))
                elif not await self._is_over(document):
                    is_complete = False
        return undone, is_complete

    async def _is_over(self, document: Document) -> bool:
        """Tell whether nobody writes a document any more: it has begun anew since, or is decided on."""
        match parse_document_name(document.name):
            case ("suggestion", suggestion_id):
                async with self._database.read() as uow:
                    suggestion = await uow.suggestions.get(suggestion_id)
                return suggestion is None or suggestion.status != "open"
            case found:
                return found is None

    async def _undo_in(
        self, document: Document, author: str, principal: Principal, make_sure: Callable[[], Awaitable[None]]
    ) -> Undone:
        match parse_document_name(document.name):
            case ("channel", _):
                return await self._undo_messages(document, author, principal)
            case ("comments", _):
                return await self._undo_comments(document, author, principal)
            case ("suggestion", suggestion_id):
                return await self._withdraw(document.name, suggestion_id, principal)
            case _:
                return await self._undo_edits(document, author, principal, make_sure)

    # Pages

    async def _undo_edits(
        self, document: Document, author: str, principal: Principal, make_sure: Callable[[], Awaitable[None]]
    ) -> Undone:
        mark = Marks(f"undo:{author}", document.name).next()
        client_id = new_client_id(mark)
        name = DocumentName(document.name)
        async with self._hub.join(name, principal, client_id=client_id) as replica:
            for left in range(_TRIES, 0, -1):
                if left == 1 or await self._has_earlier(document, replica, mark):
                    reverted = await self._revert(document, author, replica, mark)
                    if reverted is not None:
                        await make_sure()
                        if left == 1 or reverted.state_vector == replica.doc.get_state():
                            # Nobody has written anything between what this was made of and now.
                            replica.doc.apply_update(reverted.update)
                            break
                await asyncio.sleep(_TRY_SECONDS)
            else:
                raise ConflictError("The page's history is being pruned: try again.", code="busy")
            return Undone(document.name, await replica.saved() or None, reverted.is_whole)

    async def _has_earlier(self, document: Document, replica: Replica, mark: Mark) -> bool:
        """Tell whether what was undone before is here, as far as anything came of it; have it come, if not.

        Another process may have done it: what it wrote is known by its client ids before it comes.
        """
        async with self._database.read() as uow:
            bound = await uow.client_ids.of(document.name)
        earlier = {
            client_id for client_id, _, has_written in bound if has_written and is_under(mark, client_id)
        }
        if earlier <= written_under(replica.doc, mark).keys():
            return True
        await self._hub.look()
        return False

    async def _revert(self, document: Document, author: str, replica: Replica, mark: Mark) -> Reverted | None:
        async with self._database.read() as uow:
            positions = await uow.run_deeds.positions_of(document.id, author)
            kept = await uow.run_deeds.kept_of(document.id, author)
        address = f"{document.name}#{document.epoch}"
        before: list[bytes] = []
        rows: list[bytes] = []
        start = positions[0] - 1 if positions else 0
        if positions:
            try:
                _, snapshot, earlier = await self._log.read_at(address, start)
                rows = await self._log.read_rows(address, start, positions[-1])
            except UnknownPositionError:
                return None
            before = [*read_snapshot(snapshot), *earlier]
        # What has come behind the run's rows, committed or not, is in the replica.
        pasts = [zlib.decompress(deed.past) for deed in kept if deed.past is not None]
        state = replica.doc.get_update()
        own = [position - start - 1 for position in positions]
        is_again = bool(written_under(replica.doc, mark))
        size = size_of(None, [*pasts, *before, *rows, state])
        return await self._offload.run(
            size,
            _revert,
            pasts,
            before,
            rows,
            own,
            [deed.deeds for deed in kept],
            state,
            replica.doc.client_id,
            is_again=is_again,
        )

    # Channels, comments, suggestions

    async def _undo_messages(self, document: Document, author: str, principal: Principal) -> Undone:
        entries = await self._entries(document, author)
        agent_id, _, _ = author.partition("|")
        # Nobody else deletes an agent's message but who manages the channel; undoing is more than that.
        system = msgspec.structs.replace(principal, kind="system")
        position: int | None = None
        for message_id in entries.get(channel.MESSAGES, ()):
            try:
                written = await self._chat.change(document.name, system, message_id, channel.delete)
            except UnknownMessageError:
                continue
            position = written.position or position
        reactions = [key for key in entries.get(channel.REACTIONS, ()) if key.endswith(f"|{agent_id}")]
        pins = entries.get(channel.PINS, ())

        def take_away(doc: "pycrdt.Doc[Any]") -> None:
            for key in reactions:
                if (reaction := channel.parse_reaction(key)) is not None:
                    channel.unreact(doc, reaction.message_id, reaction.emoji, reaction.principal_id)
            for message_id in pins:
                if channel.read_pins(doc).get(message_id) == agent_id:
                    channel.unpin(doc, message_id)

        if reactions or pins:
            written = await self._writer.write(document.name, system, take_away)
            position = written.position or position
        return Undone(document.name, position, is_whole=True)

    async def _undo_comments(self, document: Document, author: str, principal: Principal) -> Undone:
        entries = await self._entries(document, author)
        agent_id, _, _ = author.partition("|")

        def delete(doc: "pycrdt.Doc[Any]") -> None:
            for comment_id in entries.get(comments.COMMENTS, ()):
                comment = comments.read_comment(doc, comment_id)
                if comment is not None and comment.author_id == agent_id and not comment.deleted:
                    comments.delete_comment(doc, comment_id)

        system = msgspec.structs.replace(principal, kind="system")
        try:
            written = await self._writer.write(document.name, system, delete)
        except UnknownCommentError:  # gone with its page
            return Undone(document.name, None, is_whole=True)
        return Undone(document.name, written.position, is_whole=True)

    async def _withdraw(self, name: str, suggestion_id: UUID, principal: Principal) -> Undone:
        async with self._database.read() as uow:
            suggestion = await uow.suggestions.get(suggestion_id)
        if suggestion is not None and suggestion.status == "open":
            await self._suggestions.close(suggestion, "withdrawn", principal.id)
        return Undone(name, None, is_whole=True)

    async def _entries(self, document: Document, author: str) -> dict[str, list[str]]:
        """Return what a run has made in a document of entries, by root."""
        async with self._database.read() as uow:
            positions = await uow.run_deeds.positions_of(document.id, author)
            kept = await uow.run_deeds.kept_of(document.id, author)
        made = [entry for deed in kept for entry in deed.keys]
        address = f"{document.name}#{document.epoch}"
        for position in positions:
            made += deeds.entries_made(await self._log.read_rows(address, position - 1, position))
        found: dict[str, list[str]] = {}
        for entry in dict.fromkeys(made):
            root, _, key = entry.partition("/")
            found.setdefault(root, []).append(key)
        return found


def _revert(
    pasts: Sequence[bytes],
    before: Sequence[bytes],
    rows: Sequence[bytes],
    own: Collection[int],
    kept: Sequence[bytes],
    state: bytes,
    client_id: int,
    *,
    is_again: bool,
) -> Reverted:
    """Compute the edit that undoes a run, wherever what it did is written down."""
    done = [deed for one in kept for deed in deeds.recall(one)] + deeds.read_deeds(before, rows, own)
    if is_again or not deeds.deleted_by(done):
        # What it deleted has been brought back already, if anything; only what it wrote can be left.
        update = deeds.take_back(state, deeds.inserted_by(done), LIGHT)
        return Reverted(update, pycrdt.get_state(state))
    pieces = [*pasts, *before, *rows, state]
    return deeds.revert(pieces, done, light=LIGHT, client_id=client_id)


def remember(
    before: Sequence[bytes], rows: Sequence[bytes], authors: dict[str, list[int]]
) -> list[tuple[str, bytes, bytes | None, list[str]]]:
    """Return what is to be kept of rows of runs that are going to be pruned, by author."""
    found: list[tuple[str, bytes, bytes | None, list[str]]] = []
    for author, own in authors.items():
        done, past, entries = deeds.remember(before, rows, own)
        found.append((author, done, zlib.compress(past) if past is not None else None, entries))
    return found


def as_deed(document_id: int, position: int, kept: tuple[str, bytes, bytes | None, list[str]]) -> RunDeed:
    """Return what is to be kept as a row."""
    author, done, past, entries = kept
    return RunDeed(
        document_id=document_id, position=position, author=author, deeds=done, past=past, keys=entries
    )
