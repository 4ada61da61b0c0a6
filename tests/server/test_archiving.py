"""The archive moves messages while people chat: none is missing, none is there twice, no word is lost."""

import asyncio
import os
import random
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from uuid import UUID

import msgspec
import pytest

from blocks import channel as channels
from blocks.channel_content import Text
from crdt.ports import DocumentName, Principal, PrincipalId
from server.background.archiving import Archiving
from server.bootstrap import Services
from server.settings import Settings
from tests.server.api import Api
from tests.server.conftest import Clock

MESSAGES = int(os.environ.get("CHAOS_MESSAGES", "600"))
LIVE = 100
BATCH = max(50, MESSAGES // 100)


class RunningClock(Clock):
    """One that is not set: tens of thousands of messages take longer than an id may lie in the future."""

    def __call__(self) -> datetime:
        return datetime.now(UTC)


@pytest.fixture
def clock() -> Clock:
    return RunningClock()


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Those of a server that finds nothing to move by itself: what has been moved is counted here."""
    return msgspec.structs.replace(settings, channel_live_messages=10 * MESSAGES)


def principal(person: Api) -> Principal:
    return Principal(id=PrincipalId(f"user:{person.user['id']}"), name=person.user["name"])


async def chat(
    services: Services, person: Api, document: str, said: dict[str, str], count: int, seed: int
) -> None:
    """Post messages, and edit and react to some old ones, by a peer that stays."""
    dice = random.Random(seed)
    who = principal(person)
    async with services.hub.join(DocumentName(document), who) as replica:
        for number in range(0, count, BATCH):
            async with services.database.read() as uow:
                ids = [str(uow.new_id()) for _ in range(min(BATCH, count - number))]
            with replica.doc.transaction():
                for offset, id_ in enumerate(ids):
                    channels.post(
                        replica.doc,
                        id_,
                        Text(f"{who.name} {number + offset}"),
                        sender_id=who.id,
                        sender_type="user",
                        created_at=services.clock().isoformat(),
                    )
            await replica.saved()
            said |= {id_: f"{who.name} {number + offset}" for offset, id_ in enumerate(ids)}
            await edit_some(services, replica, who, said, dice)
            await services.chat.catch_up(document)  # a busy machine projects late


async def live_ids(services: Services, person: Api, document: str) -> list[str]:
    async with services.hub.join(DocumentName(document), principal(person)) as replica:
        return channels.message_ids(replica.doc)


async def edit_some(
    services: Services, replica: Any, who: Principal, said: dict[str, str], dice: random.Random
) -> None:
    """Edit one of the oldest messages of one's own that are in the document: they are about to leave."""
    messages = (channels.read_message(replica.doc, id_) for id_ in channels.message_ids(replica.doc))
    own = list(
        islice(
            (
                message
                for message in messages
                if message is not None and message.sender_id == who.id and message.id in said
            ),
            3,
        )
    )
    if own:
        message = dice.choice(own)
        text = f"{said[message.id]} (edited {dice.random()})"
        channels.edit(replica.doc, message.id, Text(text), edited_at=services.clock().isoformat())
        channels.react(replica.doc, message.id, "👍", who.id)
        await replica.saved()
        if channels.read_message(replica.doc, message.id) is not None:
            said[message.id] = text  # else it left meanwhile, and the edit may have come too late
        else:
            said[message.id] += "?"


@pytest.mark.chaos
async def test_the_archive_moves_while_people_chat(
    services: Services, ann: Api, bob: Api, workspace: str
) -> None:
    await ann.made(f"{workspace}/members", {"email": bob.user["email"], "role": "member"})
    channel = (await ann.made(f"{workspace}/channels", {"name": "general"}))["id"]
    document = f"channel:{channel}"
    said: dict[str, str] = {}
    archiving = Archiving(
        services.database,
        services.hub,
        services.message_archive,
        services.clock,
        live_messages=LIVE,
        live_days=90,
    )
    is_over = asyncio.Event()
    moved = 0

    async def move() -> None:
        nonlocal moved
        while not is_over.is_set():
            moved += await archiving.move_all()
            await asyncio.sleep(0.05)  # the pace of the background work itself, hurried

    mover = asyncio.create_task(move())
    people = [(ann, 1), (bob, 2)]
    await asyncio.gather(
        *(chat(services, person, document, said, MESSAGES // 2, seed) for person, seed in people)
    )
    is_over.set()
    await mover
    async with asyncio.timeout(120):
        while len(await live_ids(services, ann, document)) > LIVE:
            await services.chat.catch_up(document)
            moved += await archiving.move_all()

    live = await live_ids(services, ann, document)
    assert moved == len(said) - len(live)
    found: list[tuple[str, str]] = []
    before: UUID | None = None
    while True:
        async with services.database.read() as uow:
            page = await uow.messages.list_before(UUID(channel), before, 200)
            found += [(str(row.id), row.content["text"]) for row in page]
            assert all((row.archived_at is None) == (str(row.id) in live) for row in page)
        if not page:
            break
        before = page[-1].id
    assert [id_ for id_, _ in found] == sorted(said, reverse=True)
    for id_, text in found:
        assert text.startswith(said[id_].removesuffix("?")), (id_, text, said[id_])
