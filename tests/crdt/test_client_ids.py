"""Client ids that belong to whoever first used them: in presence, in edits, and in a room opened again."""

from typing import Any

import msgspec
import pycrdt
import pytest

from crdt.admission import MAX_UNDECIDED_BYTES
from crdt.ports import Binding
from crdt.protocol import encode_step2, encode_update
from crdt.session import HOCUSPOCUS, YWS, Wire
from crdt.signatures import LARGE_BYTES, MOST_WRITERS, Signatures
from tests.crdt.processes import processes
from tests.crdt.test_rights import forged
from tests.crdt.world import (
    PAGE,
    Client,
    HeldClientIds,
    HeldLog,
    Lenient,
    World,
    presence_of,
    turns,
    typed,
    user,
    world,
)

both_wires = pytest.mark.parametrize("wire", [YWS, HOCUSPOCUS], ids=lambda wire: wire.name)
FIELDS = Lenient("fields")


def authors(w: World) -> list[str]:
    return [author for _, author in w.log.rows[PAGE]]


def field_by(client_id: int) -> bytes:
    """Return the update of somebody who sets a field in an empty document."""
    doc = pycrdt.Doc[Any](client_id=client_id)
    doc.get("fields", type=pycrdt.Map[Any])["k"] = client_id
    return doc.get_update()


@both_wires
async def test_A7_A5_a_client_id_stays_its_owners_when_everybody_has_left(wire: Wire) -> None:
    client_ids = HeldClientIds()
    async with world(client_ids=client_ids) as w:
        ann = await w.joined()
        ann.say_presence(5, 1, "{}")
        await turns()
    assert client_ids.owners == {(PAGE, 5): ("user:ann", False)}
    async with world(client_ids=client_ids) as w:
        bob, eve = await w.joined(), await w.joined(wire, "eve")
        eve.say_presence(5, 9, "{}")
        eve.say_presence(6, 1, "{}")
        await bob.heard(lambda bob: "presence" in bob.names)
        assert [presence_of(said) for said in bob.said if said.name == "presence"] == [
            {6: {"user": presence_of(bob.said[-1])[6]["user"]}}  # pyright: ignore[reportOptionalSubscript]
        ]
    assert client_ids.owners[PAGE, 5] == ("user:ann", False)


@both_wires
@pytest.mark.parametrize("encode", [encode_update, encode_step2])
@pytest.mark.parametrize("is_present", [True, False], ids=["present", "absent"])
async def test_A7_in_a_guarded_document_nobody_writes_as_somebody_else(
    wire: Wire, encode: Any, is_present: bool
) -> None:
    log, client_ids = HeldLog(), HeldClientIds()
    async with world(log=log, client_ids=client_ids, guard=FIELDS) as w:
        ann = await w.joined(client_id=5)
        ann.doc.get("fields", type=pycrdt.Map[Any])["k"] = 1
        await ann.heard(lambda ann: ann.unsaved == 0)
        ann.disconnect()
    async with world(log=log, client_ids=client_ids, guard=FIELDS) as w:
        if is_present:
            ann.move_to(w.hub)
            ann.connect()
            await ann.synced()
        eve = await w.joined(wire, "eve")
        eve.say(encode(forged(ann, "eve's ")))
        await eve.heard(lambda eve: eve.closed)
        assert eve.closed == (4400, "The update is written under somebody else's client id.")
        assert authors(w) == ["user:ann"]


async def test_A7_in_a_guarded_document_an_answer_binds_too() -> None:
    async with world(guard=FIELDS) as w:
        ann = await w.joined()
        ann.say(encode_step2(field_by(5)))
        await ann.heard(lambda ann: ann.unsaved == -1)
        assert w.client_ids.owners == {(PAGE, 5): ("user:ann", True)}


