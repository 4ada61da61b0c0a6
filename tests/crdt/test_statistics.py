"""Rooms and hub in numbers."""

from crdt.errors import DocumentUnavailable
from crdt.hub import HubConfig
from crdt.protocol import encode_update
from crdt.session import HOCUSPOCUS, YWS
from tests.crdt.world import PAGE, turns, typed, user, world


async def test_a_room_counts_peers_edits_and_what_is_not_saved() -> None:
    async with world() as w:
        ann, bob = await w.joined(), await w.joined(YWS, "bob")
        w.log.hold()
        update = typed("hello")
        ann.say(encode_update(update))
        bob.say(encode_update(typed("you", client_id=8)))
        await turns()
        assert bob.connection is not None
        bob.connection.set_full(True)
        room = w.hub.statistics().rooms[PAGE]
        assert (room.peers, room.lagging_peers, room.largest_turn_edits) == (2, 1, 2)
        assert room.edits == 4  # two of them are the answers to our step 1
        assert room.unsaved_bytes == room.document_bytes == len(update) + len(typed("you", client_id=8))
        w.log.release()
        await turns()
        assert w.hub.statistics().rooms[PAGE].unsaved_bytes == 0


async def test_refused_edits_are_counted_by_their_reasons_and_outlive_their_room() -> None:
    async with world(config=HubConfig(max_document_bytes=500, room_idle_seconds=1)) as w:
        w.rights.rights["Eve", PAGE] = "read"
        ann, eve, bob = await w.joined(), await w.joined(token="eve"), await w.joined(token="bob")
        ann.say(encode_update(typed("x" * 500)))
        eve.text.insert(0, "no")
        bob.say(encode_update(b"\x07\x07"))
        await turns()
        expected = {"too_large": 1, "read_only": 1, "malformed": 1}
        assert w.hub.statistics().rooms[PAGE].refused_edits == expected
        turns_taken = w.hub.statistics().turns
        for client in (ann, eve):
            client.disconnect()
        w.clock.now += 2
        await w.hub.sweep()
        statistics = w.hub.statistics()
        assert statistics.rooms == {}
        assert statistics.refused_edits == expected
        assert statistics.turns == turns_taken > 0
        assert statistics.closed == {4400: 1}


async def test_what_a_failed_room_counted_is_not_lost_when_it_is_opened_anew() -> None:
    async with world() as w:
        await w.joined()
        room = await w.hub.open(PAGE)
        edits = w.hub.statistics().edits
        room.fail(DocumentUnavailable("The test ends."))
        await w.joined()
        assert w.hub.statistics().edits == edits + 1


async def test_verdicts_are_counted_by_their_codes() -> None:
    async with world(config=HubConfig(max_sockets_per_principal=1)) as w, w.hub.join(PAGE, user("ann")):
        w.rights.rights["Eve", PAGE] = "none"
        await w.joined(HOCUSPOCUS)
        for wire, token in ((YWS, "ann"), (YWS, "eve"), (HOCUSPOCUS, "eve"), (HOCUSPOCUS, "nobody")):
            w.client(wire, token)
            await turns()
        statistics = w.hub.statistics()
        assert statistics.refused == {"too_many_sockets": 1, "document_refused": 2, "credential_refused": 1}
        assert statistics.closed == {4529: 1, 4403: 1}
        assert statistics.replicas == 1
