"""Edits that are judged before their document sees them: people may touch their own notes."""

from collections.abc import Mapping
from typing import Any, cast

import msgspec
import pycrdt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crdt.document import LiveDocument
from crdt.errors import RuleViolated, UpdateRefused
from crdt.guard import MAX_PARKED_BYTES, EditWaits, StagingTwin
from crdt.ports import Principal, PrincipalId
from crdt.protocol import encode_step1, encode_step2, encode_string, encode_update
from crdt.session import HOCUSPOCUS, YWS, Wire
from tests.crdt.test_faults import PANIC
from tests.crdt.world import PAGE, Client, World, turns, typed, user, world

both_wires = pytest.mark.parametrize("wire", [YWS, HOCUSPOCUS], ids=lambda wire: wire.name)

Entries = Mapping[str, Mapping[str, object]]


class OwnNotes:
    """Lets people touch only those notes whose key begins with their id; remembers what it was asked."""

    roots = frozenset({"notes"})

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, object], dict[str, object]]] = []

    def judge(self, author: str, before: Entries, after: Entries, **_: object) -> tuple[str, str] | None:
        is_, will_be = dict(before.get("notes", {})), dict(after.get("notes", {}))
        self.asked.append((author, is_, will_be))
        if all(key.startswith(author) for key in {*is_, *will_be}):
            return None
        return "note.owner", "You may touch only your own notes."


def notes(client: Client | pycrdt.Doc[Any]) -> pycrdt.Map[Any]:
    doc = client.doc if isinstance(client, Client) else client
    return doc.get("notes", type=pycrdt.Map[Any])


def state_with(root: str, value: Any, client_id: int = 77) -> bytes:
    """Return the update of somebody who puts something into a root of an empty document."""
    doc = pycrdt.Doc[Any](client_id=client_id)
    if isinstance(value, list):
        doc.get(root, type=pycrdt.Array[Any]).extend(value)
    else:
        for key, field in value.items():
            doc.get(root, type=pycrdt.Map[Any])[key] = field
    return doc.get_update()


async def out(client: Client) -> None:
    """Wait until a client knows that it broke a rule and is out of the document."""
    await client.heard(
        lambda client: "denied" in client.names and (client.wire is HOCUSPOCUS or client.closed)
    )
    if client.wire is YWS:
        assert client.closed == (4422, "You may touch only your own notes. (note.owner)")
    else:
        assert client.names[-4:] == ["stateless", "refused", "stateless", "denied"]
        assert client.said[-1].body == b"You may touch only your own notes. (note.owner)"
        assert client.closed is None  # the socket may carry other documents


class Managed(OwnNotes):
    """Lets those who manage touch any note, as long as there are few, of which none is large."""

    def judge(
        self,
        author: str,
        before: Entries,
        after: Entries,
        *,
        document: object = None,
        can_manage: object = False,
        **_: object,
    ) -> tuple[str, str] | None:
        there = cast("Entries", document)["notes"]
        assert all(there[key] == value and key in there for key, value in after.get("notes", {}).items())
        assert len(there) == len(list(there)) <= 3
        assert "nowhere" not in there
        assert there.get("nowhere") is None
        return None if can_manage else super().judge(author, before, after)


@both_wires
async def test_A6_A3_a_guard_knows_who_manages_at_this_moment(wire: Wire) -> None:
    async with world(guard=Managed()) as w:
        w.rights.rights["Eve", PAGE] = "manage"
        ann, eve = await w.joined(), await w.joined(wire, "eve")
        await wrote(w, ann, "user:ann/1")
        await eve.heard(lambda eve: "user:ann/1" in notes(eve))
        notes(eve)["user:ann/1"] = "moderated"
        await ann.heard(lambda ann: notes(ann).to_py() == {"user:ann/1": "moderated"})
        w.rights.rights["Eve", PAGE] = "write"
        w.hub.review({"user:eve"})
        await turns()
        assert eve.closed is None
        notes(eve)["user:ann/1"] = "forged"
        await out(eve)
        assert notes(ann).to_py() == {"user:ann/1": "moderated"}


async def test_A6_A3_peers_in_the_process_manage_like_their_principals() -> None:
    async with world(guard=Managed()) as w:
        w.rights.rights["Eve", PAGE] = "manage"
        ann = await w.joined()
        await wrote(w, ann, "user:ann/1")
        async with w.hub.join(PAGE, user("eve")) as eve:
            notes(eve.doc)["user:ann/1"] = "moderated"
            await eve.saved()
            w.rights.rights["Eve", PAGE] = "write"
            w.hub.review({PAGE})
            await turns()
            notes(eve.doc)["user:ann/1"] = "forged"
            with pytest.raises(RuleViolated):
                await eve.saved()


