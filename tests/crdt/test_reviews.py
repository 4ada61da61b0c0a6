"""Decisions on access that take their time: what changes meanwhile, and answers that come late."""

import asyncio

import msgspec
import pytest

from crdt.errors import DocumentRefused, DocumentUnavailable, UpdateRefused
from crdt.ports import Principal, Right
from crdt.protocol import encode_string
from crdt.session import HOCUSPOCUS, YWS, Wire
from tests.crdt.test_rights import expiring, scopes
from tests.crdt.world import PAGE, Rights, World, turns, typed, user, world

both_wires = pytest.mark.parametrize("wire", [YWS, HOCUSPOCUS], ids=lambda wire: wire.name)


@both_wires
async def test_A3_whoever_loses_the_right_while_the_document_is_loaded_gets_nothing_of_it(wire: Wire) -> None:
    async with world() as w:
        w.log.rows[PAGE].append((typed("secret"), "user:ann"))
        w.log.loading = asyncio.Event()
        eve = w.client(wire, "eve")
        await turns()
        assert w.log.loads == 1
        w.rights.rights["Eve", PAGE] = "none"
        w.hub.review({"user:eve"})
        await turns()
        w.log.loading.set()
        await eve.heard(lambda eve: eve.closed or "denied" in eve.names)
        assert str(eve.text) == ""
        assert "step2" not in eve.names


async def test_A3_whoever_is_demoted_while_the_document_is_loaded_reads() -> None:
    async with world() as w:
        w.log.loading = asyncio.Event()
        eve = w.client(HOCUSPOCUS, "eve")
        await turns()
        w.rights.rights["Eve", PAGE] = "read"
        w.hub.review({"user:eve"})
        w.log.loading.set()
        await eve.heard(lambda eve: scopes(eve) == [b"readonly"])


async def test_A3_a_replica_whose_principal_loses_the_right_while_the_document_is_loaded_is_not_let_in() -> (
    None
):
    async with world() as w:
        w.log.loading = asyncio.Event()

        async def join() -> None:
            async with w.hub.join(PAGE, user("eve")):
                pytest.fail("it was let in")

        joining = asyncio.create_task(join())
        await turns()
        w.rights.rights["Eve", PAGE] = "none"
        w.hub.review({PAGE})
        w.log.loading.set()
        with pytest.raises(DocumentRefused):
            await joining


