"""What documents contain, as rows: after the log, once, whoever writes and whatever fails."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pycrdt
import pytest
from sqlalchemy import delete, func, select, update

from blocks import channel, comments
from blocks.channel_content import Text
from blocks.page import BLOCKS, Place
from blocks.page_edits import Stamp, add_text_block
from crdt.history import fold
from crdt.ports import DocumentName, Principal, PrincipalId
from server.background import projections as projections_module
from server.background.projections import SHARED, Projections
from server.bootstrap import Services
from server.offload import Offload
from server.projections import projector as projector_module
from server.projections.projector import Projector
from server.projections.reindexing import reindex
from server.settings import Settings
from storage import copying
from storage.engine import Database
from storage.event_feed import EventFeed
from storage.ids import Uuid7
from storage.models import (
    CanvasBlock,
    ChatMessage,
    Comment,
    CommentThread,
    Document,
    DocumentProjection,
    Event,
    MessageMention,
    Model,
    PageLink,
    ReadMark,
    SearchEntry,
    Workspace,
)
from storage.repositories.projections import BEHIND, TOLD_EVERY, Overtaken
from storage.update_log import UpdateLog
from tests.server.api import Api
from tests.server.conftest import Clock
from tests.services.databases import add_workspace
from tests.waiting import until

SECONDS = 20.0
NOW = "2026-05-04T12:00:00Z"
ANN, BOB = "user:0198c5b7-5c2f-7000-8000-00000000000a", "user:0198c5b7-5c2f-7000-8000-00000000000b"
PROJECTED: tuple[type[Model], ...] = (
    CanvasBlock,
    PageLink,
    ChatMessage,
    MessageMention,
    ReadMark,
    CommentThread,
    Comment,
)

new_id = Uuid7()


class Pen:
    """A document of a workspace, and somebody who writes in it as another process would."""

    def __init__(self, log: UpdateLog, kind: str, workspace_id: UUID, owner_id: UUID) -> None:
        self.id = new_id()
        self.name = f"{kind}:{self.id}"
        self.workspace_id = workspace_id
        self.owner_id = owner_id
        self.doc = pycrdt.Doc[Any]()
        self._log = log
        self._seen = self.doc.get_state()

    async def save(self, author: str = ANN) -> None:
        """Commit what was written since the last time."""
        await self._log.append(self.name, [(self.doc.get_update(self._seen), author)])
        self._seen = self.doc.get_state()

    def post(self, *lines: str, thread_id: str | None = None) -> list[str]:
        """Write messages of Ann's; return their ids."""
        ids = [str(new_id()) for _ in lines]
        for id_, line in zip(ids, lines, strict=True):
            channel.post(
                self.doc,
                id_,
                Text(line),
                sender_id=ANN,
                sender_type="user",
                created_at=NOW,
                thread_id=thread_id,
            )
        return ids

    def comment(self, *texts: str) -> tuple[str, list[str]]:
        """Write a thread of Ann's; return its id and those of its comments."""
        thread_id, *ids = (str(new_id()) for _ in range(len(texts) + 1))
        anchor = comments.Anchor("block", "start", "end", "what stood there")
        comments.begin_thread(self.doc, thread_id, anchor, created_by=ANN, created_at=NOW)
        for id_, text in zip(ids, texts, strict=True):
            comments.add_comment(
                self.doc, id_, thread_id, text, author_id=ANN, author_type="user", created_at=NOW
            )
        return thread_id, ids

    def add_block(self, *lines: str) -> str:
        """Write a text block; return its id."""
        id_ = str(new_id())
        place = Place(x=1, y=2, width=3, height=4, z_index=5)
        add_text_block(self.doc, id_, lines, place=place, stamp=Stamp(NOW, ANN))
        return id_

    def rich_text(self, block_id: str) -> pycrdt.XmlFragment:
        return self.doc.get(BLOCKS, type=pycrdt.Map[Any])[block_id]["content"]["doc"]

    def mention(self, block_id: str, id: str, kind: str) -> None:
        paragraph = self.rich_text(block_id).children.append(pycrdt.XmlElement("paragraph"))
        paragraph.children.append(pycrdt.XmlElement("mention", {"id": id, "kind": kind, "label": "Bob"}))


