"""The archive moves messages while people chat: none is missing, none is there twice, no word is lost."""

import asyncio
import os
import random
from datetime import UTC, datetime
from itertools import islice
from uuid import UUID

import msgspec
import pytest

from blocks import channel as channels
from blocks.channel_content import Text, write_content
from crdt.document import LiveDocument
from crdt.peer import Replica
from crdt.ports import DocumentName, Principal, PrincipalId
from server.background.archiving import Archiving
from server.bootstrap import Services
from server.settings import Settings
from tests.clients.client import NodeClient
from tests.clients.driver import NodeClients
from tests.server.api import Api
from tests.server.conftest import Clock
from tests.server.test_messages import listed

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
            await edit_some(services, person, replica, said, dice)
            await services.chat.catch_up(document)  # a busy machine projects late


async def live_ids(services: Services, person: Api, document: str) -> list[str]:
    async with services.hub.join(DocumentName(document), principal(person)) as replica:
        return channels.message_ids(replica.doc)


async def edit_some(
    services: Services, person: Api, replica: Replica, said: dict[str, str], dice: random.Random
) -> None:
    """Edit one of the oldest messages of one's own that are in the document: they are about to leave.

    By REST, where what is answered is done in any case, or as a peer.
    """
    who = principal(person)
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
        if dice.random() < 0.5:
            edited = await person.patch(f"/v1/messages/{message.id}", {"content": {"text": text}})
            assert edited.status_code == 200, edited.text
            said[message.id] = text
            return
        before, made = await replica.saved(), list[bytes]()
        subscription = replica.doc.observe(lambda event: made.append(event.update))
        with replica.doc.transaction():
            channels.edit(replica.doc, message.id, Text(text), edited_at=services.clock().isoformat())
            channels.react(replica.doc, message.id, "👍", who.id)
        subscription.drop()
        rows = await services.update_log.read_rows(replica.document, before, await replica.saved())
        # One that the log has behind the message's leaving is without effect, and leaves nothing half done.
        _, snapshot, updates = await services.update_log.read_at(
            replica.document, before + 1 + rows.index(made[0])
        )
        then = LiveDocument(snapshot, updates).read(lambda doc: channels.read_message(doc, message.id))
        if then is not None:
            assert then.text == text
            said[message.id] = text


async def chat_by_socket(
    services: Services, client: NodeClient, person: Api, said: dict[str, str], count: int
) -> None:
    """Post messages as a stock client does, each once the one before is acknowledged."""
    who = principal(person)
    for number in range(count):
        async with services.database.read() as uow:
            id_ = str(uow.new_id())
        text = Text(f"{who.name} {number}")
        message, content = client.map(channels.MESSAGES, id_), client.map(channels.MESSAGES, id_, "content")
        fields = {
            "id": id_,
            "sender_id": who.id,
            "sender_type": "user",
            "content_type": text.content_type,
            "created_at": services.clock().isoformat(),
            "edited_at": None,
            "thread_id": None,
            "deleted": False,
        }
        await client.edit(
            client.map(channels.MESSAGES).creating(id_, "map"),
            message.creating("content", "map"),
            *(content.setting(key, value) for key, value in write_content(text).items()),
            *(message.setting(key, value) for key, value in fields.items()),
        )
        await client.acknowledged_count(number + 1, timeout=60)
        said[id_] = text.text


async def page_back(person: Api, channel: str, is_over: asyncio.Event) -> int:
    """Read the whole channel by REST again and again; return how often something was there.

    What is said may be there late, on a busy machine, but what was there is there from then on.
    """
    passes = 0
    seen = set[str]()
    while not is_over.is_set():
        found = [message["id"] for message in await listed(person, channel, limit=100)]
        assert found == sorted(set(found), reverse=True)
        assert seen <= set(found)
        seen = set(found)
        passes += bool(found)
    return passes


@pytest.mark.chaos
@pytest.mark.node
async def test_the_archive_moves_while_people_chat(
    services: Services, api: Api, ann: Api, bob: Api, workspace: str, node_clients: NodeClients, port: int
) -> None:
    carl = await api.sign_up("carl")
    for person in (bob, carl):
        await ann.made(f"{workspace}/members", {"email": person.user["email"], "role": "member"})
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

    client = await node_clients.open(
        wire="hocuspocus",
        url=f"ws://127.0.0.1:{port}/collab",
        document=document,
        token=carl.token,
        receipts=True,
    )
    await client.synced()
    mover = asyncio.create_task(move())
    reader = asyncio.create_task(page_back(bob, channel, is_over))
    people = [(ann, 1), (bob, 2)]
    await asyncio.gather(
        *(chat(services, person, document, said, MESSAGES // 2, seed) for person, seed in people),
        chat_by_socket(services, client, carl, said, MESSAGES // 10),
    )
    is_over.set()
    await mover
    assert await reader > 1
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
    assert found == sorted(said.items(), reverse=True)
