"""Opening, evicting and closing documents; signing in, and what becomes of those who may not."""

import asyncio

import pycrdt
import pytest

from crdt.errors import DocumentRefused, DocumentUnavailable, HubClosed, UpdateRefused
from crdt.hub import Hub, HubConfig
from crdt.protocol import EMPTY_UPDATE, encode_bytes, encode_presence, encode_string, encode_update
from crdt.session import HOCUSPOCUS, YWS, SessionLimits, Wire
from crdt.waiting import read_state_vector
from tests.crdt.test_client_ids import field_by
from tests.crdt.test_document import TRAP
from tests.crdt.world import (
    PAGE,
    Client,
    Clock,
    HeldClientIds,
    HeldLog,
    Rights,
    presence_of,
    read_text,
    turns,
    typed,
    user,
    world,
)

both_wires = pytest.mark.parametrize("wire", [YWS, HOCUSPOCUS], ids=lambda wire: wire.name)


async def verdict(client: Client) -> tuple[int, str] | str:
    """Wait for a client's end, or for the refusal of its document."""
    await client.heard(lambda client: client.closed or "denied" in client.names)
    return client.closed or "denied"


@both_wires
async def test_A1_nothing_leaves_before_the_document_is_decided(wire: Wire) -> None:
    async with world() as w:
        w.rights.deciding = asyncio.Event()
        ann = w.client(wire)
        await turns()
        assert ann.said == []
        w.rights.deciding.set()
        await ann.synced()


@both_wires
async def test_A1_an_unknown_credential_is_refused(wire: Wire) -> None:
    async with world() as w:
        stranger = w.client(wire, "forged")
        expected = (4401, "The token is not valid, or no longer.") if wire is YWS else "denied"
        assert await verdict(stranger) == expected
        assert "step2" not in stranger.names


@both_wires
async def test_A1_no_document_and_no_right_are_refused_alike(wire: Wire) -> None:
    async with world() as w:
        w.rights.rights["Eve", PAGE] = "none"
        forbidden, unknown = w.client(wire, "eve"), w.client(wire, "eve", "page:unknown")
        assert await verdict(forbidden) == await verdict(unknown)
        assert [said.body for said in forbidden.said] == [said.body for said in unknown.said]
        assert w.log.asked == [
            "page:unknown"
        ]  # of the unknown one; the other's existence is not even looked at


async def test_A1_a_hocuspocus_client_may_try_again_with_another_token() -> None:
    async with world() as w:
        ann = w.client(HOCUSPOCUS, "forged")
        await verdict(ann)
        ann.say(b"\x02\x00" + encode_string("ann"))
        await ann.synced()
        assert ann.closed is None


async def test_A1_the_scope_says_how_far_a_client_is_in() -> None:
    async with world() as w:
        w.rights.rights["Eve", PAGE] = "read"
        ann, eve = await w.joined(HOCUSPOCUS), await w.joined(HOCUSPOCUS, "eve")
        assert (ann.names[0], ann.said[0].body) == ("scope", b"read-write")
        assert (eve.names[0], eve.said[0].body) == ("scope", b"readonly")


@both_wires
async def test_A1_whoever_leaves_while_being_decided_joins_nothing(wire: Wire) -> None:
    async with world() as w:
        w.rights.deciding = asyncio.Event()
        ann, eve = w.client(wire), w.client(wire, "forged")
        await turns()
        ann.disconnect()
        w.rights.deciding.set()
        eve.disconnect()
        await turns()
        assert ann.said == eve.said == []
        assert w.hub.statistics().rooms == {}