class World:
    """A database with a log and no server."""

    def __init__(self, database: Database, log: UpdateLog) -> None:
        self.database = database
        self.log = log
        self.projector = Projector(database, log, Offload())

    async def open(self, kind: str) -> Pen:
        workspace_id, user_id = await add_workspace(self.database)
        pen = Pen(self.log, kind, workspace_id, user_id)
        async with self.database.transaction() as uow:
            await uow.documents.create(pen.name, workspace_id)
            if kind == "page":
                await uow.pages.create(
                    workspace_id,
                    page_id=pen.id,
                    title="Plan",
                    parent=None,
                    icon_url=None,
                    order_key="a0",
                    created_by_user_id=user_id,
                )
        return pen

    async def told(self, pen: Pen, *kinds: str) -> list[Event]:
        return await told(self.database, pen.workspace_id, *kinds)

    async def behind(self) -> list[str]:
        """Return the names of the documents that have to be followed."""
        told_before = self.database.clock() - TOLD_EVERY
        found = await self.database.look(BEHIND, after=0, told_before=told_before, limit=100)
        return [name for _, name in found]

    async def rows(self, *columns: Any) -> list[Any]:
        """Return some columns of a table, sorted."""
        async with self.database.read() as uow:
            return sorted(tuple(row) for row in await uow.session.execute(select(*columns)))

    async def everything(self) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {}
        async with self.database.read() as uow:
            for model in PROJECTED:
                result = await uow.session.execute(select(*model.__table__.columns))
                found[model.__tablename__] = sorted((tuple(row) for row in result), key=repr)
        return found


async def told(database: Database, workspace_id: UUID, *kinds: str) -> list[Event]:
    async with database.read() as uow:
        head = await uow.events.head(workspace_id)
        return list(await uow.events.of_types(workspace_id, 0, head, kinds))


async def happened(database: Database, workspace_id: UUID, kind: str, count: int) -> list[Event]:
    """Wait until so many events of a kind are there; return them."""
    with EventFeed(database).subscribe(workspace_id) as subscription:
        async with asyncio.timeout(SECONDS):
            while len(events := await told(database, workspace_id, kind)) < count:
                await subscription.next(0.2)
            return events


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    async with UpdateLog.of(database) as log:
        yield World(database, log)


@asynccontextmanager
async def run_worker(world: World, share: float = SHARED) -> AsyncGenerator[None]:
    """Run the worker as a process of its own would."""
    worker = asyncio.create_task(Projections(world.database, world.log, world.projector, share=share).run())
    yield
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)


async def test_a_message_is_a_row_and_an_event(world: World):
    pen = await world.open("channel")
    (first,) = pen.post(f"Hi @[Bob]({BOB}) and @channel")
    (reply,) = pen.post("yes", thread_id=first)
    channel.react(pen.doc, first, "👍", BOB)
    channel.mark_read(pen.doc, BOB, reply)
    channel.pin(pen.doc, first, ANN)
    await pen.save()
    await world.projector.follow(pen.name)

    events = await world.told(pen)
    found = [(event.type, event.actor, event.subject) for event in events]
    assert found == [("message.posted", ANN, pen.name)] * 2
    assert events[0].payload == {
        "channel_id": str(pen.id),
        "message_id": first,
        "sender_id": ANN,
        "sender_type": "user",
        "content_type": "text",
        "thread_id": None,
        "mentions": [{"kind": "user", "id": BOB[5:]}, {"kind": "channel", "id": str(pen.id)}],
    }
    assert events[1].payload["thread_id"] == first
    async with world.database.read() as uow:
        messages = await uow.projected_messages.find(pen.id, [UUID(first), UUID(reply)])
    message = messages[UUID(first)]
    assert message.content == {"text": f"Hi @[Bob]({BOB}) and @channel"}
    assert (message.sender_id, message.sender_type, message.content_type) == (ANN, "user", "text")
    assert message.created_at == datetime(2026, 5, 4, 12, tzinfo=UTC)
    assert (message.reactions, message.pinned_by) == ([{"emoji": "👍", "user_ids": [BOB]}], ANN)
    assert (message.deleted, message.edited_at, message.archived_at) == (False, None, None)
    assert messages[UUID(reply)].thread_id == UUID(first)
    assert await world.rows(ReadMark.principal_id, ReadMark.message_id) == [(BOB, UUID(reply))]
    mentions = await world.rows(MessageMention.kind, MessageMention.target_id)
    assert mentions == [("channel", pen.id), ("user", UUID(BOB[5:]))]