async def test_A3_the_servers_own_peers_stay_whatever_rights_change() -> None:
    server = Principal(id=PrincipalId("system:archive"), name="Archive", kind="system")
    async with world() as w:
        w.rights.rights["Archive", PAGE] = "none"
        async with w.hub.join(PAGE, server) as replica:
            w.hub.review({PAGE})
            await turns()
            notes(replica.doc)["k"] = 1
            assert await replica.saved() == 1


async def wrote(w: World, client: Client, key: str, value: object = "x") -> None:
    notes(client)[key] = value
    await client.heard(lambda client: client.unsaved == 0 or client.names[-1] == "update")


@both_wires
async def test_A6_what_breaks_a_rule_never_reaches_the_room(wire: Wire) -> None:
    async with world(guard=OwnNotes()) as w:
        ann, eve = await w.joined(), await w.joined(wire, "eve")
        await wrote(w, ann, "user:ann/1")
        await eve.heard(lambda eve: "user:ann/1" in notes(eve))
        notes(eve)["user:ann/1"] = "forged"
        await out(eve)
        await wrote(w, ann, "user:ann/2")
        late = await w.joined(YWS, "bob")
        assert notes(late).to_py() == notes(ann).to_py() == {"user:ann/1": "x", "user:ann/2": "x"}
        assert [author for _, author in w.log.rows[PAGE]] == ["user:ann", "user:ann"]
        assert w.hub.statistics().rooms[PAGE].peers == 2


@both_wires
async def test_A6_an_update_is_judged_as_a_whole(wire: Wire) -> None:
    async with world(guard=OwnNotes()) as w:
        eve = await w.joined(wire, "eve")
        with eve.doc.transaction():
            notes(eve)["user:eve/1"] = "mine"
            notes(eve)["user:ann/1"] = "hers"
        notes(eve)["user:eve/2"] = "built on it"
        await out(eve)
        assert w.stored() == []


@both_wires
async def test_A6_an_edit_that_only_deletes_is_judged(wire: Wire) -> None:
    async with world(guard=OwnNotes()) as w:
        ann, eve = await w.joined(), await w.joined(wire, "eve")
        await wrote(w, ann, "user:ann/1", pycrdt.Map({"text": "a"}))
        await eve.heard(lambda eve: "user:ann/1" in notes(eve))
        del notes(eve)["user:ann/1"]["text"]
        await out(eve)
        assert len(w.stored()) == 1


@both_wires
async def test_A6_nobody_holds_what_the_log_lacks(wire: Wire) -> None:
    async with world(guard=OwnNotes()) as w:
        ann, bob = await w.joined(), await w.joined(wire, "bob")
        w.log.hold()
        notes(ann)["user:ann/1"] = "x"
        await turns()
        late = w.client(wire, "bob")
        await turns()
        assert "update" not in bob.names
        assert "step2" not in late.names
        w.log.release()
        await bob.heard(lambda bob: "user:ann/1" in notes(bob))
        await late.synced()
        assert "user:ann/1" in notes(late)
        assert ann.names.count("saved") == 2


async def test_A6_breaking_a_rule_in_one_document_leaves_the_others_of_a_socket() -> None:
    other = "page:2"
    async with world(PAGE, other, guard=OwnNotes()) as w:
        eve = await w.joined(HOCUSPOCUS, "eve")
        eve.receive_raw(encode_string(other) + b"\x02\x00" + encode_string("eve"))
        await eve.heard(lambda eve: eve.said[-1].key == other and "scope" in eve.said[-1].name)
        eve.receive_raw(encode_string(other) + encode_update(state_with("notes", {"user:ann/1": 1})))
        await eve.heard(lambda eve: eve.names[-1] == "denied")
        assert eve.said[-1].key == other
        await wrote(w, eve, "user:eve/1")
        assert eve.closed is None
        assert [len(w.stored(document)) for document in (PAGE, other)] == [1, 0]


async def test_A6_a_slow_peer_holds_nothing_either_that_the_log_lacks() -> None:
    async with world(guard=OwnNotes()) as w:
        ann, slow = await w.joined(), await w.joined(YWS, "bob")
        assert slow.connection is not None
        slow.connection.set_full(True)
        w.log.hold()
        notes(ann)["user:ann/1"] = "x"
        await turns()
        slow.connection.set_full(False)
        await turns()
        assert "user:ann/1" not in notes(slow)
        w.log.release()
        await slow.heard(lambda slow: "user:ann/1" in notes(slow))


