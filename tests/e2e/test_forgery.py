"""Forgeries on a real server, by stock clients on both wires: refused, and what the clients do then."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pycrdt
import pytest

from blocks import channel as channels
from blocks.channel import MESSAGES, PINS, REACTIONS, READS, SenderType
from blocks.channel_content import MAX_TEXT_CHARACTERS, AgentCommandResponse, Content, Text
from blocks.channel_guard import MAX_REACTIONS_OF_ONE
from storage.ids import Uuid7
from tests.clients.client import WIRES, NodeClient, Wire
from tests.e2e import frames
from tests.e2e.test_rights import ask
from tests.services.ionflux import Document, Person
from tests.services.studio import Studio

pytestmark = pytest.mark.node

new_id = Uuid7()


class Channel:
    """A channel with a message by Ann, and clients that open it."""

    def __init__(self, studio: Studio, document: Document, eve: Person) -> None:
        self.studio, self.document, self.eve = studio, document, eve
        self.ann = studio.owner
        self.message_id = str(new_id())
        self.reply_id = str(new_id())
        self.reaction = f"{self.message_id}|👍|{self.ann.principal_id}"

    async def join(self, wire: Wire, person: Person, **options: Any) -> NodeClient:
        return await self.studio.join(wire, person, document=self.document.name, **options)

    async def read(self) -> dict[str, Any]:
        """Return the channel as somebody sees it who comes now."""
        fresh = await self.join("hocuspocus", self.ann)
        doc = pycrdt.Doc[Any]()
        doc.apply_update(await fresh.update())
        await fresh.destroy()
        return {root: maps(doc, root).to_py() for root in doc.keys()}  # noqa: SIM118 - a Doc is no dict


def maps(doc: pycrdt.Doc[Any], root: str) -> pycrdt.Map[Any]:
    return doc.get(root, type=pycrdt.Map[Any])


async def change(
    client: NodeClient, edit: Callable[[pycrdt.Doc[Any]], object], *, client_id: int | None = None
) -> bytes:
    """Edit a copy of a client's document in one transaction; return what that adds to it."""
    doc = pycrdt.Doc[Any](client_id=client_id)
    doc.apply_update(await client.update())
    before = doc.get_state()
    with doc.transaction():
        edit(doc)
    return doc.get_update(before)


def post(
    doc: pycrdt.Doc[Any],
    sender: Person,
    *,
    message_id: str | None = None,
    ahead: timedelta = timedelta(),
    content: Content | None = None,
    sender_type: SenderType = "user",
    thread_id: str | None = None,
) -> None:
    channels.post(
        doc,
        message_id or str(new_id()),
        content or Text("Hello"),
        sender_id=sender.principal_id,
        sender_type=sender_type,
        created_at=(datetime.now(UTC) + ahead).isoformat(),
        thread_id=thread_id,
    )


@pytest.fixture
async def channel(studio: Studio) -> Channel:
    eve = await studio.member("Eve")
    document = await studio.owner.channel(studio.page.workspace_id)
    channel = Channel(studio, document, eve)
    ann = await channel.join("hocuspocus", channel.ann)

    def begin(doc: pycrdt.Doc[Any]) -> None:
        post(doc, channel.ann, message_id=channel.message_id)
        post(doc, channel.ann, message_id=channel.reply_id, thread_id=channel.message_id)
        maps(doc, PINS)[channel.message_id] = channel.ann.principal_id
        maps(doc, REACTIONS)[channel.reaction] = True
        maps(doc, READS)[channel.ann.principal_id] = channel.message_id

    await ann.apply(await change(ann, begin))
    await ann.saved()
    await ann.destroy()
    return channel


def id_in(ahead: timedelta) -> str:
    """Return a UUIDv7 of another time than now."""
    moment = int((datetime.now(UTC) + ahead).timestamp() * 1000)
    return str(UUID(int=(moment << 80) | (new_id().int & ((1 << 80) - 1))))


def post_and_change(channel: Channel, doc: pycrdt.Doc[Any], **fields: object) -> None:
    message_id = str(new_id())
    post(doc, channel.eve, message_id=message_id)
    maps(doc, MESSAGES)[message_id].update(fields)


def post_over(doc: pycrdt.Doc[Any], sender: Person, message_id: str) -> None:
    own_id = str(new_id())
    post(doc, sender, message_id=own_id)
    fields = maps(doc, MESSAGES)[own_id].to_py()
    maps(doc, MESSAGES).pop(own_id)
    fields |= {"id": message_id, "content": pycrdt.Map(fields["content"])}
    maps(doc, MESSAGES)[message_id] = pycrdt.Map(fields)