async def test_A7_what_an_answer_brings_of_nobody_known_is_relayed_and_binds_nothing() -> None:
    async with world() as w:
        bob = await w.joined(token="bob")
        bob.say(encode_step2(typed("lost in a crash", 5)))
        await bob.heard(lambda bob: bob.unsaved == -1)
        assert authors(w) == ["user:bob|relayed"]
        assert w.client_ids.owners == {}
        ann = await w.joined(client_id=5)
        ann.text.insert(0, "mine ")
        await ann.heard(lambda ann: ann.unsaved == 0)
        assert w.client_ids.owners == {(PAGE, 5): ("user:ann", True)}
        assert authors(w)[1:] == ["user:ann"]


async def test_A7_what_an_answer_brings_of_its_sender_is_its_senders() -> None:
    async with world() as w:
        ann = await w.joined()
        ann.say_presence(5, 1, "{}")
        ann.say(encode_step2(typed("offline", 5)))
        await ann.heard(lambda ann: ann.unsaved == -1)
        assert authors(w) == ["user:ann"]
        assert w.client_ids.owners == {(PAGE, 5): ("user:ann", True)}


async def test_A7_what_somebody_who_is_away_wrote_is_relayed() -> None:
    client_ids = HeldClientIds()
    client_ids.owners[PAGE, 5] = ("user:ann", True)
    async with world(client_ids=client_ids) as w:
        bob = await w.joined(token="bob")
        mixed = pycrdt.Doc[Any](client_id=6)
        mixed.apply_update(typed("hers", 5))
        mixed.get("text", type=pycrdt.Text).insert(0, "his ")
        bob.say(encode_update(mixed.get_update()))
        await bob.heard(lambda bob: bob.unsaved == -1)
        assert authors(w) == ["user:bob|relayed"]
        assert client_ids.owners == {(PAGE, 5): ("user:ann", True), (PAGE, 6): ("user:bob", True)}


def long_relay(*client_ids: int) -> bytes:
    """Return an update with much of client 5 and a little of each of these."""
    doc = pycrdt.Doc[Any](client_id=5)
    doc.get("text", type=pycrdt.Text).insert(0, "x" * LARGE_BYTES)
    for client_id in client_ids:
        doc.apply_update(typed("y", client_id))
    return doc.get_update()


async def test_A7_a_long_relay_is_not_taken_apart() -> None:
    async with world() as w:
        bob = await w.joined(token="bob")
        bob.say(encode_update(long_relay(6)))
        await bob.heard(lambda bob: bob.unsaved == -1)
        assert authors(w) == ["user:bob|relayed"]
        assert w.client_ids.owners == {}


async def test_A7_R7_a_long_relay_brings_nothing_of_somebody_who_is_here_and_in_step() -> None:
    async with world() as w:
        ann, bob, eve = await w.joined(), await w.joined(token="bob"), await w.joined(token="eve")
        ann.say_presence(6, 1, "{}")
        ann.text.insert(0, "a")
        await ann.heard(lambda ann: ann.unsaved == 0)
        eve.say(encode_update(long_relay(6)))
        await eve.heard(lambda eve: eve.closed)
        assert authors(w) == ["user:ann"]
        bob.say(encode_update(long_relay(8)))
        await bob.heard(lambda bob: bob.unsaved == -1)
        assert authors(w) == ["user:ann", "user:bob|relayed"]


def on_top_of(doc: "pycrdt.Doc[Any]", text: str) -> bytes:
    """Return the update of somebody who goes on under a document's client id."""
    forged = pycrdt.Doc[Any](client_id=doc.client_id)
    forged.apply_update(doc.get_update())
    before = forged.get_state()
    forged.get("text", type=pycrdt.Text).insert(0, text)
    return forged.get_update(before)


async def test_A7_R8_nobody_goes_on_under_the_client_id_of_a_peer_in_the_process() -> None:
    async with world() as w, w.hub.join(PAGE, user("ann")) as replica:
        replica.doc.get("text", type=pycrdt.Text).insert(0, "mine")
        await replica.saved()
        eve = await w.joined(YWS, "eve")
        eve.say(encode_update(on_top_of(replica.doc, "forged ")))
        await eve.heard(lambda eve: eve.closed)
        assert eve.closed == (4400, "The update is written under somebody else's client id.")
        replica.doc.get("text", type=pycrdt.Text).insert(0, "all ")
        await replica.saved()
        assert authors(w) == ["user:ann", "user:ann"]
        bob = await w.joined(token="bob")
        assert str(bob.text) == "all mine"