async def test_A6_peers_in_this_process_are_judged_too() -> None:
    async with world(guard=OwnNotes()) as w:
        async with w.hub.join(PAGE, user("ann")) as ann, w.hub.join(PAGE, user("eve")) as eve:
            notes(ann.doc)["user:ann/1"] = "x"
            assert await ann.saved() == 1
            notes(eve.doc)["user:ann/1"] = "forged"
            with pytest.raises(RuleViolated) as caught:
                await eve.saved()
            assert caught.value.rule == "note.owner"
        async with w.hub.join(PAGE, user("ann")) as again:
            assert notes(again.doc).to_py() == {"user:ann/1": "x"}


async def test_A6_the_server_itself_is_not_judged() -> None:
    guard = OwnNotes()
    system = msgspec.structs.replace(user("system"), kind="system")
    async with world(guard=guard) as w, w.hub.join(PAGE, system) as server:
        notes(server.doc)["user:ann/1"] = "archived"
        server.doc.apply_update(state_with("elsewhere", {"k": 1}))
        assert await server.saved() == 2
    assert guard.asked == []


async def test_A6_a_guard_sees_what_was_and_what_would_be() -> None:
    guard = OwnNotes()
    async with world(guard=guard) as w:
        ann = await w.joined()
        with ann.doc.transaction():
            notes(ann)["user:ann/1"] = pycrdt.Map({"text": "a", "plain": {"text": "a"}})
            notes(ann)["user:ann/2"] = None
        notes(ann)["user:ann/1"]["text"] = "b"  # in the same turn: nobody has seen the one before
        del notes(ann)["user:ann/2"]
        await ann.heard(lambda ann: ann.unsaved == 0)
        notes(ann)["user:ann/1"] = 3
        await ann.heard(lambda ann: ann.unsaved == 0)
    plain = {"object": {"text": "a"}}
    first, second = ({"user:ann/1": {"map": {"plain": plain, "text": text}}} for text in "ab")
    assert guard.asked == [
        ("user:ann", {}, {**first, "user:ann/2": None}),
        ("user:ann", first, second),
        ("user:ann", {"user:ann/2": None}, {}),
        ("user:ann", second, {"user:ann/1": 3.0}),
    ]


@pytest.mark.parametrize(
    "update",
    [
        state_with("elsewhere", {"k": 1}),
        state_with("notes", ["beside the entries"]),
        state_with("older", {"k": 1}),
        state_with("older", ["x"]),
        typed("x"),
    ],
)
def test_A6_there_is_no_place_but_the_entries(update: bytes) -> None:
    twin = StagingTwin(OwnNotes())
    document = LiveDocument(None, [state_with("older", {"from before there was a guard": 1}, 5)])
    with pytest.raises(RuleViolated, match=r"no place for this.*\(schema\)"):
        twin.judge(update, user("eve"), document)
    twin.judge(state_with("notes", {"user:eve/1": 1}), user("eve"), document)


def test_A6_what_came_and_went_is_no_stray() -> None:
    doc = pycrdt.Doc[Any]()
    notes(doc)["user:eve/1"] = 1
    del notes(doc)["user:eve/1"]
    StagingTwin(OwnNotes()).judge(doc.get_update(), user("eve"), LiveDocument(None, []))


@pytest.mark.parametrize("poison", [b"\xff" * 20, PANIC], ids=["bytes", "panic"])
def test_A6_what_is_no_update_breaks_only_the_twin(poison: bytes) -> None:
    twin, document = StagingTwin(OwnNotes()), LiveDocument(None, [])
    before = typed("hé", client_id=5)
    system = Principal(id=user("s").id, name="S", kind="system")
    twin.judge(before, system, document)
    document.apply([before])
    twin.follow()
    with pytest.raises(UpdateRefused, match="never held it"):
        twin.judge(poison, user("eve"), document)
    twin.judge(state_with("notes", {"user:eve/1": 1}), user("eve"), document)


Step = tuple[str, int, int]
"""What is done, by which of three people, and a number to do it with."""

steps = st.lists(
    st.tuples(
        st.sampled_from(("set", "set", "map", "inner", "delete", "text", "hear", "lose", "bundle")),
        st.integers(0, 2),
        st.integers(0, 9),
    ),
    max_size=40,
)


class Everything(OwnNotes):
    """Has nothing against anything."""

    def judge(self, author: str, before: Entries, after: Entries, **_: object) -> tuple[str, str] | None:
        super().judge(author, before, after)
        return None


