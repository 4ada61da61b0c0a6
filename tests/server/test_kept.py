"""Documents that are kept: what is read of them by what has changed is what reading all finds."""

import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence, Set
from contextlib import asynccontextmanager
from typing import Any

import pycrdt
import pytest

from blocks import channel
from blocks.channel_content import Text
from blocks.page import BLOCKS, CONTENT, META, Place, blocks_of
from blocks.page_edits import Stamp, add_text_block
from blocks.rows import Changes, Known, PageNames, moved_on
from server.background import projections
from server.offload import SMALL_BYTES, Offload
from server.projections import kept
from server.projections.kept import Documents
from server.projections.pages import PageRows
from server.projections.projector import ROWS_READ_TOGETHER, Projector
from server.projections.reading import read_channel, read_page
from storage.engine import Database
from storage.errors import StoreUnavailableError
from storage.ids import Uuid7
from storage.models import CanvasBlock, ChatMessage, DocumentProjection
from storage.stores.ports import Part
from storage.unit_of_work import UnitOfWork
from storage.update_log import UpdateLog
from tests.server.conftest import Clock
from tests.server.test_projections import ANN, BOB, NOW, Pen, World, run_worker
from tests.waiting import until

ADDRESS = "channel:x#1"
EMOJI = ("👍", "👎")

new_id = Uuid7()


MANY = 10_000_000


@pytest.fixture
def documents() -> Documents:
    return Documents(most_bytes=MANY, most=10)


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    async with UpdateLog.of(database) as log:
        yield World(database, log)