async def test_A7_A3_nobody_goes_on_under_the_client_id_of_a_reader_who_was_promoted() -> None:
    async with world() as w:
        w.rights.rights["Ann", PAGE] = "read"
        ann, eve = await w.joined(), await w.joined(YWS, "eve")
        w.rights.rights["Ann", PAGE] = "write"
        w.hub.review({"user:ann"})
        await turns()
        ann.say_presence(ann.doc.client_id, 1, "{}")
        ann.text.insert(0, "mine")
        await ann.heard(lambda ann: ann.unsaved == 0)
        eve.say(encode_update(on_top_of(ann.doc, "forged ")))
        await eve.heard(lambda eve: eve.closed)
        assert authors(w) == ["user:ann"]


async def test_A7_what_was_written_under_the_client_id_of_a_peer_that_has_left_is_relayed() -> None:
    async with world() as w:
        async with w.hub.join(PAGE, user("ann")) as replica:
            replica.doc.get("text", type=pycrdt.Text).insert(0, "mine")
            await replica.saved()
            update = on_top_of(replica.doc, "lost in a crash ")
        bob = await w.joined(token="bob")
        bob.say(encode_update(update))
        await bob.heard(lambda bob: bob.unsaved == -1)
        assert authors(w) == ["user:ann", "user:bob|relayed"]


async def is_acknowledged_with_the_binding(w: World, someone: Client, *, rows: int) -> None:
    """Check that a stored edit is not acknowledged before the client ids are kept."""
    await turns()
    assert len(w.stored()) == rows
    assert someone.unsaved == 1
    w.client_ids.release()
    await someone.heard(lambda someone: someone.unsaved == 0)


async def test_A7_D2_an_acknowledgement_follows_the_binding() -> None:
    async with world() as w:
        w.client_ids.is_held = True
        ann = await w.joined(client_id=5)
        ann.text.insert(0, "a")
        await is_acknowledged_with_the_binding(w, ann, rows=1)


async def test_A7_D2_so_does_that_of_an_edit_that_another_client_id_comes_with() -> None:
    async with world() as w:
        ann = await w.joined(client_id=5)
        for letter in "ab":
            ann.text.insert(0, letter)
            await ann.heard(lambda ann: ann.unsaved == 0)
        w.client_ids.is_held = True
        ann.say_presence(6, 1, "{}")
        ann.text.insert(0, "c")
        await is_acknowledged_with_the_binding(w, ann, rows=3)


async def test_A7_another_process_may_have_been_faster() -> None:
    async with world() as w:
        w.client_ids.is_held = True
        ann = await w.joined(client_id=5)
        for letter in "abc":  # whoever goes on is looked at less closely
            ann.text.insert(0, letter)
            await turns()
        w.client_ids.owners[PAGE, 5] = ("user:eve", True)
        w.client_ids.release()
        await ann.heard(lambda ann: ann.unsaved == 0)
        ann.text.insert(0, "d")
        await ann.heard(lambda ann: ann.unsaved == 0)
        assert authors(w) == ["user:ann", "user:ann", "user:ann", "user:ann|relayed"]


async def test_A7_bindings_that_cannot_be_saved_end_the_room(caplog: pytest.LogCaptureFixture) -> None:
    async with world() as w:
        w.client_ids.error = ValueError("no such document")
        ann = await w.joined(client_id=5)
        ann.text.insert(0, "a")
        await ann.heard(lambda ann: ann.closed)
        assert ann.closed == (1013, "The document cannot be saved any more.")
        assert "no such document" in caplog.text