def react_far_too_much(channel: Channel, doc: pycrdt.Doc[Any]) -> None:
    for number in range(MAX_REACTIONS_OF_ONE + 1):
        maps(doc, REACTIONS)[f"{channel.message_id}|{number}|{channel.eve.principal_id}"] = True


def post_honestly_and_forge(channel: Channel, doc: pycrdt.Doc[Any]) -> None:
    post(doc, channel.eve)
    maps(doc, MESSAGES)[channel.message_id]["deleted"] = True


FORGERIES: dict[str, tuple[str, Callable[[Channel, pycrdt.Doc[Any]], object]]] = {
    "post as somebody else": ("message.sender", lambda channel, doc: post(doc, channel.ann)),
    "edit another's message": (
        "message.sender",
        lambda channel, doc: maps(doc, MESSAGES)[channel.message_id]["content"].update({"text": "forged"}),
    ),
    "take another's message over": (
        "message.sender",
        lambda channel, doc: maps(doc, MESSAGES)[channel.message_id].update(
            {"sender_id": channel.eve.principal_id}
        ),
    ),
    "delete another's message": (
        "message.sender",
        lambda channel, doc: maps(doc, MESSAGES).pop(channel.message_id),
    ),
    "delete a field of another's message": (
        "message.sender",
        lambda channel, doc: maps(doc, MESSAGES)[channel.message_id].pop("content"),
    ),
    "post under an id that is taken": (
        "message.sender",
        lambda channel, doc: post_over(doc, channel.eve, channel.message_id),
    ),
    "post in the future": (
        "message.time",
        lambda channel, doc: post(doc, channel.eve, ahead=timedelta(minutes=6)),
    ),
    "edit in the future": (
        "message.time",
        lambda channel, doc: post_and_change(
            channel, doc, edited_at=(datetime.now(UTC) + timedelta(minutes=6)).isoformat()
        ),
    ),
    "remove another's reaction": (
        "reaction.owner",
        lambda channel, doc: maps(doc, REACTIONS).pop(channel.reaction),
    ),
    "react as somebody else": (
        "reaction.owner",
        lambda channel, doc: maps(doc, REACTIONS).update({channel.reaction.replace("👍", "👎"): True}),
    ),
    "move another's read mark": (
        "read.owner",
        lambda channel, doc: maps(doc, READS).update({channel.ann.principal_id: str(new_id())}),
    ),
    "an honest post and a forgery in one": ("message.sender", post_honestly_and_forge),
    "write where nobody looks": ("schema", lambda _, doc: maps(doc, "hidden").update({"k": "v"})),
    "pose as an agent": (
        "message.sender",
        lambda channel, doc: post(doc, channel.eve, sender_type="agent"),
    ),
    "mark another's message as deleted": (
        "message.sender",
        lambda channel, doc: maps(doc, MESSAGES)[channel.message_id].update({"deleted": True}),
    ),
    "answer a command like an agent": (
        "message.response",
        lambda channel, doc: post(doc, channel.eve, content=AgentCommandResponse("Done")),
    ),
    "post under an id of the future": (
        "message.id",
        lambda channel, doc: post(doc, channel.eve, message_id=id_in(timedelta(minutes=6))),
    ),
    "post under an id that is none": (
        "message.id",
        lambda channel, doc: post(doc, channel.eve, message_id="zzz"),
    ),
    "begin a thread in a thread": (
        "message.thread",
        lambda channel, doc: post(doc, channel.eve, thread_id=channel.reply_id),
    ),
    "answer what was never said": (
        "message.thread",
        lambda channel, doc: post(doc, channel.eve, thread_id=str(new_id())),
    ),
    "post a content with more in it": (
        "message.content",
        lambda channel, doc: post_and_change(channel, doc, content=pycrdt.Map({"text": "Hi", "html": "<b>"})),
    ),
    "post more than fits": (
        "message.content",
        lambda channel, doc: post(doc, channel.eve, content=Text("x" * (MAX_TEXT_CHARACTERS + 1))),
    ),
    "post a message with more fields": (
        "message.schema",
        lambda channel, doc: post_and_change(channel, doc, is_important=True),
    ),
    "post a content that is no map": (
        "message.content",
        lambda channel, doc: post_and_change(channel, doc, content={"text": "Hi"}),
    ),
    "react to what was never said": (
        "reaction.message",
        lambda channel, doc: maps(doc, REACTIONS).update({f"{new_id()}|👍|{channel.eve.principal_id}": True}),
    ),
    "react far too much": ("reaction.limit", react_far_too_much),
    "react with more than true": (
        "reaction.schema",
        lambda channel, doc: maps(doc, REACTIONS).update(
            {f"{channel.message_id}|👍|{channel.eve.principal_id}": {"text": "hidden"}}
        ),
    ),
    "pin in another's name": (
        "pin.owner",
        lambda channel, doc: maps(doc, PINS).update({channel.reply_id: channel.ann.principal_id}),
    ),
    "unpin what another pinned": ("pin.owner", lambda channel, doc: maps(doc, PINS).pop(channel.message_id)),
    "pin what was never said": (
        "pin.message",
        lambda channel, doc: maps(doc, PINS).update({str(new_id()): channel.eve.principal_id}),
    ),
    "write a read mark that is none": (
        "read.schema",
        lambda channel, doc: maps(doc, READS).update({channel.eve.principal_id: "all of it"}),
    ),
}