async def test_edits_and_deletions_are_told_once_and_what_was_said_is_gone(world: World):
    pen = await world.open("channel")
    (message_id,) = pen.post(f"secret of @[Bob]({BOB})")
    steps = (
        lambda: None,
        lambda: channel.edit(pen.doc, message_id, Text(f"Secret of @[Bob]({BOB})"), edited_at=NOW),
        lambda: channel.react(pen.doc, message_id, "🙈", BOB),
        lambda: channel.delete(pen.doc, message_id),
    )
    for step in steps:
        step()
        await pen.save()
        await world.projector.follow(pen.name)
        await world.projector.follow(pen.name)
    types = [event.type for event in await world.told(pen)]
    assert types == ["message.posted", "message.edited", "message.deleted"]
    assert await world.rows(ChatMessage.deleted, ChatMessage.content) == [(True, {})]
    assert await world.rows(MessageMention.target_id) == []


async def test_a_block_is_a_row_with_links_and_mentions_are_told_once(world: World):
    pen = await world.open("page")
    other = new_id()
    first, second = pen.add_block("Title", "words"), pen.add_block("More")
    pen.mention(first, BOB[5:], "user")
    pen.mention(first, f"page:{other}", "page")
    paragraph = pen.rich_text(second).children.append(pycrdt.XmlElement("paragraph"))
    link = {"link": {"href": f"https://ionflux.example/pages/{other}#top"}}
    paragraph.children.append(pycrdt.XmlText()).insert(0, "over there", link)
    await pen.save()
    await world.projector.follow(pen.name)
    pen.mention(first, BOB[5:], "user")  # once more in the same block
    await pen.save()
    await world.projector.follow(pen.name)

    (event,) = await world.told(pen, "page.mentioned")
    assert (event.subject, event.actor) == (pen.name, ANN)
    assert event.payload == {"page_id": str(pen.id), "block_id": first, "user_id": BOB[5:]}
    async with world.database.read() as uow:
        block = await uow.session.get(CanvasBlock, (pen.id, first))
    assert block is not None
    assert (block.type, block.created_by, block.condition, block.deleted_at) == ("text", ANN, "fine", None)
    place = (block.position_x, block.position_y, block.width, block.height, block.z_index)
    assert place == (1, 2, 3, 4, 5)
    assert block.created_at == datetime(2026, 5, 4, 12, tzinfo=UTC) <= block.updated_at
    nodes = block.content["doc"]["content"]
    assert [node["type"] for node in nodes] == ["heading", "paragraph", "paragraph", "paragraph", "paragraph"]
    assert nodes[0]["content"] == [{"type": "text", "text": "Title"}]
    links = set(await world.rows(PageLink.block_id, PageLink.kind, PageLink.target_id))
    assert links == {(first, "user", UUID(BOB[5:])), (first, "page", other), (second, "page", other)}

    del pen.doc.get(BLOCKS, type=pycrdt.Map[Any])[first]
    await pen.save()
    await world.projector.follow(pen.name)
    assert await world.rows(CanvasBlock.id) == [(second,)]
    assert await world.rows(PageLink.block_id) == [(second,)]


async def test_edits_of_a_page_are_told_at_most_once_a_minute_and_none_is_left_untold(
    world: World, clock: Clock
):
    world.database.clock = clock
    pen = await world.open("page")
    for author in (ANN, ANN, f"{BOB}|relayed", "system:runs"):
        pen.add_block("one more")
        await pen.save(author)
        await world.projector.follow(pen.name)
    (event,) = await world.told(pen, "page.edited")
    assert (event.actor, event.payload) == (ANN, {"page_id": str(pen.id), "authors": [ANN]})
    clock.forward(seconds=61)
    assert await world.behind() == [pen.name]  # as the worker finds it, though nobody writes any more
    await world.projector.follow(pen.name)
    _, event = await world.told(pen, "page.edited")
    assert (event.actor, event.payload["authors"]) == (BOB, [ANN, BOB, "system:runs"])
    assert await world.behind() == []