async def test_A7_bindings_that_nobody_waits_for_any_more_change_nothing() -> None:
    async with world() as w:
        w.client_ids.is_held = True
        ann = await w.joined(client_id=5)
        ann.say_presence(5, 1, "{}")
        await turns()
        w.client_ids.cancel()
        await turns()
        assert ann.closed is None


async def test_A7_the_log_names_the_run_of_an_agent() -> None:
    agent = msgspec.structs.replace(user("agent"), kind="agent", run_id="7")
    async with world() as w, w.hub.join(PAGE, agent) as replica:
        replica.doc.get("text", type=pycrdt.Text).insert(0, "a")
        await replica.saved()
        assert authors(w) == ["user:agent|run:7"]


class Nobody:
    """As much of a peer as signatures look at."""

    principal = user("eve")


def test_A7_a_fault_while_an_edit_is_looked_at_is_found_when_it_is_applied() -> None:
    signatures = Signatures(list[Binding](), is_guarded=False)
    eve: Any = Nobody()

    def broken(error: BaseException) -> bytes:
        raise error

    assert not signatures.is_forged(eve, typed("x"), lambda: broken(RuntimeError()))
    assert not signatures.is_forged(eve, b"\xff", lambda: b"\x00")
    with pytest.raises(KeyboardInterrupt):
        signatures.is_forged(eve, typed("x"), lambda: broken(KeyboardInterrupt()))


@both_wires
async def test_A7_N1_in_a_guarded_document_nobody_writes_as_somebody_of_another_process(wire: Wire) -> None:
    async with processes(guard=FIELDS) as p:
        eve, bob = await p.join(1, wire, "eve"), await p.join(1, token="bob")
        ann = await p.join(0, client_id=5)
        ann.doc.get("fields", type=pycrdt.Map[Any])["k"] = 1
        await ann.heard(lambda ann: ann.unsaved == 0)
        eve.say(encode_update(forged(ann, "eve's ")))
        await eve.heard(lambda eve: eve.closed)
        assert eve.closed == (4400, "The update is written under somebody else's client id.")
        bob.doc.get("fields", type=pycrdt.Map[Any])["b"] = 1
        await bob.heard(lambda bob: bob.unsaved == 0)
        assert [author for _, author in p.log.rows[PAGE]] == ["user:ann", "user:bob"]
        await p.hubs[1].close()  # nothing is left to wait for


@both_wires
async def test_A7_in_a_guarded_document_edits_wait_in_order_for_their_client_id(wire: Wire) -> None:
    async with world(guard=FIELDS) as w:
        ann, bob = await w.joined(wire, client_id=5), await w.joined(YWS, "bob")
        fields = ann.doc.get("fields", type=pycrdt.Map[Any])
        w.client_ids.is_held = True
        fields["k"] = 1
        await turns()
        fields["k"] = 2
        ann.say(encode_update(fields_by(5, 6)))
        (await w.joined(wire, "eve")).say(encode_update(b"\xff" * 20))
        await turns()
        assert w.stored() == []
        assert ann.unsaved == (2 if wire is HOCUSPOCUS else 3)
        ann.disconnect()
        w.client_ids.release()
        await bob.heard(lambda bob: bob.doc.get("fields", type=pycrdt.Map[Any]).get("k") == 2)
        w.client_ids.release()
        await turns()
        assert authors(w) == ["user:ann"] * 3
        assert w.client_ids.owners[PAGE, 6] == ("user:ann", True)