async def out(client: NodeClient, rule: str) -> None:
    """Wait until a client is out for breaking a rule, and check that it does not come back by itself."""
    if client.wire == "y-websocket":
        told = await client.event("terminal", code=4422)
        assert not (await client.state())["wants"]
    else:
        told = await client.event("authenticationFailed")
        assert client.all_events("close") == []  # the socket may carry other documents
        assert (await client.state())["receipts"]["refused"] == 1
    assert told["reason"].endswith(f"({rule})")
    assert (await client.state())["attempts"] == 1


@pytest.mark.parametrize(("rule", "forge"), FORGERIES.values(), ids=FORGERIES.keys())
@pytest.mark.parametrize("wire", WIRES)
async def test_A6_a_channel_holds_nothing_forged(
    channel: Channel, wire: Wire, rule: str, forge: Callable[[Channel, pycrdt.Doc[Any]], object]
) -> None:
    before = await channel.read()
    watcher = await channel.join("y-websocket", channel.ann, name="watcher")
    eve = await channel.join(wire, channel.eve, name="eve")

    await eve.apply(await change(eve, lambda doc: forge(channel, doc)))

    await out(eve, rule)
    assert await channel.read() == before
    honest = await change(watcher, lambda doc: post(doc, channel.ann))
    await watcher.apply(honest)
    await (await channel.join(wire, channel.ann)).has(honest)
    channel.studio.clients.take_console()


@pytest.mark.parametrize("wire", WIRES)
async def test_A6_who_manages_a_channel_deletes_messages_and_edits_none(channel: Channel, wire: Wire) -> None:
    studio, eve = channel.studio, channel.eve
    member = f"/v1/workspaces/{studio.page.workspace_id}/members/{eve.user_id}"
    await ask(studio.owner, "PATCH", member, {"role": "admin"})
    client = await channel.join(wire, eve, name="eve")
    watcher = await channel.join("hocuspocus", channel.ann, name="watcher")
    deletion = await change(
        client, lambda doc: maps(doc, MESSAGES)[channel.message_id].update({"deleted": True})
    )
    await client.apply(deletion)
    await watcher.has(deletion)
    unpinned = await change(client, lambda doc: maps(doc, PINS).pop(channel.message_id))
    await client.apply(unpinned)
    await watcher.has(unpinned)

    forged = await change(
        client, lambda doc: maps(doc, MESSAGES)[channel.reply_id]["content"].update({"text": "forged"})
    )
    await client.apply(forged)
    await out(client, "message.sender")
    seen = await channel.read()
    assert seen[MESSAGES][channel.message_id]["deleted"] is True
    assert seen[MESSAGES][channel.reply_id]["content"] == {"text": "Hello"}
    assert seen.get(PINS, {}) == {}
    channel.studio.clients.take_console()