@given(steps)
def test_A6_a_guard_is_told_of_all_that_an_edit_changes(script: list[Step]) -> None:
    guard = Everything()
    twin, document = StagingTwin(guard), LiveDocument(None, [])
    docs = [pycrdt.Doc[Any](client_id=number + 1) for number in range(3)]
    sent = [doc.get_state() for doc in docs]
    for action, index, number in script:
        doc = docs[index]
        act(action, doc, f"k{number % 4}", number)
        if action == "hear":
            doc.apply_update(document.state())
        if action in ("lose", "bundle"):
            continue
        update, sent[index] = doc.get_update(sent[index]), doc.get_state()
        if action == "hear":
            update = doc.get_update()  # the answer to a step 1: what was lost comes too
        was = {key: value for key in KEYS for key, value in document.entry("notes", key).items()}
        guard.asked.clear()
        try:
            twin.judge(update, user("eve"), document)
        except EditWaits:
            continue
        document.apply([update])
        twin.follow()
        will_be = {key: value for key in KEYS for key, value in document.entry("notes", key).items()}
        before, after = guard.asked[0][1:] if guard.asked else (None, None)
        touched = {*(before or {}), *(after or {})}
        assert (before or {}) == {key: was[key] for key in touched if key in was}
        assert (after or {}) == {key: will_be[key] for key in touched if key in will_be}
        assert all(was.get(key) == will_be.get(key) for key in KEYS if key not in touched)


KEYS = ("k0", "k1", "k2", "k3")


def act(action: str, doc: pycrdt.Doc[Any], key: str, number: int) -> None:
    """Edit somebody's copy."""
    entry = notes(doc).get(key)
    if action in ("set", "lose"):
        notes(doc)[key] = number
    elif action == "map":
        notes(doc)[key] = pycrdt.Map({"n": number, "text": pycrdt.Text("t")})
    elif action == "delete" and entry is not None:
        del notes(doc)[key]
    elif action == "inner" and isinstance(entry, pycrdt.Map):
        entry["n"] = pycrdt.Array([number])
    elif action in ("text", "bundle") and isinstance(entry, pycrdt.Map) and "text" in entry:
        cast("pycrdt.Text", entry["text"]).insert(0, "x")


def test_A6_an_end_of_the_process_is_no_fault_of_an_update() -> None:
    class Ended(OwnNotes):
        def judge(self, author: str, before: Entries, after: Entries, **_: object) -> tuple[str, str] | None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        StagingTwin(Ended()).judge(state_with("notes", {"k": 1}), user("eve"), LiveDocument(None, []))


def two_edits(late_key: str, early_key: str, client_id: int = 9) -> tuple[bytes, bytes]:
    """Return two edits of one client: the second, with one key, and the first, on which it builds."""
    doc = pycrdt.Doc[Any](client_id=client_id)
    updates: list[bytes] = []
    subscription = doc.observe(lambda event: updates.append(event.update))
    notes(doc)[early_key] = 1
    notes(doc)[late_key] = 2
    subscription.drop()
    return updates[1], updates[0]


@both_wires
async def test_A6_an_edit_made_before_the_answer_to_our_step_1_waits_for_it(wire: Wire) -> None:
    async with world(guard=OwnNotes()) as w:
        ann = await w.joined(wire)
        ann.disconnect()
        notes(ann)["user:ann/1"] = "offline"
        ann.is_paused = True  # takes the server's step 1 later
        ann.connect()
        notes(ann)["user:ann/2"] = "before the answer"
        notes(ann)["user:ann/3"] = "before the answer"
        await turns()
        assert w.stored() == []
        ann.resume()
        await turns()
        assert ann.closed is None
        bob = await w.joined(YWS, "bob")
        assert sorted(notes(bob).keys()) == ["user:ann/1", "user:ann/2", "user:ann/3"]
        assert ann.wire is YWS or ann.unsaved == 0


@both_wires
async def test_A6_A7_such_an_edit_also_waits_for_the_answer_while_its_client_id_is_looked_up(
    wire: Wire,
) -> None:
    async with world(guard=OwnNotes()) as w:
        w.client_ids.is_held = True
        ann = w.client(wire)
        ann.disconnect()
        notes(ann)["user:ann/1"] = "offline"
        ann.is_paused = True
        ann.connect()
        notes(ann)["user:ann/2"] = "before the answer"
        await turns()
        ann.resume()
        await turns()
        w.client_ids.release()
        await turns()
        assert ann.closed is None
        assert "denied" not in ann.names
        bob = await w.joined(YWS, "bob")
        assert sorted(notes(bob).keys()) == ["user:ann/1", "user:ann/2"]


