"""What people may do to a channel by writing its document."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.channel_content import MAX_JSON_BYTES, MAX_TEXT_CHARACTERS
from blocks.channel_guard import (
    MAX_PINS,
    MAX_REACTIONS_AT_MESSAGE,
    MAX_REACTIONS_OF_ONE,
    ChannelGuard,
)
from blocks.guarded import MAX_AHEAD

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
ANN, EVE = "user:ann", "user:eve"
M0, M1, M2, M3 = (f"0198c5b7-5c2f-7000-8000-00000000000{n}" for n in range(4))

FUTURE = str(UUID(int=int((NOW + MAX_AHEAD).timestamp() * 1000 + 1) << 80 | 7 << 76 | 2 << 62))

TOO_LATE = str(NOW + MAX_AHEAD + timedelta(seconds=1))

guard = ChannelGuard(lambda: NOW)


def message(**fields: object) -> dict[str, object]:
    """Return a message by Ann as a guard is told of it."""
    content = fields.pop("content", {"map": {"text": "Hi"}})
    return {
        "map": {
            "id": M1,
            "sender_id": ANN,
            "sender_type": "user",
            "content_type": "text",
            "content": content,
            "created_at": NOW.isoformat(),
            "edited_at": None,
            "thread_id": None,
            "deleted": False,
        }
        | fields
    }


def judge(
    author: str,
    before: dict[str, Any],
    after: dict[str, Any],
    root: str = "messages",
    *,
    there: dict[str, dict[str, Any]] | None = None,
    can_manage: bool = False,
) -> str | None:
    """Return the rule that an edit breaks in a document that has M1 in it, and what else is there."""
    document: dict[str, dict[str, Any]] = {name: {} for name in guard.roots}
    document["messages"][M1] = message()
    for name, entries in (there or {}).items():
        document[name] |= entries
    document[root] = {
        key: value for key, value in document[root].items() if key not in before or key in after
    } | after
    violation = guard.judge(author, {root: before}, {root: after}, document=document, can_manage=can_manage)
    return violation[0] if violation else None


def test_A6_people_post_edit_and_delete_as_themselves() -> None:
    assert judge(ANN, {}, {M1: message()}) is None
    edited = message(content={"map": {"text": "Hello"}}, edited_at="2026-05-01T12:00:00Z")
    assert judge(ANN, {M1: message()}, {M1: edited}) is None
    assert judge(ANN, {M1: message()}, {M1: message(deleted=True)}) is None
    assert judge(ANN, {}, {M1: message(thread_id=M0, content_type="markdown")}) is None
    agent = {"sender_id": "agent:1", "sender_type": "agent"}
    assert judge("agent:1", {}, {M1: message(**agent)}) is None
    proposal = {"content_type": "json_proposal", "content": {"map": {"proposal": {"object": {"a": 1}}}}}
    assert judge("agent:1", {}, {M1: message(**agent, **proposal)}) is None
    answer = {"content_type": "agent_command_response", "content": {"map": {"text": "Done", "data": None}}}
    assert judge("agent:1", {}, {M1: message(**agent, **answer)}) is None
    assert judge("key:1", {}, {M1: message(sender_id="key:1")}) is None
    file = message(content_type="file_attachment", content={"map": {"file_id": "f"}})
    assert judge(ANN, {}, {M1: file}) is None


@pytest.mark.parametrize(
    ("rule", "author", "before", "after"),
    [
        ("message.sender", EVE, {}, {M1: message()}),
        ("message.sender", ANN, {}, {M1: message(sender_type="agent")}),
        ("message.sender", EVE, {M1: message()}, {M1: message(content={"map": {"text": "I am Ann"}})}),
        ("message.sender", EVE, {M1: message()}, {M1: message()}),
        ("message.sender", EVE, {M1: message()}, {M1: message(sender_id=EVE)}),
        ("message.sender", EVE, {M1: message()}, {M1: message(deleted=True)}),
        ("message.sender", EVE, {M1: message()}, {}),
        ("message.removal", ANN, {M1: message()}, {}),
        ("message.lasting", ANN, {M1: message()}, {M1: message(created_at="2026-01-01T00:00:00Z")}),
        ("message.lasting", ANN, {M1: message()}, {M1: message(thread_id=M2)}),
        ("message.lasting", ANN, {M1: message()}, {M1: "taken away"}),
        ("message.id", ANN, {}, {M2: message()}),
        ("message.id", ANN, {}, {"m1": message(id="m1")}),
        ("message.id", ANN, {}, {M1.upper().replace("7-", "7A", 1): message()}),
        ("message.id", ANN, {}, {M1.replace("-7", "-4"): message(id=M1.replace("-7", "-4"))}),
        ("message.schema", ANN, {}, {M1: message(extra=1)}),
        ("message.schema", ANN, {}, {M1: message(deleted="yes")}),
        ("message.schema", ANN, {}, {M1: message(thread_id="x")}),
        ("message.schema", ANN, {}, {M1: {"map": {"id": M1}}}),
        ("message.schema", ANN, {}, {M1: {"object": message()["map"]}}),
        ("message.schema", ANN, {}, {M1: {"map": 1}}),
        ("message.schema", ANN, {}, {M1: None}),
        ("message.content", ANN, {}, {M1: message(content_type="html")}),
        ("message.content", ANN, {}, {M1: message(content_type=None)}),
        ("message.content", ANN, {}, {M1: message(content="Hi")}),
        ("message.content", ANN, {}, {M1: message(content={"object": {"text": "Hi"}})}),
        ("message.content", ANN, {}, {M1: message(content={"map": {"text": {"text": []}}})}),
        (
            "message.content",
            ANN,
            {},
            {M1: message(content={"map": {"text": "x" * (MAX_TEXT_CHARACTERS + 1)}})},
        ),
        ("message.content", ANN, {}, {M1: message(content_type="file_attachment")}),
        ("message.content", ANN, {}, {M1: message(content={"map": {"text": "Hi", "more": 1}})}),
        ("message.content", ANN, {}, {M1: message(content={"map": {"text": {"object": {}}}})}),
        (
            "message.content",
            ANN,
            {},
            {M1: message(content_type="json_proposal", content={"map": {"proposal": {"map": {}}}})},
        ),
        (
            "message.content",
            ANN,
            {},
            {
                M1: message(
                    content_type="json_proposal",
                    content={"map": {"proposal": {"object": {"x": "y" * MAX_JSON_BYTES}}}},
                )
            },
        ),
        (
            "message.response",
            ANN,
            {},
            {M1: message(content_type="agent_command_response", content={"map": {"text": "Done"}})},
        ),
        ("message.deleted", ANN, {M1: message(deleted=True)}, {M1: message()}),
        ("message.thread", ANN, {}, {M1: message(thread_id=M1)}),
        ("message.thread", ANN, {}, {M1: message(thread_id=M2)}),
        ("message.id", ANN, {}, {FUTURE: message(id=FUTURE)}),
        ("message.time", ANN, {}, {M1: message(created_at=None)}),
        ("message.time", ANN, {}, {M1: message(created_at="yesterday")}),
        ("message.time", ANN, {}, {M1: message(created_at="2026-05-01T12:00:00")}),
        ("message.time", ANN, {}, {M1: message(edited_at=5.0)}),
        ("message.time", ANN, {M1: message()}, {M1: message(edited_at=TOO_LATE)}),
        ("message.time", ANN, {}, {M1: message(edited_at=TOO_LATE)}),
        ("message.time", ANN, {}, {M1: message(created_at=TOO_LATE)}),
    ],
)
def test_A6_what_a_message_may_not_be(
    rule: str, author: str, before: dict[str, Any], after: dict[str, Any]
) -> None:
    assert judge(author, before, after) == rule


def test_A6_a_clock_may_be_five_minutes_ahead() -> None:
    ahead = str(NOW + timedelta(minutes=5))
    assert judge(ANN, {}, {M1: message(created_at=ahead)}) is None
    assert judge(ANN, {M1: message()}, {M1: message(edited_at=ahead)}) is None


@pytest.mark.parametrize(
    ("root", "key", "value", "rule"),
    [
        ("reactions", f"{M1}|👍|{ANN}", True, None),
        ("reactions", f"{M1}|👍|{EVE}", True, "reaction.owner"),
        ("reactions", f"{M1}|👍", True, "reaction.owner"),
        ("reactions", f"{M1}|👍|{ANN}", 1.0, "reaction.schema"),
        ("reactions", f"m1|👍|{ANN}", True, "reaction.schema"),
        ("reactions", f"{M1}||{ANN}", True, "reaction.schema"),
        ("reactions", f"{M1}|{'x' * 33}|{ANN}", True, "reaction.schema"),
        ("reads", ANN, M1, None),
        ("reads", EVE, M1, "read.owner"),
        ("reads", ANN, "m1", "read.schema"),
        ("pins", M1, ANN, None),
        ("pins", M1, EVE, "pin.owner"),
        ("pins", "m1", ANN, "pin.owner"),
    ],
)
def test_A6_reactions_read_marks_and_pins(root: str, key: str, value: object, rule: str | None) -> None:
    assert judge(ANN, {}, {key: value}, root) == rule


def test_A6_those_who_manage_a_channel_delete_messages_and_edit_none() -> None:
    was = {M1: message()}
    assert judge(EVE, was, {M1: message(deleted=True)}, can_manage=True) is None
    assert judge(EVE, {M1: message(deleted=True)}, {M1: message(deleted=True)}, can_manage=True) is None
    for forged in (
        message(content={"map": {"text": "I am Ann"}}),
        message(deleted=True, content={"map": {"text": "I am Ann"}}),
        message(deleted=True, edited_at=NOW.isoformat()),
        message(sender_id=EVE),
        message(),
    ):
        assert judge(EVE, was, {M1: forged}, can_manage=True) == "message.sender"
    assert judge(EVE, was, {}, can_manage=True) == "message.sender"
    assert judge(EVE, {M1: message(deleted=True)}, was, can_manage=True) == "message.sender"
    assert judge(EVE, {}, {M2: message(id=M2)}, can_manage=True) == "message.sender"
    assert judge(EVE, {f"{M1}|👍|{ANN}": True}, {}, "reactions", can_manage=True) == "reaction.owner"
    assert judge(EVE, {M1: ANN}, {}, "pins", can_manage=True) is None
    assert judge(EVE, {}, {M1: ANN}, "pins", can_manage=True) == "pin.owner"


def test_A6_threads_begin_with_messages_in_no_thread() -> None:
    reply = message(id=M2, thread_id=M1)
    assert judge(EVE, {}, {M2: message(id=M2, thread_id=M1, sender_id=EVE)}) is None
    assert judge(ANN, {}, {M2: reply}) is None
    there = {"messages": {M2: reply}}
    assert judge(ANN, {}, {M3: message(id=M3, thread_id=M2)}, there=there) == "message.thread"
    # What is older than all that is there may be in the archive; a message that is pinned stays behind.
    assert judge(ANN, {}, {M2: message(id=M2, thread_id=M0)}) is None
    assert judge(ANN, {}, {M3: message(id=M3, thread_id=M2)}) == "message.thread"
    assert judge(ANN, {}, {M3: message(id=M3, thread_id=M2)}, there={"pins": {M1: ANN}}) is None
    # And so it may come late: but not into a thread, once it has replies.
    late = {"messages": {M1: message(thread_id=M0)}}
    assert judge(ANN, {}, {M0: message(id=M0)}, there=late) is None
    older = "0198c5b7-5c2e-7000-8000-000000000000"
    assert judge(ANN, {}, {M0: message(id=M0, thread_id=older)}, there=late) == "message.thread"


def test_A6_reactions_and_pins_are_at_messages_and_not_too_many() -> None:
    def react(message_id: str, emoji: str = "👍", **there: dict[str, Any]) -> str | None:
        return judge(ANN, {}, {f"{message_id}|{emoji}|{ANN}": True}, "reactions", there=there)

    own = {f"{M1}|{n}|{ANN}": True for n in range(MAX_REACTIONS_OF_ONE - 1)}
    assert react(M1, reactions=own) is None
    assert react(M1, reactions=own | {f"{M1}|x|{ANN}": True}) == "reaction.limit"
    others = {f"{M1}|👍|user:{n}": True for n in range(MAX_REACTIONS_AT_MESSAGE)}
    assert react(M1, reactions=others) == "reaction.limit"
    assert react(M2) == "reaction.message"
    assert react(M0) is None
    assert react(M2, messages={M2: message(id=M2)}, reactions=others) is None
    assert react(M1, "👍 👍") == react(M1, "\x1b") == "reaction.schema"
    full = f"{M1}|x|{ANN}"
    assert judge(ANN, {full: True}, {full: True}, "reactions", there={"reactions": others}) is None

    assert judge(ANN, {}, {M2: ANN}, "pins") == "pin.message"
    assert judge(ANN, {}, {M0: ANN}, "pins") is None
    many = {str(n): ANN for n in range(MAX_PINS)}
    assert judge(ANN, {}, {M1: ANN}, "pins", there={"pins": many}) == "pin.limit"
    assert judge(ANN, {M1: EVE}, {M1: ANN}, "pins", there={"pins": many}) is None


def test_A6_what_one_may_take_back() -> None:
    assert judge(ANN, {f"{M1}|👍|{ANN}": True}, {}, "reactions") is None
    assert judge(EVE, {f"{M1}|👍|{ANN}": True}, {}, "reactions") == "reaction.owner"
    assert judge(EVE, {ANN: M1}, {}, "reads") == "read.owner"
    assert judge(ANN, {ANN: M1}, {}, "reads") is None
    assert judge(ANN, {M1: ANN}, {}, "pins") is None
    assert judge(EVE, {M1: ANN}, {}, "pins") == "pin.owner"


values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.binary(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["map", "object", "text", "id", "content"]), inner, max_size=3)
    ),
    max_leaves=8,
)
fields = st.sampled_from(
    ["id", "sender_id", "sender_type", "content_type", "content", "created_at", "thread_id"]
)


@given(st.dictionaries(fields, values), st.sampled_from(["messages", "reactions", "reads", "pins"]), values)
def test_A6_any_values_get_an_answer(changed: dict[str, object], root: str, other: object) -> None:
    for value in (other, message(**changed)):
        for key in (M1, ANN, ""):
            judge(ANN, {}, {key: value}, root)
            judge(ANN, {key: value}, {key: other}, root)
            judge(ANN, {key: message()}, {key: value}, root)