@pytest.mark.parametrize("wire", WIRES)
async def test_A6_people_post_edit_react_and_read_also_offline(channel: Channel, wire: Wire) -> None:
    watcher = await channel.join("hocuspocus", channel.ann, name="watcher")
    eve = await channel.join(wire, channel.eve, name="eve")
    message_id = str(new_id())
    edits: list[Callable[[pycrdt.Doc[Any]], object]] = [
        lambda doc: post(doc, channel.eve, message_id=message_id),
        lambda doc: maps(doc, MESSAGES)[message_id]["content"].update({"text": "Better"}),
        lambda doc: maps(doc, REACTIONS).update({f"{message_id}|🎉|{channel.eve.principal_id}": True}),
        lambda doc: maps(doc, READS).update({channel.eve.principal_id: message_id}),
        lambda doc: maps(doc, MESSAGES)[message_id].update({"deleted": True}),
    ]
    for number, edit in enumerate(edits):
        if number == 2:
            await eve.disconnect()
            # A Hocuspocus client that is told to connect before it has heard of the end does nothing.
            await eve.event("close")
        if number == 4:
            await eve.connect()
        written = await change(eve, edit)
        await eve.apply(written)
    await watcher.has(await eve.update())

    seen = await channel.read()
    assert seen[MESSAGES][message_id]["content"] == {"text": "Better"}
    assert seen[MESSAGES][message_id]["deleted"] is True
    assert eve.all_events("terminal") == eve.all_events("authenticationFailed") == []


@pytest.mark.parametrize("is_present", [True, False], ids=["present", "absent"])
@pytest.mark.parametrize("wire", WIRES)
async def test_A7_nobody_writes_under_anothers_client_id_in_a_channel(
    channel: Channel, wire: Wire, is_present: bool
) -> None:
    ann = await channel.join("hocuspocus", channel.ann, name="ann")
    await ann.set_presence("cursor", 1)
    eve = await channel.join(wire, channel.eve, name="eve")
    await eve.sees(ann, "cursor", 1)
    if not is_present:
        await ann.destroy()
        await eve.sees_gone(ann)

    # An honest message, but signed with an id that Ann was the first to use.
    forged = await change(eve, lambda doc: post(doc, channel.eve), client_id=ann.client_id)
    await eve.apply(forged)

    await eve.event("terminal" if wire == "y-websocket" else "close", code=4400)
    await eve.destroy()
    assert sorted((await channel.read())[MESSAGES]) == [channel.message_id, channel.reply_id]
    channel.studio.clients.take_console()


@pytest.mark.parametrize("wire", WIRES)
async def test_A7_on_a_page_nobody_writes_under_the_client_id_of_somebody_who_is_present(
    studio: Studio, wire: Wire
) -> None:
    ann = await studio.join("hocuspocus", name="ann")
    await ann.set_presence("cursor", 1)
    eve = await studio.join(wire, await studio.member("Eve"), name="eve")
    await eve.sees(ann, "cursor", 1)

    forged = await change(eve, lambda doc: maps(doc, "m").update({"k": "v"}), client_id=ann.client_id)
    await eve.apply(forged)

    await eve.event("terminal" if wire == "y-websocket" else "close", code=4400)
    await eve.destroy()
    assert await (await studio.join(wire)).map("m").read() == {}
    studio.clients.take_console()


@pytest.mark.parametrize("wire", WIRES)
async def test_A7_A5_a_client_id_stays_its_owners_over_a_restart(own_studio: Studio, wire: Wire) -> None:
    studio = own_studio
    ann = await studio.join("hocuspocus", name="ann")
    await ann.set_presence("cursor", "ann")
    watcher = await studio.join("y-websocket", name="watcher")
    await watcher.sees(ann, "cursor", "ann")
    await ann.destroy()
    await studio.server.kill()
    await studio.server.restart()
    await watcher.event("attempt", number=2)
    await watcher.synced()

    mallory = await studio.join(wire, await studio.member("Mallory"), name="mallory")
    await mallory.send_raw(
        frames.frame(wire, studio.page.name, frames.presence(ann.client_id, 1000, {"cursor": "forged"}))
    )
    await mallory.set_presence("cursor", "mine")

    await watcher.sees(mallory, "cursor", "mine")
    assert ann.client_id not in await watcher.presence()


@pytest.mark.parametrize("wire", WIRES)
async def test_A2_a_guest_changes_nothing_in_a_channel(channel: Channel, wire: Wire) -> None:
    gus = await channel.studio.member("Gus", "guest")
    client = await channel.join(wire, gus, name="gus")

    await client.apply(await change(client, lambda doc: post(doc, gus)))

    await client.refused()
    assert sorted((await channel.read())[MESSAGES]) == [channel.message_id, channel.reply_id]
    assert client.all_events("terminal") == client.all_events("close") == []
    channel.studio.clients.take_console()
