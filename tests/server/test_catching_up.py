"""Waiting for rows that are behind their documents: for one document's, and for something's by its id."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from uuid import UUID

import pytest

from blocks import channel
from blocks.channel_content import Text
from blocks.page import Place
from blocks.page_edits import Stamp, add_text_block
from crdt.ports import DocumentName, Principal, PrincipalId
from server.bootstrap import Services
from server.errors import OverloadedError
from server.projections import catching_up as catching_up_module
from server.projections.catching_up import CatchingUp
from server.projections.projector import Projector
from storage.callers import Caller
from storage.engine import Database
from storage.ids import Uuid7
from storage.models import PageGrant
from storage.repositories.projections import Projections
from storage.update_log import UpdateLog
from tests.server.api import Api
from tests.server.test_projections import ANN, NOW, World
from tests.waiting import until

new_id = Uuid7()


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    async with UpdateLog.of(database) as log:
        yield World(database, log)


@pytest.fixture
def catching_up(world: World) -> CatchingUp:
    return CatchingUp(world.database, world.projector, lambda: datetime.now(UTC))


@pytest.fixture
def may_follow(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Keeps all rows behind until it is set."""
    follow, may_follow = Projector.follow, asyncio.Event()

    async def follow_late(projector: Projector, name: str) -> bool:
        await may_follow.wait()
        return await follow(projector, name)

    monkeypatch.setattr(Projector, "follow", follow_late)
    return may_follow


def herself(ann: Api) -> Principal:
    return Principal(id=PrincipalId(f"user:{ann.user['id']}"), name="Ann")


async def write_block(services: Services, ann: Api, document: str) -> str:
    """Write a block as an open page does; return its id."""
    block_id = str(new_id())
    async with services.hub.join(DocumentName(document), herself(ann)) as replica:
        place = Place(x=1, y=2, width=3, height=4, z_index=5)
        add_text_block(replica.doc, block_id, ["words"], place=place, stamp=Stamp(NOW, ANN))
        await replica.saved()
    return block_id


async def test_work_goes_on_when_a_reader_leaves(
    world: World, catching_up: CatchingUp, monkeypatch: pytest.MonkeyPatch
):
    pen = await world.open("channel")
    pen.post("words")
    await pen.save()
    follow = world.projector.follow
    begun, ended, may_end = 0, 0, asyncio.Event()

    async def take_long(name: str) -> None:
        nonlocal begun, ended
        begun += 1
        await may_end.wait()
        await follow(name)
        ended += 1

    monkeypatch.setattr(world.projector, "follow", take_long)
    impatient = asyncio.create_task(catching_up.catch_up(pen.name))
    await until(lambda: begun)
    impatient.cancel()
    await asyncio.wait([impatient])
    may_end.set()
    await catching_up.catch_up(pen.name)
    assert (begun, ended) == (1, 1)

    may_end.clear()
    pen.post("more")
    await pen.save()
    leaving = asyncio.create_task(catching_up.catch_up(pen.name))
    await until(lambda: begun == 2)
    leaving.cancel()
    await asyncio.wait([leaving])
    await catching_up.close()
    assert ended == 1
    may_end.set()
    await catching_up.catch_up(pen.name)
    assert (begun, ended) == (3, 2)