def note_loads(world: World, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that is told of each document that is read as a whole."""
    loaded: list[str] = []

    def noting(read: Callable[..., Any]) -> Callable[..., Any]:
        async def note(document: str, *more: Any) -> Any:
            loaded.append(document)
            return await read(document, *more)

        return note

    for name in ("load", "read_at"):
        monkeypatch.setattr(world.log, name, noting(getattr(world.log, name)))
    return loaded


def do_something_on_page(doc: pycrdt.Doc[Any], dice: random.Random) -> None:
    blocks, meta = doc.get(BLOCKS, type=pycrdt.Map[Any]), doc.get(META, type=pycrdt.Map[Any])
    ids = [id_ for id_ in sorted(blocks.keys()) if isinstance(blocks[id_], pycrdt.Map)]
    block = blocks[dice.choice(ids)] if ids else None
    match dice.randrange(8) if block is not None else 0:
        case 0:
            add_text_block(doc, str(new_id()), ["words"], place=Place(), stamp=Stamp(NOW, ANN))
        case 1 | 2:
            assert block is not None
            if block["type"] == "text":
                block[CONTENT]["doc"].children.append(pycrdt.XmlElement("paragraph"))
                block[CONTENT]["doc"].children[0].children.append(pycrdt.XmlText(f"more {dice.random()}"))
        case 3:
            assert block is not None
            block["position_x"] = dice.choice([1, 2, "nowhere"])
        case 4:
            assert block is not None
            block["deleted_at"] = dice.choice([None, NOW])
        case 5:
            del blocks[dice.choice(ids)]
        case 6:
            blocks[dice.choice(["", "odd", "x" * 300])] = dice.choice([5, None, "text"])
        case _:
            if "title" in meta and dice.random() < 0.3:
                del meta["title"]
            else:
                meta["title"] = dice.choice(["Plan", "Another plan", 5])


def do_something_in_channel(doc: pycrdt.Doc[Any], dice: random.Random) -> None:
    ids = channel.message_ids(doc)
    some = dice.choice(ids) if ids else ""
    match dice.randrange(8) if ids else 0:
        case 0 | 1:
            thread_id = some if some and dice.random() < 0.3 else None
            channel.post(
                doc,
                str(new_id()),
                Text(f"words {dice.random()}"),
                sender_id=ANN,
                sender_type="user",
                created_at=NOW,
                thread_id=thread_id,
            )
        case 2:
            channel.edit(doc, some, Text(f"others {dice.random()}"), edited_at=NOW)
        case 3:
            channel.delete(doc, some)
        case 4:
            channel.react(doc, some, dice.choice(EMOJI), dice.choice((ANN, BOB)))
        case 5:
            channel.unreact(doc, some, dice.choice(EMOJI), dice.choice((ANN, BOB)))
        case 6:
            channel.mark_read(doc, dice.choice((ANN, BOB)), some)
            if dice.random() < 0.5:
                channel.pin(doc, some, ANN)
            else:
                channel.unpin(doc, some)
        case _:
            channel.remove(doc, [some])


class Table:
    """What the tables would have."""

    def __init__(self) -> None:
        self.rows: dict[str, bytes] = {}
        self.marks: dict[str, Any] = {}

        self.names: PageNames | None = None

    def take(self, changes: Changes[Any]) -> None:
        self.rows |= {str(row.id): digest for row, digest in changes.rows}
        for id_ in changes.gone:
            self.rows.pop(id_, None)
        self.marks |= moved_on(changes.marks, self.marks)
        if changes.names is not None:
            self.names = changes.names


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("address", "act", "read"),
    [("channel:x#1", do_something_in_channel, read_channel), ("page:x#1", do_something_on_page, read_page)],
    ids=["channel", "page"],
)
def test_what_was_touched_is_all_that_has_changed(
    documents: Documents,
    address: str,
    act: Callable[[pycrdt.Doc[Any], random.Random], None],
    read: Callable[[None, list[bytes], Known], Changes[Any]],
    seed: int,
):
    dice = random.Random(seed)
    docs = [pycrdt.Doc[Any](client_id=number) for number in (1, 2)]
    log: list[bytes] = []
    by_parts, whole = Table(), Table()
    by_parts.take(documents.read(address, 0, None, [], Known({})))
    seen = 0
    for _ in range(40):
        for doc in docs:
            before = doc.get_state()
            for _ in range(dice.randrange(4)):
                act(doc, dice)
            log.append(doc.get_update(before))
        if dice.random() < 0.5:  # until then they do not know of each other
            for doc in docs:
                for update in log:
                    doc.apply_update(update)
        touched = documents.read_on(address, seen, seen, len(log), log[seen:])
        assert touched is not None
        seen = len(log)
        by_parts.take(touched)
        whole.take(read(None, log, Known(whole.rows, whole.marks)))
        assert by_parts.rows == whole.rows
        assert by_parts.marks == whole.marks
        assert by_parts.names == whole.names


def test_only_what_was_touched_is_read(documents: Documents, monkeypatch: pytest.MonkeyPatch):
    doc = pycrdt.Doc[Any]()
    ids = [str(new_id()) for _ in range(50)]
    for id_ in ids:
        channel.post(doc, id_, Text("x"), sender_id=ANN, sender_type="user", created_at=NOW)
        channel.react(doc, id_, "👍", ANN)
    documents.read(ADDRESS, 1, None, [doc.get_update()], Known({}))
    read: list[str] = []
    as_message = channel.as_message

    def note(message_id: str, fields: object) -> channel.Message:
        read.append(message_id)
        return as_message(message_id, fields)

    monkeypatch.setattr(channel, "as_message", note)
    before = doc.get_state()
    channel.react(doc, ids[7], "👍", BOB)
    channel.edit(doc, ids[3], Text("y"), edited_at=NOW)
    assert documents.read_on(ADDRESS, 1, 1, 2, [doc.get_update(before)]) is not None
    assert read == [ids[3], ids[7]]


def test_what_is_not_kept_as_of_a_position_is_read_as_a_whole():
    doc = pycrdt.Doc[Any]()
    channel.post(doc, str(new_id()), Text("x"), sender_id=ANN, sender_type="user", created_at=NOW)
    update = doc.get_update()
    documents = Documents(len(update) * 3 // 2 + 100, most=10)
    assert documents.read_on(ADDRESS, 0, 0, 1, [update]) is None
    documents.read(ADDRESS, 3, None, [update], Known({}))
    assert documents.read_on(ADDRESS, 2, 2, 3, [update]) is None
    assert documents.read_on(ADDRESS, 3, 3, 4, [update]) is not None
    documents.read("channel:y#1", 1, None, [update], Known({}))
    assert documents.read_on(ADDRESS, 4, 4, 5, [update]) is None, "the one that was read last is kept"
    assert documents.read_on("channel:y#1", 1, 1, 2, []) is not None


async def test_a_key_that_no_database_takes_does_not_hold_up_the_page(world: World):
    pen = await world.open("page")
    pen.add_block("first")
    await pen.save()
    await world.projector.follow(pen.name)
    for words in ("second", "third"):
        blocks_of(pen.doc)["a\0b"] = 5
        pen.add_block(words)
        await pen.save()
        await world.projector.follow(pen.name)
    assert len(await world.rows(CanvasBlock.id)) == 3


async def test_what_made_it_fail_is_not_kept(world: World, monkeypatch: pytest.MonkeyPatch):
    pen = await world.open("page")
    pen.add_block("first")
    await pen.save()
    await world.projector.follow(pen.name)
    pen.add_block("second")
    await pen.save()

    async def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("what a database does not take")

    with monkeypatch.context() as patched:
        patched.setattr(PageRows, "write", fail)
        with pytest.raises(RuntimeError):
            await world.projector.follow(pen.name)
    loaded = note_loads(world, monkeypatch)
    await world.projector.follow(pen.name)
    assert (len(loaded), len(await world.rows(CanvasBlock.id))) == (1, 2)


def test_what_comes_in_parts_is_read_once():
    doc = pycrdt.Doc[Any]()
    documents = Documents(most_bytes=1_000_000, most=10)
    documents.read("channel:x#1", 0, None, [], Known({}))
    for position in range(6):
        before = doc.get_state()
        channel.post(doc, str(new_id()), Text("words"), sender_id=ANN, sender_type="user", created_at=NOW)
        found = documents.read_on("channel:x#1", 0, position, 6, [doc.get_update(before)])
        assert found is not None
        assert len(found.rows) == (6 if position == 5 else 0)


async def test_a_large_channel_is_loaded_once(world: World, monkeypatch: pytest.MonkeyPatch):
    pen = await world.open("channel")
    pen.post(*("long words " * 100 for _ in range(2 * SMALL_BYTES // 1100)))
    await pen.save()
    await world.projector.follow(pen.name)
    loaded = note_loads(world, monkeypatch)
    (new,) = pen.post("new")
    channel.mark_read(pen.doc, BOB, new)
    await pen.save()
    await world.projector.follow(pen.name)
    assert loaded == []
    assert len(await world.told(pen, "message.posted")) == 2 * SMALL_BYTES // 1100 + 1
    await world.projector.follow(pen.name)
    channel.edit(pen.doc, new, Text("newer"), edited_at=NOW)
    await pen.save()
    await world.projector.follow(pen.name)
    assert loaded == []
    rows = await world.rows(ChatMessage.id, ChatMessage.content)
    assert [content for id_, content in rows if str(id_) == new] == [{"text": "newer"}]


@pytest.mark.parametrize("kind", ["page", "channel"])
async def test_a_small_document_is_loaded_once_and_a_large_one_anew_in_the_child(
    world: World, monkeypatch: pytest.MonkeyPatch, kind: str
):
    pen = await world.open(kind)
    loaded = note_loads(world, monkeypatch)

    def write(words: str) -> str:
        return pen.add_block(words) if kind == "page" else pen.post(words)[0]

    ids = [write("first")]
    await pen.save()
    await world.projector.follow(pen.name)
    for words in ("second", "third", "x" * SMALL_BYTES, "fourth"):
        ids.append(write(words))
        await pen.save()
        await world.projector.follow(pen.name)
    assert len(loaded) == 2
    model = CanvasBlock if kind == "page" else ChatMessage
    assert sorted(str(id_) for (id_,) in await world.rows(model.id)) == sorted(ids)


def test_a_document_in_which_much_was_replaced_is_as_large_as_what_is_left():
    doc = pycrdt.Doc[Any]()
    meta = doc.get(META, type=pycrdt.Map[Any])
    documents = Documents(most_bytes=100_000, most=10)
    documents.read("page:x#1", 0, None, [], Known({}))
    for position in range(20):
        before = doc.get_state()
        meta["note"] = "x" * 20_000
        rows = [doc.get_update(before)]
        assert documents.read_on("page:x#1", position, position, position + 1, rows) is not None


async def test_of_many_documents_those_are_kept_that_were_read_last(documents: Documents):
    for number in range(11):
        documents.read(f"page:{number}#1", 1, None, [], Known({}))
    assert [documents.position(f"page:{number}#1") for number in range(11)] == [None, *[1] * 10]


class Typists:
    """Some pages whose editor has a schema of its own, in which nothing has a row."""

    def __init__(self, world: World, pens: list[Pen]) -> None:
        self.names = [pen.name for pen in pens]
        self.pens = pens
        self._world = world

    async def type(self) -> None:
        for pen in self.pens:
            pen.doc.get("text", type=pycrdt.Text).insert(0, "x")
            await pen.save()

    async def behind(self) -> set[str]:
        """Return the names of those pages whose rows are behind their log."""
        return set(await self._world.behind())

    async def have_followed(self) -> bool:
        return not await self.behind()


@pytest.fixture
async def typists(world: World) -> Typists:
    typists = Typists(world, [await world.open("page") for _ in range(4)])
    await typists.type()
    for name in typists.names:
        await world.projector.follow(name)
    await typists.type()
    return typists


async def test_pages_without_rows_follow_in_one_transaction(world: World, typists: Typists):
    began = 0
    transaction = world.database.transaction

    def count() -> Any:
        nonlocal began
        began += 1
        return transaction()

    world.database.transaction = count
    assert await world.projector.follow_unchanged(typists.names) == (set(typists.names), set())
    assert began == 1
    assert await typists.behind() == set()
    assert await world.projector.follow_unchanged(typists.names) == (set(typists.names), set()), (
        "as they have"
    )
    assert began == 1


async def test_what_has_rows_is_left_to_its_own_turn(
    world: World, typists: Typists, monkeypatch: pytest.MonkeyPatch
):
    pen, *_ = typists.pens
    block_id = pen.add_block("words")
    await pen.save()
    others = set(typists.names[1:])
    assert await world.projector.follow_unchanged(typists.names) == (others, {pen.name})
    assert await typists.behind() == {pen.name}
    monkeypatch.setattr(world.log, "load", None)  # what was read then is not read again
    pen.add_block("more words")
    await pen.save()
    await world.projector.follow(pen.name)
    assert await typists.behind() == set()
    assert block_id in {id_ for (id_,) in await world.rows(CanvasBlock.id)}
    assert len(await world.rows(CanvasBlock.id)) == 2


async def test_a_minute_later_each_page_tells_that_it_was_edited(
    world: World, typists: Typists, clock: Clock
):
    world.database.clock = clock
    clock.forward(seconds=61)
    assert await world.projector.follow_unchanged(typists.names) == (set(typists.names), set())
    await typists.type()
    assert await world.projector.follow_unchanged(typists.names) == (set(typists.names), set())
    for pen in typists.pens:
        first, second = await world.told(pen, "page.edited")
        assert (second.actor, second.subject, second.payload) == (ANN, pen.name, first.payload)


async def test_who_was_overtaken_has_not_followed(
    world: World, typists: Typists, monkeypatch: pytest.MonkeyPatch
):
    first, busy, *others = typists.names
    another_process = Projector(world.database, world.log, Offload())
    transaction = world.database.transaction

    def overtake() -> Any:
        @asynccontextmanager
        async def overtaken() -> AsyncGenerator[UnitOfWork]:
            monkeypatch.undo()
            await another_process.follow(first)
            async with transaction() as uow:
                yield uow

        return overtaken()

    monkeypatch.setattr(world.database, "transaction", overtake)
    async with world.projector.turn(busy):
        assert await world.projector.follow_unchanged(typists.names) == (set(others), set())
    assert await typists.behind() == {busy}
    await typists.type()
    for name in typists.names:
        await world.projector.follow(name)
    assert await typists.behind() == set()


async def test_all_pages_that_are_typed_into_follow_whether_they_have_rows_or_not(
    world: World, typists: Typists
):
    with_rows = [await world.open("page") for _ in range(3)]
    async with run_worker(world):
        for number in range(3):
            for pen in with_rows:
                pen.add_block(f"words {number}")
                await pen.save()
            await typists.type()
            await until(typists.have_followed)
    assert len(await world.rows(CanvasBlock.id)) == 9


async def test_a_page_that_was_let_go_meanwhile_is_left_to_its_own_turn(
    world: World, typists: Typists, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(kept, "MAX_HERE", len(typists.names))
    projector = Projector(world.database, world.log, Offload())
    for name in typists.names:
        await projector.follow(name)
    await typists.type()
    read_parts = world.log.read_parts
    another = await world.open("page")

    async def read_another(parts: Sequence[Part]) -> list[list[bytes]]:
        await projector.follow(another.name)
        return await read_parts(parts)

    def ask_child(*_: Any) -> None:
        raise AssertionError("the child never had it")

    monkeypatch.setattr(world.log, "read_parts", read_another)
    monkeypatch.setattr(Offload, "run_in_child", ask_child)
    assert await projector.follow_unchanged(typists.names) == (set(typists.names[1:]), set())


async def test_a_page_that_is_far_behind_is_not_read_with_others(world: World, typists: Typists):
    far, *others = typists.pens
    for _ in range(ROWS_READ_TOGETHER):
        far.doc.get("text", type=pycrdt.Text).insert(0, "x")
        await far.save()
    others_done = {pen.name for pen in others}
    assert await world.projector.follow_unchanged(typists.names) == (others_done, set())
    assert await world.projector.follow(far.name), "and may be looked at with others again"
    assert await typists.behind() == set()


async def test_an_empty_page_whose_first_rows_could_not_be_written_has_them_later(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    pen = await world.open("page")

    def fail() -> Any:
        raise StoreUnavailableError("for a moment")

    with monkeypatch.context() as patched:
        patched.setattr(world.database, "transaction", fail)
        with pytest.raises(StoreUnavailableError):
            await world.projector.follow(pen.name)
    assert await world.projector.follow_unchanged([pen.name]) == ({pen.name}, set())
    assert await world.rows(DocumentProjection.name) == [(pen.name,)]


async def test_new_pages_without_rows_follow_together_and_tell_who_edited_them(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    typists = Typists(world, [await world.open("page") for _ in range(4)])
    empty, with_block, named, large = [await world.open("page") for _ in range(4)]
    await typists.type()
    with_block.add_block("words")
    named.doc.get(META, type=pycrdt.Map)["title"] = "Named"
    large.doc.get("text", type=pycrdt.Text).insert(0, "x" * (SMALL_BYTES + 1))
    for pen in (with_block, named, large):
        await pen.save()
    asked = [*typists.names, empty.name, with_block.name, named.name, large.name]
    followed = {*typists.names, empty.name}
    with monkeypatch.context() as patched:
        patched.setattr(world.log, "load", None)
        assert await world.projector.follow_unchanged(asked) == (followed, {with_block.name, named.name})
        await typists.type()
        assert await world.projector.follow_unchanged(typists.names) == (set(typists.names), set())
    assert set(await world.behind()) == {with_block.name, named.name, large.name}
    for pen in typists.pens:
        (told,) = await world.told(pen, "page.edited")
        assert (told.actor, told.payload["authors"]) == (ANN, [ANN])
    assert await world.told(empty, "page.edited") == []
    for pen in (with_block, named, large):
        await world.projector.follow(pen.name)
    assert await world.behind() == []
    assert len(await world.rows(CanvasBlock.id)) == 1


async def test_pages_without_rows_that_were_let_go_follow_together_all_the_same(
    world: World, typists: Typists, monkeypatch: pytest.MonkeyPatch
):
    with_block, named = [await world.open("page") for _ in range(2)]
    with_block.add_block("words")
    named.doc.get(META, type=pycrdt.Map)["title"] = "Named"
    for pen in (with_block, named):
        await pen.save()
        await world.projector.follow(pen.name)
    assert await title_of(world, named) == "Named"
    del named.doc.get(META, type=pycrdt.Map)["title"]
    for pen in (with_block, named):
        pen.doc.get("text", type=pycrdt.Text).insert(0, "x")
        await pen.save()
    keeps_nothing = Projector(world.database, world.log, Offload())
    asked = [*typists.names, with_block.name, named.name]
    with monkeypatch.context() as patched:
        patched.setattr(world.log, "load", None)
        assert await keeps_nothing.follow_unchanged(asked) == (set(typists.names), set())
    assert set(await world.behind()) == {with_block.name, named.name}
    for pen in (with_block, named):
        await keeps_nothing.follow(pen.name)
    assert await title_of(world, named) == "Plan", "which only its own turn brings back"
    assert len(await world.rows(CanvasBlock.id)) == 1


async def title_of(world: World, pen: Pen) -> str:
    async with world.database.read() as uow:
        page = await uow.pages.get(pen.id)
    assert page is not None
    return page.title


async def test_a_large_page_is_not_looked_at_with_others_again_and_again(
    world: World, typists: Typists, monkeypatch: pytest.MonkeyPatch
):
    large = await world.open("page")
    large.add_block("x" * (SMALL_BYTES + 1000))
    await large.save()
    together: list[str] = []
    follow_unchanged = world.projector.follow_unchanged

    async def note(names: Sequence[str]) -> tuple[Set[str], Set[str]]:
        together.extend(names)
        return await follow_unchanged(names)

    monkeypatch.setattr(world.projector, "follow_unchanged", note)
    async with run_worker(world):
        for number in range(4):
            large.add_block(f"words {number}")
            await large.save()
            await typists.type()
            await until(typists.have_followed)
    assert len(await world.rows(CanvasBlock.id)) == 5
    assert together.count(large.name) <= 1


async def test_what_somebody_waits_for_is_not_forgotten_at_the_next_letter(
    world: World, typists: Typists, monkeypatch: pytest.MonkeyPatch
):
    pen, *_ = typists.pens
    pen.add_block("words")
    await pen.save()
    follow, follow_unchanged = world.projector.follow, world.projector.follow_unchanged
    waited: list[str] = []

    async def type_meanwhile(names: Sequence[str]) -> tuple[Set[str], Set[str]]:
        found = await follow_unchanged(names)
        await typists.type()
        return found

    async def note(name: str) -> bool:
        waited.append(name)
        return await follow(name)

    monkeypatch.setattr(world.projector, "follow_unchanged", type_meanwhile)
    monkeypatch.setattr(world.projector, "follow", note)
    monkeypatch.setattr(projections, "AWAITED", 1e9)
    async with run_worker(world, share=1e-6):  # so that nobody's turn comes who is not waited for
        await until(lambda: pen.name in waited)


async def test_R7_what_fails_for_many_pages_is_done_for_each(
    world: World, typists: Typists, monkeypatch: pytest.MonkeyPatch
):
    tried: list[int] = []

    async def fail(names: list[str]) -> None:
        tried.append(len(names))
        raise RuntimeError("whatever it is")

    monkeypatch.setattr(world.projector, "follow_unchanged", fail)
    async with run_worker(world):
        await until(typists.have_followed)
    assert tried
