"""Large channels that the child keeps: what is read of them by what has changed is what reading all finds."""

import random
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pycrdt
import pytest

from blocks import channel
from blocks.channel_content import Text
from blocks.rows import Changes, Known, MessageRow, moved_on
from server.offload import SMALL_BYTES
from server.projections import kept_channels
from server.projections.kept_channels import read_and_keep, read_on
from server.projections.reading import read_channel
from storage.engine import Database
from storage.ids import Uuid7
from storage.models import ChatMessage
from storage.update_log import UpdateLog
from tests.server.test_projections import ANN, BOB, NOW, World

ADDRESS = "channel:x#1"
EMOJI = ("👍", "👎")

new_id = Uuid7()


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    yield
    for address in list(kept_channels._kept):  # pyright: ignore[reportPrivateUsage]
        kept_channels._forget(address)  # pyright: ignore[reportPrivateUsage]


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    async with UpdateLog.of(database) as log:
        yield World(database, log)


def do_something(doc: pycrdt.Doc[Any], dice: random.Random) -> None:
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

    def take(self, changes: Changes[MessageRow]) -> None:
        self.rows |= {str(row.id): digest for row, digest in changes.rows}
        for id_ in changes.gone:
            self.rows.pop(id_, None)
        self.marks |= moved_on(changes.marks, self.marks)


@pytest.mark.parametrize("seed", range(5))
def test_what_was_touched_is_all_that_has_changed(seed: int):
    dice = random.Random(seed)
    docs = [pycrdt.Doc[Any](client_id=number) for number in (1, 2)]
    log: list[bytes] = []
    by_parts, whole = Table(), Table()
    by_parts.take(read_and_keep(ADDRESS, 0, None, [], Known({})))
    seen = 0
    for _ in range(40):
        for doc in docs:
            before = doc.get_state()
            for _ in range(dice.randrange(4)):
                do_something(doc, dice)
            log.append(doc.get_update(before))
        if dice.random() < 0.5:  # until then they do not know of each other
            for doc in docs:
                for update in log:
                    doc.apply_update(update)
        touched = read_on(ADDRESS, seen, len(log), log[seen:])
        assert touched is not None
        seen = len(log)
        by_parts.take(touched)
        whole.take(read_channel(None, log, Known(whole.rows, whole.marks)))
        assert by_parts.rows == whole.rows
        assert by_parts.marks == whole.marks


def test_only_what_was_touched_is_read(monkeypatch: pytest.MonkeyPatch):
    doc = pycrdt.Doc[Any]()
    ids = [str(new_id()) for _ in range(50)]
    for id_ in ids:
        channel.post(doc, id_, Text("x"), sender_id=ANN, sender_type="user", created_at=NOW)
        channel.react(doc, id_, "👍", ANN)
    read_and_keep(ADDRESS, 1, None, [doc.get_update()], Known({}))
    read: list[str] = []
    as_message = channel.as_message

    def note(message_id: str, fields: object) -> channel.Message:
        read.append(message_id)
        return as_message(message_id, fields)

    monkeypatch.setattr(channel, "as_message", note)
    before = doc.get_state()
    channel.react(doc, ids[7], "👍", BOB)
    channel.edit(doc, ids[3], Text("y"), edited_at=NOW)
    assert read_on(ADDRESS, 1, 2, [doc.get_update(before)]) is not None
    assert read == [ids[3], ids[7]]


def test_what_is_not_kept_as_of_a_position_is_read_as_a_whole(monkeypatch: pytest.MonkeyPatch):
    doc = pycrdt.Doc[Any]()
    channel.post(doc, str(new_id()), Text("x"), sender_id=ANN, sender_type="user", created_at=NOW)
    update = doc.get_update()
    assert read_on(ADDRESS, 0, 1, [update]) is None
    read_and_keep(ADDRESS, 3, None, [update], Known({}))
    assert read_on(ADDRESS, 2, 3, [update]) is None
    assert read_on(ADDRESS, 3, 4, [update]) is not None
    monkeypatch.setattr(kept_channels, "MAX_BYTES", len(update) * 3 // 2)
    read_and_keep("channel:y#1", 1, None, [update], Known({}))
    assert read_on(ADDRESS, 4, 5, [update]) is None, "the one that was read last is kept"
    assert read_on("channel:y#1", 1, 2, []) is not None


async def test_a_large_channel_is_loaded_once(world: World, monkeypatch: pytest.MonkeyPatch):
    pen = await world.open("channel")
    pen.post(*("long words " * 100 for _ in range(2 * SMALL_BYTES // 1100)))
    await pen.save()
    await world.projector.follow(pen.name)
    loaded: list[str] = []
    load = world.log.load

    async def note(document: str) -> Any:
        loaded.append(document)
        return await load(document)

    monkeypatch.setattr(world.log, "load", note)
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