async def test_who_waits_for_all_rows_waits_for_what_is_written_and_not_for_what_comes(
    world: World, catching_up: CatchingUp, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(catching_up_module, "ALL_WITHIN_SECONDS", 60)
    pen, foreign = await world.open("page"), await world.open("page")
    caller = Caller.of_user(pen.owner_id)
    async with world.database.transaction() as uow:
        await uow.workspaces.add_member(pen.workspace_id, pen.owner_id, "owner")
    await catching_up.catch_up_all("page", caller)

    for each in (pen, foreign):
        each.add_block("words")
        await each.save()
    waiting = asyncio.create_task(catching_up.catch_up_all("page", caller))
    still_behind, asked = Projections.still_behind, 0

    async def count(rows: Projections, positions: Mapping[int, int]) -> dict[int, int]:
        nonlocal asked
        asked += 1
        return await still_behind(rows, positions)

    monkeypatch.setattr(Projections, "still_behind", count)
    await until(lambda: asked > 1)
    assert not waiting.done()
    await world.projector.follow(pen.name)
    pen.add_block("more")
    await pen.save()
    await waiting  # whatever the page of another workspace does

    monkeypatch.setattr(catching_up_module, "ALL_WITHIN_SECONDS", 0.2)
    with pytest.raises(OverloadedError):
        await catching_up.catch_up_all("page", caller)
    await catching_up.catch_up_all("channel", caller)
    await world.projector.follow(pen.name)
    await catching_up.catch_up_all("page", caller)


async def test_who_has_a_grant_or_a_link_waits_for_the_rows_there(
    world: World, catching_up: CatchingUp, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(catching_up_module, "ALL_WITHIN_SECONDS", 0.2)
    pen, other = await world.open("page"), await world.open("page")
    pen.add_block("words")
    await pen.save()
    linked = Caller("link:1", None, link_page_id=pen.id, link_level="read")
    granted = Caller.of_user(other.owner_id)
    await catching_up.catch_up_all("page", granted)
    async with world.database.transaction() as uow:
        now = datetime.now(UTC)
        uow.session.add(PageGrant(page_id=pen.id, user_id=other.owner_id, level="read", created_at=now))
    for caller in (linked, granted):
        with pytest.raises(OverloadedError):
            await catching_up.catch_up_all("page", caller)
    await catching_up.catch_up_all("page", Caller("link:2", None, link_page_id=other.id, link_level="read"))


@pytest.mark.parametrize(
    ("id_", "may_lack"),
    [
        ("0190c0de-0000-7000-8000-000000000000", False),
        ("0190C0DE-0000-7000-8000-000000000000", False),
        (str(UUID(int=4)), True),
        ("no UUID", True),
    ],
)
def test_rows_may_lack_what_was_made_lately_by_its_id(catching_up: CatchingUp, id_: str, *, may_lack: bool):
    assert catching_up.may_lack(id_) == may_lack
    made = new_id()
    assert catching_up.may_lack(str(made))
    assert catching_up.may_lack(str(made).upper())


async def test_what_was_written_live_is_found_by_its_id_however_late_its_row_is(
    services: Services, ann: Api, workspace: str, may_follow: asyncio.Event, monkeypatch: pytest.MonkeyPatch
):
    made = await ann.made(f"{workspace}/channels", {"name": "talk"})
    page = await ann.made(f"{workspace}/pages", {"title": "Plan"})
    monkeypatch.setattr(catching_up_module, "WITHIN_SECONDS", 0.1)
    monkeypatch.setattr(catching_up_module, "ALL_WITHIN_SECONDS", 60)
    message_id = str(new_id())
    async with services.hub.join(DocumentName(made["document"]), herself(ann)) as replica:
        channel.post(
            replica.doc,
            message_id,
            Text("words"),
            sender_id=herself(ann).id,
            sender_type="user",
            created_at=datetime.now(UTC).isoformat(),
        )
        await replica.saved()
    block_id = await write_block(services, ann, page["document"])
    paths = (f"/v1/messages/{message_id}", f"/v1/blocks/{block_id}")
    reading = [asyncio.create_task(ann.get(path)) for path in paths]
    await asyncio.wait(reading, timeout=0.5)  # they wait, of which nothing tells
    assert not any(each.done() for each in reading)
    # Where a page is said, its document says it.
    assert (await ann.get(f"/v1/blocks/{block_id}", params={"page_id": page["id"]})).status_code == 200
    may_follow.set()
    assert [(await each).status_code for each in reading] == [200, 200]

    for path in (f"/v1/messages/{new_id()}", f"/v1/blocks/{new_id()}"):
        assert (await ann.get(path)).status_code == 404


async def test_what_is_there_is_found_although_other_rows_are_late(
    services: Services, ann: Api, workspace: str, may_follow: asyncio.Event, monkeypatch: pytest.MonkeyPatch
):
    page = await ann.made(f"{workspace}/pages", {"title": "Plan"})
    block_id = await write_block(services, ann, page["document"])

    async def has_row() -> bool:
        async with services.database.read() as uow:
            return bool(await uow.projected_blocks.pages_with(block_id))

    async def be_late(self: CatchingUp, kind: str, caller: Caller) -> None:
        may_follow.set()
        await until(has_row)
        raise OverloadedError("Others are late.", retry_after_seconds=1)

    monkeypatch.setattr(CatchingUp, "catch_up_all", be_late)
    assert (await ann.get(f"/v1/blocks/{block_id}")).status_code == 200
    assert (await ann.get(f"/v1/blocks/{new_id()}")).status_code == 503