async def test_only_what_differs_is_written(world: World, clock: Clock):
    world.database.clock = clock
    pen = await world.open("page")
    blocks = [pen.add_block(f"line {number}") for number in range(3)]
    await pen.save()
    await world.projector.follow(pen.name)
    clock.forward(seconds=5)
    pen.mention(blocks[1], BOB[5:], "user")
    await pen.save()
    await world.projector.follow(pen.name)
    times = [time for _, time in await world.rows(CanvasBlock.id, CanvasBlock.updated_at)]
    assert times[0] == times[2] < times[1]


async def test_two_processes_write_each_row_and_tell_each_message_once(world: World, database_url: str):
    pen = await world.open("channel")
    async with Database(database_url) as second, UpdateLog.of(second) as log:
        projectors = [world.projector, Projector(second, log, Offload())]
        for number in range(5):
            ids = pen.post(*(f"{number} {index}" for index in range(5)))
            channel.edit(pen.doc, ids[0], Text("edited"), edited_at=NOW)
            await pen.save()
            results = await asyncio.gather(
                *(one.follow(pen.name) for one in projectors), return_exceptions=True
            )
            assert all(isinstance(result, Overtaken | bool) for result in results), results
            await world.projector.follow(pen.name)
    events = await world.told(pen)
    ids = [UUID(event.payload["message_id"]) for event in events]
    assert {event.type for event in events} == {"message.posted"}
    assert len(ids) == len(set(ids)) == 25
    assert [(id_,) for id_ in sorted(ids)] == await world.rows(ChatMessage.id)