@both_wires
async def test_A6_what_waits_smuggles_nothing_in(wire: Wire) -> None:
    async with world(guard=OwnNotes()) as w:
        eve = Client(w.hub, wire, PAGE, "eve")
        eve.is_paused = True
        eve.connect()
        await eve.synced()
        trap, trigger = two_edits("user:ann/1", "user:eve/1")
        eve.say(encode_update(trap))
        await turns()
        assert eve.closed is None
        eve.say(encode_step2(trigger))
        await out(eve)
        ann = await w.joined()
        assert notes(ann).to_py() == {"user:eve/1": 1}


@pytest.mark.parametrize("encode", [encode_update, encode_step2])
async def test_A6_what_still_waits_behind_the_answer_is_refused(encode: Any) -> None:
    async with world(guard=OwnNotes()) as w:
        eve = await w.joined(YWS, "eve")
        eve.say(encode(two_edits("user:eve/2", "user:eve/1")[0]))
        await eve.heard(lambda eve: eve.closed)
        assert eve.closed == (4400, "The edit builds on what nobody has sent.")
        assert w.stored() == []


async def test_A6_what_waits_is_bounded_and_ends_with_its_sender() -> None:
    async with world(guard=OwnNotes()) as w:
        eve, bob = w.client(YWS, "eve"), Client(w.hub, YWS, PAGE, "bob")
        for client in (eve, bob):
            client.is_paused = True
        bob.connect()
        await eve.synced()
        await bob.synced()
        late, early = two_edits("user:bob/2", "user:bob/1")
        bob.say(encode_update(late))
        trap, _ = two_edits("user:eve/2", "user:eve/1", client_id=10)
        eve.say(encode_update(trap))
        await turns()
        bob.disconnect()
        for _ in range(4):
            eve.say(encode_update(bytes(MAX_PARKED_BYTES // 3)))
        await eve.heard(lambda eve: eve.closed)
        assert eve.closed == (4400, "Too much waits for what you have not sent.")
        again = await w.joined(YWS, "bob")
        again.say(encode_update(early))
        await again.heard(lambda again: "user:bob/1" in notes(again))
        assert w.stored() == [early]


async def test_A6_a_twin_follows_a_room_that_reads_what_another_process_wrote() -> None:
    guard = OwnNotes()
    async with world(guard=guard) as w, world(guard=guard, log=w.log, client_ids=w.client_ids) as far:
        ann, bob = await w.joined(), await far.joined(token="bob")
        await wrote(far, bob, "user:bob/1", pycrdt.Map({"text": "b"}))
        await wrote(w, ann, "user:ann/1")
        await ann.heard(lambda ann: "user:bob/1" in notes(ann))
        notes(ann)["user:bob/1"]["text"] = "forged"
        await out(ann)
        assert guard.asked[-1][1] == {"user:bob/1": {"map": {"text": "b"}}}


async def test_A6_a_reader_who_asks_again_is_answered() -> None:
    async with world(guard=OwnNotes()) as w:
        ann = await w.joined()
        ann.say(encode_step1(b"\x00"))
        await ann.heard(lambda ann: ann.names.count("step2") == 2)
        with pytest.raises(EditWaits):
            StagingTwin(OwnNotes()).judge(two_edits("a", "b")[0], user("eve"), LiveDocument(None, []))


@pytest.mark.parametrize("way", ["leaves", "is cut off"])
async def test_A6_D2_a_refused_edit_of_somebody_who_has_left_takes_no_others_along(way: str) -> None:
    async with world(guard=OwnNotes()) as w:
        ann, eve = await w.joined(), await w.joined(HOCUSPOCUS, "eve")
        await wrote(w, ann, "user:ann/1")
        await wrote(w, eve, "user:eve/1")
        await turns()
        notes(ann)["user:ann/2"] = 1
        notes(eve)["user:ann/1"] = "forged"
        if way == "leaves":
            eve.say(b"\x07")
        else:
            eve.disconnect()
        notes(ann)["user:ann/3"] = 1
        await ann.heard(lambda ann: ann.unsaved == 0)
        assert len(w.stored()) == 4
        assert notes(ann)["user:ann/1"] == "x"


async def test_D2_who_comes_back_on_the_same_socket_hears_no_receipts_of_their_last_stay() -> None:
    async with world() as w:
        ann = await w.joined()
        w.log.hold()
        ann.text.insert(0, "once")
        await turns()
        ann.say(b"\x07")
        ann.say(b"\x02\x00" + encode_string("ann"))
        ann.say(encode_step1(ann.doc.get_state()))
        await turns()
        saved = ann.names.count("saved")
        w.log.release()
        await turns()
        assert ann.names.count("saved") == saved + 1, "of the answer to the second step 1"