@pytest.mark.parametrize("leaves", [False, True])
async def test_A7_D5_what_waits_for_its_client_id_is_bounded(*, leaves: bool) -> None:
    async with world(guard=FIELDS) as w:
        ann = await w.joined(client_id=5)
        w.client_ids.is_held = True
        fields = ann.doc.get("fields", type=pycrdt.Map[Any])
        for number in range(3):
            fields["k"] = str(number) + "x" * (MAX_UNDECIDED_BYTES // 2)
        if leaves:
            ann.say(b"\x07")
            await turns()
            assert ann.closed is None
        else:
            await ann.heard(lambda ann: ann.closed)
            assert ann.closed == (1013, "What you edit cannot be taken now; try again later.")
        w.client_ids.release()
        await turns()
        assert w.stored() == []


@pytest.mark.parametrize("is_shown", [True, False])
async def test_A7_A5_presence_ends_where_another_process_was_faster(*, is_shown: bool) -> None:
    async with world() as w:
        ann, eve, bob = await w.joined(), await w.joined(token="eve"), await w.joined(token="bob")
        w.client_ids.owners[PAGE, 5] = ("user:ann", True)
        w.client_ids.is_held = True
        eve.say_presence(5, 1, "{}")
        await bob.heard(lambda bob: "presence" in bob.names)
        if not is_shown:
            eve.say_presence(5, 1, "null")
            await turns()
        w.client_ids.release()
        await turns()
        assert presence_of(bob.said[-1]) == {5: None}
        eve.say_presence(5, 3, "{}")
        ann.say_presence(5, 2, "{}")
        await turns()
        shown = presence_of(bob.said[-1])[5]
        assert shown is not None
        assert shown["user"]["id"] == "user:ann"  # pyright: ignore[reportIndexIssue] - it is JSON


async def test_A7_N1_whose_the_rows_of_another_process_are_is_learnt() -> None:
    async with world() as w:
        bob = await w.joined(token="bob")
        w.client_ids.owners[PAGE, 5] = ("user:ann", True)
        w.log.rows[PAGE].append((typed("hers", 5), "user:ann"))
        await w.hub.look()
        await bob.heard(lambda bob: str(bob.text) == "hers")
        await w.hub.sweep()
        await turns()
        doc = pycrdt.Doc[Any](client_id=5)
        doc.apply_update(typed("hers", 5))
        known = doc.get_state()
        doc.get("text", type=pycrdt.Text).insert(0, "more of ")
        bob.say(encode_update(doc.get_update(known)))
        await bob.heard(lambda bob: bob.unsaved == -1)
        assert authors(w) == ["user:ann", "user:bob|relayed"]


async def test_A7_a_large_edit_in_a_guarded_document_is_taken_apart() -> None:
    async with world(guard=FIELDS) as w:
        w.client_ids.owners[PAGE, 7] = ("user:eve", True)
        ann, bob = await w.joined(), await w.joined(token="bob")
        ann.say(encode_step2(fields_by(5, 6, size=LARGE_BYTES)))
        await ann.heard(lambda ann: ann.unsaved == -1)
        assert {5, 6} == {
            client_id for (_, client_id), owner in w.client_ids.owners.items() if "ann" in owner[0]
        }
        bob.say(encode_step2(fields_by(7, 8, size=LARGE_BYTES)))
        await bob.heard(lambda bob: bob.closed)
        many = await w.joined(YWS, "bob")
        many.say(encode_step2(fields_by(*range(100, 101 + MOST_WRITERS), size=LARGE_BYTES)))
        await many.heard(lambda many: many.closed)
        assert authors(w) == ["user:ann"]


def fields_by(*client_ids: int, size: int = 1) -> bytes:
    """Return an update of somebody who set a field under each of these client ids."""
    updates: list[bytes] = []
    for client_id in client_ids:
        doc = pycrdt.Doc[Any](client_id=client_id)
        doc.get("fields", type=pycrdt.Map[Any])[f"f{client_id}"] = "x" * size
        updates.append(doc.get_update())
    return pycrdt.merge_updates(*updates)


async def test_A7_whoever_brings_the_structs_of_another_document_says_whose_they_are() -> None:
    client_ids = HeldClientIds()
    async with world(client_ids=client_ids) as w, w.hub.join(PAGE, user("ann")) as ann:
        ann.introduce([(9, "user:bob", True)])
        ann.introduce([(9, "user:eve", True)])
        ann.doc.apply_update(field_by(9))
        await ann.saved()
        assert authors(w) == ["user:ann|relayed"]
    assert client_ids.owners == {(PAGE, 9): ("user:bob", True)}