@both_wires
async def test_D6_a_failing_access_check_is_no_verdict(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    async with world() as w:
        w.rights.error = OSError("database is down")
        ann = w.client(wire)
        assert await verdict(ann) == (1013, "The server cannot decide on this now.")
        assert "database is down" in caplog.text


@both_wires
async def test_D6_a_document_that_cannot_be_loaded_is_no_empty_document(wire: Wire) -> None:
    async with world() as w:
        w.log.load_error = OSError("disk gone")
        ann = w.client(wire)
        assert await verdict(ann) == (1013, "The document cannot be loaded now.")
        w.log.load_error = None
        ann.connect()
        await ann.synced()


@pytest.mark.parametrize(
    "damaged",
    [b"\x05abc", encode_bytes(pycrdt.merge_updates(typed("abc", 5), TRAP))],
    ids=["bytes", "content"],
)
@pytest.mark.parametrize("is_pruned", [False, True])
async def test_D6_where_a_snapshot_is_damaged_its_rows_are_read(damaged: bytes, *, is_pruned: bool) -> None:
    async with world() as w:
        w.log.rows[PAGE] += [(typed("kept"), "user:ann"), (typed("after", 9), "user:ann")]
        w.log.snapshots[PAGE] = [(1, damaged)]
        w.log.read_error = LookupError("pruned") if is_pruned else None
        ann = w.client(YWS)
        if is_pruned:
            assert (await verdict(ann))[0] == 1011
            return
        await ann.heard(lambda ann: {*str(ann.text)} == {*"keptafter"})
        ann.text.insert(0, "more ")
        await turns()
        assert w.hub.statistics().rooms[PAGE].position == 3


@both_wires
@pytest.mark.parametrize("error", [None, ValueError("gap")], ids=["rows", "positions"])
async def test_D6_a_damaged_document_costs_no_other(wire: Wire, error: Exception | None) -> None:
    async with world() as w:
        w.log.rows[PAGE].append((b"damaged", "user:ann"))
        w.log.load_error = error
        ann = w.client(wire)
        expected = (1011, "What is stored of this document is damaged.") if wire is YWS else "denied"
        assert await verdict(ann) == expected
        assert "step2" not in ann.names
        assert w.stored() == [b"damaged"]


async def test_R5_a_document_is_loaded_once_for_all_who_come_together() -> None:
    async with world() as w:
        w.log.loading = asyncio.Event()
        clients = [w.client(wire) for wire in (YWS, HOCUSPOCUS) for _ in range(5)]
        await turns()
        clients[0].disconnect()
        w.log.loading.set()
        for client in clients[1:]:
            await client.synced()
        assert w.log.loads == 1


async def test_R5_a_load_that_nobody_waits_for_any_more_is_harmless() -> None:
    async with world() as w:
        w.log.loading, w.log.load_error = asyncio.Event(), OSError("gone")
        ann = w.client()
        await turns()
        ann.disconnect()
        w.log.loading.set()
        await turns()
        assert w.hub.statistics().rooms == {}


async def test_R5_a_room_closes_after_its_last_peer_and_an_idle_time() -> None:
    async with world(config=HubConfig(room_idle_seconds=30)) as w:
        ann = await w.joined()
        w.clock.now += 100
        await w.hub.sweep()
        ann.disconnect()
        await w.hub.sweep()
        assert PAGE in w.hub.statistics().rooms
        w.clock.now += 30
        await w.hub.sweep()
        assert w.hub.statistics().rooms == {}


async def test_R5_a_room_closes_only_when_all_of_it_is_durable() -> None:
    async with world(config=HubConfig(room_idle_seconds=0)) as w:
        ann = await w.joined()
        w.log.hold()
        ann.text.insert(0, "late")
        await turns()
        ann.disconnect()
        await w.hub.sweep()
        assert PAGE in w.hub.statistics().rooms
        w.log.release()
        await turns()
        await w.hub.sweep()
        assert w.hub.statistics().rooms == {}
        assert read_text(w.stored()[0]) == "late"


async def test_R5_an_idle_room_is_folded_before_it_goes_and_whoever_comes_meanwhile_keeps_it() -> None:
    async with world(config=HubConfig(room_idle_seconds=0)) as w:
        ann = await w.joined()
        for _ in range(60):
            ann.text.insert(0, "x")
        await ann.heard(lambda ann: ann.unsaved == 0)
        ann.disconnect()
        await w.hub.sweep()
        assert PAGE in w.hub.statistics().rooms
        bob = await w.joined(token="bob")
        room = await w.hub.open(PAGE)
        await room.fold()  # there is nothing left for a second one
        await w.hub.sweep()
        assert [position for position, _ in w.log.snapshots[PAGE]] == [60]
        assert w.hub.statistics().rooms[PAGE].peers == 1
        bob.disconnect()
        await w.hub.sweep()
        assert w.hub.statistics().rooms == {}


async def test_R5_a_room_that_is_busy_again_is_not_folded() -> None:
    async with world() as w:
        ann = await w.joined()
        w.log.hold()
        ann.text.insert(0, "x")
        await turns()
        await (await w.hub.open(PAGE)).fold()
        assert w.log.snapshots == {}
        w.log.release()


async def test_R5_presence_falls_silent_in_every_room() -> None:
    async with world() as w:
        ann = await w.joined(YWS)
        ann.say_presence(ann.doc.client_id, 1, "{}")
        await turns()
        w.clock.now += 40
        await w.hub.sweep()
        await ann.heard(lambda ann: presence_of(ann.said[-1]) == {ann.doc.client_id: None})


async def test_W1_a_silent_socket_is_kept_alive() -> None:
    async with world() as w:
        ann, bob = await w.joined(YWS), await w.joined(HOCUSPOCUS)
        w.clock.now += 19
        await w.hub.sweep()
        assert "ping" not in bob.names
        w.clock.now += 1
        await w.hub.sweep()
        assert ann.names[-1] == "presence"
        assert bob.names[-1] == "ping"
        bob.receive_raw(b"\x0a")
        bob.receive_raw(b"\x09")
        assert bob.names[-1] == "pong"


async def test_W1_leaving_one_document_leaves_the_others_of_the_socket() -> None:
    async with world(PAGE, "page:2") as w:
        ann = await w.joined()
        assert ann.connection is not None
        ann.receive_raw(encode_string("page:2") + b"\x02\x00" + encode_string("ann"))
        await ann.heard(lambda ann: ann.names.count("scope") == 2)
        ann.say(b"\x07")
        statistics = w.hub.statistics()
        assert (statistics.rooms[PAGE].peers, statistics.rooms["page:2"].peers) == (0, 1)
        ann.say(encode_update(typed("held back")))
        ann.receive_raw(encode_string("page:2") + encode_update(typed("fine")))
        await turns()
        assert w.stored() == []
        assert len(w.stored("page:2")) == 1


async def test_W1_stateless_messages_are_taken_and_go_nowhere() -> None:
    async with world() as w:
        ann, bob = await w.joined(), await w.joined(token="bob")
        said = len(bob.said)
        ann.say(b"\x05" + encode_string("hello"))
        await turns()
        assert ann.closed is None
        assert len(bob.said) == said


@both_wires
async def test_W4_a_socket_on_which_nobody_signs_in_ends(wire: Wire) -> None:
    async with world(config=HubConfig(auth_timeout_seconds=0.01)) as w:
        w.rights.deciding = asyncio.Event()
        ann = w.client(wire)
        await ann.heard(lambda ann: ann.closed)
        assert ann.closed == (4508, "Nobody signed in on this socket in time.")
        w.rights.deciding.set()


@both_wires
async def test_W2_a_malformed_frame_ends_its_socket_alone(wire: Wire) -> None:
    async with world() as w:
        ann, eve = await w.joined(wire), await w.joined(wire, "eve")
        connection = eve.connection
        eve.receive_raw(b"\xff" * 12)
        assert eve.closed is not None
        assert eve.closed[0] == 4400
        assert connection is not None
        connection.receive(b"\x00")
        connection.closed()
        ann.text.insert(0, "on")
        await ann.heard(lambda ann: "saved" in ann.names or "update" in ann.names)


async def test_W2_what_was_held_back_may_be_malformed_too() -> None:
    async with world() as w:
        w.rights.deciding = asyncio.Event()
        eve = w.client(YWS)
        eve.say(encode_presence(b"\x05"))
        w.rights.deciding.set()
        await eve.heard(lambda eve: eve.closed)
        assert eve.closed is not None
        assert eve.closed[0] == 4400
        assert w.hub.statistics().rooms[PAGE].peers == 0


async def test_R6_closing_commits_acknowledges_and_says_come_back() -> None:
    async with world() as w:
        ann, bob = await w.joined(HOCUSPOCUS), await w.joined(YWS, "bob")
        w.log.hold()
        ann.text.insert(0, "last words")
        await turns()
        closing = asyncio.create_task(w.hub.close())
        await turns()
        assert ann.closed is None
        late = Client(w.hub, YWS, PAGE, "ann")
        late.connect()
        assert late.closed == (1012, "The server restarts.")
        assert w.hub.is_closing
        w.log.release()
        await closing
        assert ann.unsaved == 0
        assert ann.names[-1] == "saved"
        assert ann.closed == bob.closed == (1012, "The server restarts.")
        with pytest.raises(HubClosed):
            await w.hub.open(PAGE)
        await w.hub.close()


async def test_R6_closing_does_not_wait_for_ever(caplog: pytest.LogCaptureFixture) -> None:
    async with world(config=HubConfig(shutdown_seconds=0.01)) as w:
        ann = await w.joined()
        w.log.hold()
        ann.text.insert(0, "unsaved")
        await turns()
        await w.hub.close()
        assert ann.unsaved == 1
        assert ann.closed is not None
        assert "their clients keep them" in caplog.text


async def test_R6_a_document_that_is_being_loaded_when_closing_opens_for_nobody() -> None:
    async with world() as w:
        w.log.loading = asyncio.Event()
        ann = w.client(YWS)
        await turns()
        await w.hub.close()
        w.log.loading.set()
        await turns()
        assert ann.closed == (1012, "The server restarts.")
        assert "step2" not in ann.names


async def test_R8_a_replica_needs_the_right_to_read() -> None:
    async with world() as w:
        w.rights.rights["Eve", PAGE] = "none"
        with pytest.raises(DocumentRefused):
            async with w.hub.join(PAGE, user("eve")):
                pass
        with pytest.raises(DocumentRefused):
            async with w.hub.join(PAGE.__class__("page:unknown"), user("ann")):
                pass


async def test_R8_a_replicas_edits_need_the_right_to_write() -> None:
    async with world() as w:
        w.rights.rights["Eve", PAGE] = "read"
        async with w.hub.join(PAGE, user("eve")) as replica:
            replica.doc.apply_update(typed("no"))
            with pytest.raises(UpdateRefused):
                await replica.saved()
        assert w.stored() == []


async def test_R8_a_replica_hears_that_its_edit_was_refused() -> None:
    async with world() as w, w.hub.join(PAGE, user("ann")) as replica:
        room = await w.hub.open(PAGE)
        replica.doc.apply_update(typed("x"))
        room.fail(DocumentUnavailable("gone"))
        with pytest.raises(DocumentUnavailable):
            await replica.saved()


async def test_R8_a_replica_of_a_failed_room_is_refused() -> None:
    async with world() as w:
        room = await w.hub.open(PAGE)
        room.fail(DocumentUnavailable("gone"))
        async with w.hub.join(PAGE, user("ann")) as replica:  # in a room of its own
            assert await replica.saved() == 0
        assert (await w.hub.open(PAGE)) is not room
        with pytest.raises(DocumentUnavailable):
            room.join(replica)


async def test_R6_closing_ends_replicas_too() -> None:
    async with world() as w, w.hub.join(PAGE, user("ann")) as replica:
        replica.doc.apply_update(typed("kept"))
        await w.hub.close()
        assert await replica.saved() == 1
        replica.doc.apply_update(typed("too late", 9))
        with pytest.raises(HubClosed):
            await replica.saved()


async def test_R7_a_failing_task_of_the_core_ends_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise RuntimeError("unforeseen")

    async with world() as w:
        w.hub.start(fail)
        ann = await w.joined()
        assert ann.closed is None
        assert "unforeseen" in caplog.text


async def test_the_hub_sweeps_by_itself() -> None:
    async with world(config=HubConfig()) as w:
        swept = asyncio.Event()

        async def note() -> None:
            swept.set()

        w.hub.sweep = note  # type: ignore[method-assign]
        w.hub._config = HubConfig(sweep_seconds=0.001)  # pyright: ignore[reportPrivateUsage]
        w.hub.start(w.hub._sweep_forever)  # pyright: ignore[reportPrivateUsage]
        await asyncio.wait_for(swept.wait(), 5)


async def test_W1_an_update_that_says_nothing_is_acknowledged() -> None:
    async with world() as w:
        ann = await w.joined(HOCUSPOCUS)
        ann.say(encode_update(EMPTY_UPDATE))
        await ann.heard(lambda ann: ann.names.count("saved") == 2)
        assert w.stored() == []
        assert SessionLimits().max_documents == 100


async def test_R6_what_is_committed_after_the_hub_has_ended_starts_nothing() -> None:
    log, clock = HeldLog(), Clock()
    config = HubConfig(snapshot_every_updates=1, shutdown_seconds=0)
    async with Hub(
        log,
        Rights(),
        log.fold,
        config,
        client_ids=HeldClientIds(),
        guard_of=lambda _: None,
        clock=clock,
    ) as hub:
        ann = Client(hub, HOCUSPOCUS, PAGE, "ann")
        ann.connect()
        await ann.synced()
        log.hold()
        ann.text.insert(0, "late")
        await turns()
    log.release()
    await turns()
    assert len(log.rows[PAGE]) == 1
    assert log.snapshots == {}


async def test_R8_the_hub_says_who_is_where_and_a_replica_that_its_room_is_gone() -> None:
    async with world() as w:
        await w.joined()
        async with w.hub.join(PAGE, user("bob")) as bob:
            assert w.hub.peers("page:") == {PAGE: 2}
            assert w.hub.peers("channel:") == {}
            assert not bob.has_ended
            await w.hub.close()
            assert bob.has_ended


async def test_R8_a_replica_that_watches_is_told_who_is_there() -> None:
    async with world() as w, w.hub.join(PAGE, user("ann")) as ann, w.hub.join(PAGE, user("bob")) as bob:
        bob.announce({"n": 1})
        await turns()
        seen: list[bytes | None] = []
        ann.watch(lambda said: seen.extend(one.state for one in said))
        assert [b'"n":1' in (state or b"") for state in seen] == [True]
        bob.announce(None)
        await turns()
        assert seen[1:] == [None]


async def test_R8_a_replica_waits_for_what_others_are_known_to_have_written() -> None:
    async with world() as w, w.hub.join(PAGE, user("ann")) as ann, w.hub.join(PAGE, user("bob")) as bob:
        bob.doc.get("text", type=pycrdt.Text).insert(0, "x")
        assert ann.doc.get_state() != bob.doc.get_state()
        await ann.reached(bob.doc.get_state())
        assert ann.doc.get_state() == bob.doc.get_state()
        await ann.reached(bob.doc.get_state())


async def test_R8_a_replica_reads_once_what_it_has_however_many_have_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reads: list[bytes] = []

    def read(state_vector: bytes) -> dict[int, int]:
        reads.append(state_vector)
        return read_state_vector(state_vector)

    async with world() as w, w.hub.join(PAGE, user("ann")) as ann:
        for client_id in range(1, 9):
            ann.doc.apply_update(field_by(client_id))
        monkeypatch.setattr("crdt.peer.read_state_vector", read)
        await ann.reached(ann.doc.get_state())
    assert len(reads) == 2