async def test_those_who_follow_at_once_in_a_process_wait_for_each_other(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(projector_module, "ROWS_AT_ONCE", 100)
    pen = await world.open("channel")
    for number in range(3):
        pen.post(*(f"{number} {index}" for index in range(150)))
        await pen.save()
        await asyncio.gather(*(world.projector.follow(pen.name) for _ in range(3)))  # nobody is overtaken
        async with world.database.read() as uow:
            standing = await uow.projections.find(pen.name)
        assert standing is not None
        assert standing.position == standing.head
        assert standing.revision == 2 * (number + 1)  # whoever came second had nothing left to write
    assert len(await world.told(pen)) == len(await world.rows(ChatMessage.id)) == 450


class Killed(BaseException):
    """The process ends."""


async def test_who_is_killed_between_two_parts_leaves_nothing_twice_and_nothing_out(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(projector_module, "ROWS_AT_ONCE", 2)
    pen = await world.open("channel")
    pen.post(*(f"line {number}" for number in range(7)))
    await pen.save()
    database, transaction, calls = world.database, world.database.transaction, 0

    def die() -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise Killed
        return transaction()

    monkeypatch.setattr(database, "transaction", die)
    with pytest.raises(Killed):
        await world.projector.follow(pen.name)
    assert len(await world.rows(ChatMessage.id)) == 4
    await world.projector.follow(pen.name)
    events = await world.told(pen)
    assert len({event.payload["message_id"] for event in events}) == len(events) == 7
    assert len(await world.rows(ChatMessage.id)) == 7


async def test_rows_are_made_from_nothing_without_a_word(world: World, tmp_path: Any, database_url: str):
    page, chat, remarks = [await world.open(kind) for kind in ("page", "channel", "comments")]
    pens = (page, chat, remarks)
    page.mention(page.add_block("Title"), BOB[5:], "user")
    channel.mark_read(chat.doc, BOB, chat.post("one", f"@[Bob]({BOB})")[1])
    thread, (first, second, _) = remarks.comment("Why?", "Wrong", "Because")
    comments.edit_comment(remarks.doc, first, "Why that?", edited_at=NOW)
    comments.delete_comment(remarks.doc, second)
    comments.resolve_thread(remarks.doc, thread, resolved_by=BOB, resolved_at=NOW)
    for pen in pens:
        await pen.save()
        await world.projector.follow(pen.name)
    before = await world.everything()
    assert all(before.values()), "each table has something to lose"
    heads = [len(await world.told(pen)) for pen in pens]
    chat.post("not projected yet")
    await chat.save()
    async with world.database.transaction() as uow:
        for model in PROJECTED:
            await uow.session.execute(delete(model))
        for pen in pens:
            assert await uow.search.forget(pen.id, 100)
    reports: list[str] = []
    words = await reindex(Settings(data_dir=tmp_path, database_url=database_url), reports.append)
    assert words == "3 documents and 1 other things were read anew.", "one of them is the page's title"
    assert [len(await world.told(pen)) for pen in pens] == [heads[0], heads[1] + 1, heads[2]]
    async with world.database.read() as uow:
        bodies = sorted(await uow.session.scalars(select(SearchEntry.body)))
    of_the_page = ""  # which is found by its title
    assert bodies == sorted(
        [of_the_page, "Title\n@Bob", "one", "@Bob", "not projected yet", "Why that?", "Because"]
    )
    after = await world.everything()
    assert len(after.pop("chat_messages")) == len(before.pop("chat_messages")) + 1
    assert after == before


async def test_documents_older_than_the_tables_are_read_without_a_word(world: World):
    pen = await world.open("channel")
    pen.post("long ago")
    await pen.save()
    async with world.database.transaction() as uow:  # as the migration does
        document = await uow.documents.get(pen.name)
        assert document is not None
        row = DocumentProjection(
            document_id=document.id, name=pen.name, position=1, revision=1, is_stale=True, updated_at=uow.now
        )
        uow.session.add(row)
    pen.post("now")
    await pen.save()
    await world.projector.follow(pen.name)
    assert [event.type for event in await world.told(pen)] == ["message.posted"]
    assert len(await world.rows(ChatMessage.id)) == 2
    assert await world.rows(DocumentProjection.position, DocumentProjection.is_stale) == [(2, False)]


async def test_what_is_archived_stays_when_it_leaves_the_document(world: World):
    pen = await world.open("channel")
    first, second = pen.post(f"old @[Bob]({BOB})", "new")
    await pen.save()
    await world.projector.follow(pen.name)
    async with world.database.transaction() as uow:
        assert await uow.projected_messages.archive(pen.id, [UUID(first), new_id()]) == [UUID(first)]
    channel.edit(pen.doc, first, Text("edited at the last moment"), edited_at=NOW)
    await pen.save()
    await world.projector.follow(pen.name)
    channel.remove(pen.doc, [first])
    await pen.save()
    await world.projector.follow(pen.name)
    async with world.database.transaction() as uow:  # by REST
        await uow.session.execute(
            update(ChatMessage).values(content={"text": "x"}).where(ChatMessage.id == UUID(first))
        )
    await world.projector.rebuild(pen.name)
    found = await world.rows(ChatMessage.id, ChatMessage.content["text"].as_string())
    assert found == [(UUID(first), "x"), (UUID(second), "new")]
    assert [event.type for event in await world.told(pen)] == ["message.posted"] * 2 + ["message.edited"]


async def archive_some(world: World, count: int) -> Pen:
    """Open a channel whose first messages are archived: one is deleted, the others name Bob."""
    pen = await world.open("channel")
    ids = pen.post(*(f"old {number} @[Bob]({BOB})" for number in range(count)), "new")[:count]
    channel.delete(pen.doc, ids[0])
    await pen.save()
    await world.projector.follow(pen.name)
    async with world.database.transaction() as uow:
        await uow.projected_messages.archive(pen.id, [UUID(id_) for id_ in ids])
    channel.remove(pen.doc, ids)
    await pen.save()
    await world.projector.follow(pen.name)
    return pen


async def found_and_mentioned(world: World) -> tuple[list[Any], list[Any]]:
    return (
        await world.rows(SearchEntry.subject_id, SearchEntry.author, SearchEntry.body),
        await world.rows(MessageMention.message_id, MessageMention.target_id, MessageMention.workspace_id),
    )


async def forget_found(world: World, pen: Pen) -> None:
    async with world.database.transaction() as uow:
        assert await uow.search.forget(pen.id, 100)
        await uow.session.execute(delete(MessageMention))


async def test_what_is_archived_is_found_again_when_rows_are_made_anew(
    world: World, tmp_path: Any, database_url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(projector_module, "ROWS_AT_ONCE", 2)
    pen = await archive_some(world, 6)
    before = await found_and_mentioned(world)
    assert (len(before[0]), len(before[1])) == (6, 5)
    rows, events = await world.everything(), len(await world.told(pen))
    await forget_found(world, pen)
    await reindex(Settings(data_dir=tmp_path, database_url=database_url), lambda _: None)
    assert await found_and_mentioned(world) == before
    await forget_found(world, pen)
    async with world.database.transaction() as uow:  # as an import does
        await uow.session.execute(update(DocumentProjection).values(is_stale=True))
    await world.projector.follow(pen.name)
    assert await found_and_mentioned(world) == before
    assert (await world.everything(), len(await world.told(pen))) == (rows, events)


async def test_what_is_archived_is_found_in_a_restored_backup(world: World):
    pen = await archive_some(world, 3)
    before = await found_and_mentioned(world)
    shape, parts = (
        await copying.shape(world.database),
        [one async for one in copying.copy_out(world.database)],
    )

    async def each() -> AsyncGenerator[copying.Part]:
        for part in parts:
            yield part

    await copying.copy_in(world.database, shape, each(), replace=True)
    assert (await found_and_mentioned(world))[0] == []
    await world.projector.follow(pen.name)
    assert await found_and_mentioned(world) == before


async def test_an_archive_is_read_anew_while_people_chat(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(projector_module, "ROWS_AT_ONCE", 1)
    pen = await archive_some(world, 20)
    await forget_found(world, pen)
    is_done = asyncio.Event()

    async def chat() -> int:
        said = 0
        while not is_done.is_set():
            pen.post("more")
            await pen.save()
            with suppress(Overtaken):
                await world.projector.follow(pen.name)
            said += 1
        return said

    chatting = asyncio.create_task(chat())
    async with asyncio.timeout(SECONDS):
        await Projector(world.database, world.log, Offload()).index_archived(pen.name)
    is_done.set()
    assert await chatting
    old = [body for _, _, body in (await found_and_mentioned(world))[0] if body.startswith("old")]
    assert len(old) == 19


async def test_a_document_that_began_anew_has_the_rows_of_its_new_life(world: World):
    pen = await world.open("channel")
    first, _ = pen.post("kept", "dropped")
    await pen.save()
    await world.projector.follow(pen.name)
    fresh = pycrdt.Doc[Any]()
    channel.post(fresh, first, Text("kept"), sender_id=ANN, sender_type="user", created_at=NOW)
    async with world.database.transaction() as uow:
        await uow.documents.reset(pen.name, fresh.get_update())
    assert await world.behind() == [pen.name]
    await world.projector.follow(pen.name)
    assert await world.rows(ChatMessage.id) == [(UUID(first),)]
    assert len(await world.told(pen, "message.*")) == 2
    assert await world.behind() == []


async def test_a_damaged_document_keeps_its_rows_and_others_go_on(world: World):
    pen = await world.open("page")
    pen.add_block("fine")
    await pen.save()
    await world.projector.follow(pen.name)
    await world.log.save_snapshot(pen.name, 1, b"\xff\xff\xff")
    pen.add_block("unreachable")
    await pen.save()
    another_process = Projector(world.database, world.log, Offload())
    await another_process.follow(pen.name)
    assert len(await world.rows(CanvasBlock.id)) == 1
    ((fault,),) = await world.rows(DocumentProjection.fault)
    assert "damaged" in fault
    await world.log.save_snapshot(pen.name, 1, fold(None, await world.log.read_rows(pen.name, 0, 1)))
    await world.projector.rebuild(pen.name)
    assert len(await world.rows(CanvasBlock.id)) == 2
    assert await world.rows(DocumentProjection.fault) == [(None,)]


async def test_what_is_left_of_a_workspace_that_is_gone_goes_too(world: World):
    gone, kept = await world.open("channel"), await world.open("channel")
    for pen in (gone, kept):
        channel.mark_read(pen.doc, BOB, pen.post(*(f"@[Bob]({BOB}) {number}" for number in range(150)))[0])
        await pen.save()
        await world.projector.follow(pen.name)
    async with world.database.transaction() as uow:
        await uow.session.execute(delete(Workspace).where(Workspace.id == gone.workspace_id))
    async with world.database.read() as uow:
        assert [name for _, name in await uow.projections.orphans(10)] == [gone.name]
    parts = 1
    while not await world.projector.forget(gone.name):
        parts += 1
    assert parts > 1
    for model in (ChatMessage, MessageMention, ReadMark):
        assert {row[0] for row in await world.rows(model.channel_id)} == {kept.id}


async def test_deleting_workspaces_while_rows_are_written_ends_well(world: World):
    async def delete_soon(pen: Pen) -> None:
        async with world.database.transaction() as uow:
            await uow.session.execute(delete(Workspace).where(Workspace.id == pen.workspace_id))

    for kind in ("page", "channel") * 4:
        pen = await world.open(kind)
        if kind == "page":
            for number in range(120):
                pen.mention(pen.add_block(f"line {number}"), BOB[5:], "user")
        else:
            pen.post(*(f"@[Bob]({BOB}) {number}" for number in range(250)))
        await pen.save()
        async with asyncio.timeout(SECONDS):
            await asyncio.gather(world.projector.follow(pen.name), delete_soon(pen))
    async with world.database.read() as uow:
        assert await uow.session.scalar(select(func.count()).select_from(Document)) == 0


async def test_the_worker_hears_of_commits_here_and_finds_those_elsewhere(world: World, database_url: str):
    here, there = await world.open("channel"), await world.open("channel")
    async with run_worker(world), Database(database_url) as second, UpdateLog.of(second) as log:
        here.post("here")
        await here.save()
        await happened(world.database, here.workspace_id, "message.posted", 1)
        there._log = log  # pyright: ignore[reportPrivateUsage]
        there.post("there")
        await there.save()
        await happened(world.database, there.workspace_id, "message.posted", 1)


async def test_what_somebody_waits_for_goes_ahead_of_what_is_typed_into(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    # The share of the time is used up for long by the first work, and what people wait for costs nothing.
    monkeypatch.setattr(projections_module, "REST_SECONDS", 3600.0)
    monkeypatch.setattr(projections_module, "BESIDE", 0.0)
    typed_into, channel = await world.open("page"), await world.open("channel")
    typed_into.add_block("first")
    await typed_into.save()
    async with run_worker(world, share=1e-9):
        await until(lambda: world.rows(CanvasBlock.page_id))
        typed_into.add_block("second")
        await typed_into.save()
        for count in range(1, 4):
            channel.post(f"message {count}")
            await channel.save()
            await happened(world.database, channel.workspace_id, "message.posted", count)
    assert len(await world.rows(CanvasBlock.page_id)) == 1


async def test_messages_of_private_channels_are_told_to_who_is_in_them(
    ann: Api, bob: Api, services: Services, workspace: str
):
    await ann.made(f"{workspace}/members", {"email": "bob@example.com", "role": "admin"})
    secret = await ann.made(f"{workspace}/channels", {"name": "secret", "type": "private"})
    who = Principal(id=PrincipalId(f"user:{ann.user['id']}"), name="Ann")
    async with services.hub.join(DocumentName(secret["document"]), who) as replica:
        content = Text("between us")
        channel.post(
            replica.doc, str(new_id()), content, sender_id=who.id, sender_type="user", created_at=NOW
        )
        await replica.saved()
    await happened(services.database, UUID(secret["workspace_id"]), "message.posted", 1)
    for api, count in ((ann, 1), (bob, 0)):
        found = (await api.get(f"{workspace}/events?type=message.*")).json()["items"]
        assert len(found) == count
