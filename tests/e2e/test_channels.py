"""Channels as stock clients have them open on a real server: who types, and channels that are archived."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest

from blocks import channel as channels
from blocks.channel_content import Text
from storage.ids import Uuid7
from tests.clients.client import WIRES, Wire
from tests.e2e import frames
from tests.e2e.test_forgery import change
from tests.e2e.test_rights import ask
from tests.services.studio import Studio

pytestmark = pytest.mark.node

SECONDS = 1.0

new_id = Uuid7()


@pytest.mark.parametrize("wire", WIRES)
async def test_A5_whoever_types_in_a_channel_is_seen_and_nobody_else_is(studio: Studio, wire: Wire) -> None:
    document = (await studio.owner.channel(studio.page.workspace_id)).name
    bob, eve = await studio.member("Bob"), await studio.member("Eve", "guest")
    watchers = [await studio.join(other, document=document) for other in WIRES]
    writer = await studio.join(wire, bob, document=document)
    reader = await studio.join(wire, eve, document=document)

    thread = {"thread_id": str(new_id())}
    for state in (True, thread):
        await writer.set_presence("typing", state)
        for watcher in watchers:
            await watcher.sees(writer, "typing", state)
            user = (await watcher.presence())[writer.client_id]["user"]
            assert (user["id"], user["name"]) == (bob.principal_id, "Bob")
    await writer.set_presence("typing", None)
    await writer.set_presence("rests", True)
    for watcher in watchers:
        await watcher.sees(writer, "rests", True)
        assert (await watcher.presence())[writer.client_id]["typing"] is None

    # Under Bob's client id, and as Bob under her own: she is seen as herself alone.
    user = {"id": bob.principal_id, "name": "Bob"}
    forged = frames.presence(writer.client_id, 1000, {"typing": True, "user": user})
    await reader.send_raw(frames.frame(wire, document, forged))
    await reader.set_presence("user", user)
    await reader.set_presence("typing", True)
    for watcher in watchers:
        await watcher.sees(reader, "typing", True)
        seen = await watcher.presence()
        assert seen[reader.client_id]["user"]["id"] == eve.principal_id
        assert seen[writer.client_id]["typing"] is None
    fresh = await studio.join(wire, document=document)
    await fresh.sees(reader, "typing", True)
    assert (await fresh.presence())[writer.client_id]["typing"] is None

    await writer.disconnect()
    for watcher in watchers:
        await watcher.sees_gone(writer)


@pytest.mark.parametrize("wire", WIRES)
async def test_A3_an_archived_channel_can_only_be_read(studio: Studio, wire: Wire) -> None:
    channel = await studio.owner.channel(studio.page.workspace_id)
    path = f"/v1/channels/{channel.name.removeprefix('channel:')}"
    bob = await studio.member("Bob")
    ann = await studio.join("hocuspocus", document=channel.name)
    client = await studio.join(wire, bob, document=channel.name)
    before = await say(client, bob.principal_id)
    await client.apply(before)
    await ann.has(before)

    await ask(studio.owner, "PATCH", path, {"is_archived": True})
    began = time.monotonic()
    await ann.event("authenticated", count=2)
    assert ann.all_events("authenticated")[-1]["scope"] == "readonly"
    if wire == "hocuspocus":
        await client.event("authenticated", count=2)
    assert time.monotonic() - began < SECONDS

    late = await say(client, bob.principal_id)
    await client.apply(late)
    await client.set_presence("typing", True)  # readers are present, and what they wrote before is not
    await ann.sees(client, "typing", True)
    await ann.event("authenticated", count=2)
    fresh = await studio.join("y-websocket", document=channel.name)
    for other in (ann, fresh):
        assert await other.missing(late)
        assert not await other.missing(before)
    if wire == "y-websocket":
        assert "change it." in "".join(studio.clients.take_console())  # the provider warns of the refusal

    await ask(studio.owner, "PATCH", path, {"is_archived": False})
    await ann.event("authenticated", count=3)
    assert ann.all_events("authenticated")[-1]["scope"] == "read-write"
    again = await studio.join(wire, bob, document=channel.name)
    said = await say(again, bob.principal_id)
    await again.apply(said)
    await ann.has(said)


async def say(client: Any, sender_id: str) -> bytes:
    """Return the edit by which somebody posts a message."""
    created_at = datetime.now(UTC).isoformat()

    def post(doc: Any) -> None:
        channels.post(
            doc,
            str(new_id()),
            Text("Hello"),
            sender_id=sender_id,
            sender_type="user",
            created_at=created_at,
        )

    return await change(client, post)