class LateRights(Rights):
    """Answers that come late, each when the test lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.late: list[asyncio.Event] = []
        self.is_late = False
        self.late_error: Exception | None = None
        self.late_refusal = False

    async def admit(self, credential: str, document: str) -> tuple[Principal, Right] | None:
        admitted = await super().admit(credential, document)
        return None if self.late_refusal else admitted

    async def decide(self, principal: Principal, document: str) -> Right:
        """Return what holds when it is asked."""
        right = await super().decide(principal, document)
        if self.is_late:
            self.late.append(asyncio.Event())
            await self.late[-1].wait()
            if self.late_error is not None:
                raise self.late_error
        return right


async def demote_before_an_answer(w: World, rights: LateRights) -> None:
    """Have it decided twice on Eve, who may write at first and then only read; no answer has come yet."""
    rights.is_late = True
    w.hub.review({"user:eve"})
    await turns()
    rights.rights["Eve", PAGE] = "read"
    w.hub.review({"user:eve"})
    await turns()


@both_wires
async def test_A3_an_answer_that_comes_late_does_not_undo_a_newer_one(wire: Wire) -> None:
    rights = LateRights()
    async with world(rights=rights) as w:
        eve = await w.joined(wire, "eve")
        await demote_before_an_answer(w, rights)
        for _ in range(2):
            rights.late.pop().set()
            await turns()
        eve.text.insert(0, "no")
        await turns()
        assert w.stored() == []


async def test_A3_an_answer_about_a_replica_that_comes_late_does_not_undo_a_newer_one() -> None:
    rights = LateRights()
    async with world(rights=rights) as w, w.hub.join(PAGE, user("eve")) as replica:
        await demote_before_an_answer(w, rights)
        rights.late.pop().set()
        await turns()
        assert replica.right == "read"
        rights.late.pop().set()
        await turns()
        assert replica.right == "read"


async def test_A3_a_replica_that_cannot_be_decided_on_ends(caplog: pytest.LogCaptureFixture) -> None:
    async with world() as w, w.hub.join(PAGE, user("eve")) as replica:
        w.rights.error = OSError("database is down")
        w.hub.review({"user:eve"})
        await turns()
        replica.doc.apply_update(typed("no"))
        with pytest.raises((DocumentUnavailable, UpdateRefused)):
            await replica.saved()
        assert w.stored() == []
        assert "database is down" in caplog.text


async def test_A3_a_late_answer_about_one_document_holds_up_no_other_on_the_socket() -> None:
    rights = LateRights()
    async with world(PAGE, "page:2", rights=rights) as w:
        eve = await w.joined(HOCUSPOCUS, "eve")
        eve.receive_raw(encode_string("page:2") + b"\x02\x00" + encode_string("eve"))
        await turns()
        rights.is_late = True
        w.hub.review({PAGE})
        await turns()
        rights.is_late = False
        rights.rights["Eve", "page:2"] = "none"
        w.hub.review({"page:2"})
        await turns()
        assert [said.key for said in eve.said if said.name == "denied"] == ["page:2"]
        rights.late.pop().set()


@pytest.mark.parametrize("answer", ["none", "an error"])
async def test_A3_an_answer_about_somebody_who_has_left_ends_nothing(
    answer: str, caplog: pytest.LogCaptureFixture
) -> None:
    rights = LateRights()
    async with world(PAGE, "page:2", rights=rights) as w:
        eve = await w.joined(HOCUSPOCUS, "eve")
        eve.receive_raw(encode_string("page:2") + b"\x02\x00" + encode_string("eve"))
        await turns()
        rights.is_late = True
        if answer == "none":
            rights.rights["Eve", PAGE] = "none"
        else:
            rights.late_error = OSError("database is down")
        w.hub.review({PAGE})
        await turns()
        eve.say(b"\x07")
        rights.late.pop().set()
        await turns()
        assert eve.closed is None
        assert "denied" not in eve.names
        assert w.hub.statistics().rooms["page:2"].peers == 1


async def test_A4_of_many_tokens_at_once_the_newest_is_decided_on() -> None:
    rights = LateRights()
    async with world(rights=rights) as w:
        expiring(w, "ann", 120)
        ann = await w.joined(HOCUSPOCUS)
        rights.is_late = True
        for number in range(1000):
            rights.principals[f"token {number}"] = user("ann")
            ann.say(b"\x02\x00" + encode_string(f"token {number}"))
            if number == 0:
                await turns()
        await turns()
        assert len(rights.late) == 1
        rights.late[0].set()
        await turns()
        assert len(rights.late) == 2
        rights.late[1].set()
        await turns()
        assert len(rights.late) == 2
        w.clock.now += 130
        await w.hub.sweep()
        assert ann.closed is None


async def test_A4_a_token_that_is_refused_does_not_end_whom_another_one_stands_for() -> None:
    rights = LateRights()
    async with world(rights=rights) as w:
        ann = await w.joined(HOCUSPOCUS)
        rights.is_late = True
        w.hub.review({"user:ann"})
        await turns()
        rights.principals["later"] = user("ann")
        ann.say(b"\x02\x00" + encode_string("later"))
        rights.late_refusal = True
        rights.late.pop().set()
        await turns()
        rights.late_refusal = False
        rights.late.pop().set()
        await turns()
        assert ann.closed is None
        assert "denied" not in ann.names


@both_wires
async def test_A4_a_review_just_after_the_tokens_end_says_that_it_has_ended(wire: Wire) -> None:
    async with world() as w:
        expiring(w, "ann", 10)
        ann = await w.joined(wire)
        w.clock.now += 11
        del w.rights.principals["ann"]
        w.hub.review({"user:ann"})
        await ann.heard(lambda ann: ann.closed)
        assert ann.closed == (4501, "The token has expired.")


async def test_A4_a_review_does_not_bring_a_token_back_that_was_renewed_meanwhile() -> None:
    rights = LateRights()
    async with world(rights=rights) as w:
        expiring(w, "ann", 120)
        ann = await w.joined(HOCUSPOCUS)
        rights.is_late = True
        w.hub.review({"user:ann"})
        await turns()
        w.rights.principals["later"] = msgspec.structs.replace(user("ann"), expires_at=w.clock.now + 900)
        ann.say(b"\x02\x00" + encode_string("later"))
        await turns()
        for _ in range(2):
            rights.late.pop().set()
            await turns()
        w.clock.now += 130
        await w.hub.sweep()
        assert ann.closed is None
