"""A channel's document, as its schema says, and its readers over whatever a document holds."""

import json
from typing import Any

import pycrdt
import pytest
from hypothesis import given

from blocks import channel
from blocks.channel import MESSAGES, PINS, REACTIONS, READS, UNREADABLE
from blocks.channel_content import (
    MAX_JSON_BYTES,
    AgentCommandResponse,
    Content,
    FileAttachment,
    JsonProposal,
    Markdown,
    Text,
    UnreadableContentError,
    parse_content,
    write_content,
)
from blocks.errors import UnknownMessageError
from tests.blocks.documents import documents

M1, M2, M3 = (f"0198c5b7-5c2f-7000-8000-00000000000{n}" for n in (1, 2, 3))
ANN, EVE = "user:ann", "user:eve"
NOON = "2026-01-01T12:00:00Z"


def post(doc: pycrdt.Doc[Any], message_id: str, content: Content | None = None, **more: Any) -> None:
    channel.post(
        doc, message_id, content or Text("Olá"), sender_id=ANN, sender_type="user", created_at=NOON, **more
    )


def test_a_message_has_every_field_of_the_schema() -> None:
    doc = pycrdt.Doc[Any]()
    post(doc, M1, thread_id=M2)
    assert doc.get(MESSAGES, type=pycrdt.Map[Any]).to_py() == {
        M1: {
            "id": M1,
            "sender_id": ANN,
            "sender_type": "user",
            "content_type": "text",
            "content": {"text": "Olá"},
            "created_at": NOON,
            "edited_at": None,
            "thread_id": M2,
            "deleted": False,
        }
    }


@pytest.mark.parametrize(
    "content",
    [
        Text("Hi"),
        Markdown("**Hi**"),
        FileAttachment("0198c5b7-5c2f-7000-8000-0000000000f1", "plan.pdf", "See page 2"),
        JsonProposal({"budget": {"ads": 100, "shares": [0.5, None]}}, "Budget"),
        AgentCommandResponse("Understood.", "run", status="accepted", data={"queued": True}),
    ],
    ids=lambda content: content.content_type,
)
def test_what_is_posted_is_read_back(content: Content) -> None:
    doc = pycrdt.Doc[Any]()
    post(doc, M1, content)
    message = channel.read_message(doc, M1)
    assert message is not None
    assert parse_content(message.content_type, message.content) == content
    assert message.text == (getattr(content, "text", None) or "")


def test_the_life_of_messages() -> None:
    doc = pycrdt.Doc[Any]()
    post(doc, M2)
    post(doc, M1)
    post(doc, M1, Text("once more, after a failure"))
    channel.edit(doc, M1, Markdown("**Oi**"), edited_at=NOON)
    channel.delete(doc, M2)
    one, two = channel.read_messages(doc)
    assert (one.id, one.text, one.edited_at, one.content_type) == (M1, "**Oi**", NOON, "markdown")
    assert (two.id, two.deleted, two.text) == (M2, True, "")
    for fails in (
        lambda: channel.delete(doc, M3),
        lambda: channel.edit(doc, M3, Text(""), edited_at=NOON),
        lambda: channel.react(doc, M3, "👍", ANN),
    ):
        with pytest.raises(UnknownMessageError):
            fails()


def test_reactions_marks_and_pins() -> None:
    doc = pycrdt.Doc[Any]()
    post(doc, M1)
    post(doc, M2)
    for _ in range(2):
        channel.react(doc, M1, "👍", ANN)
        channel.react(doc, M1, "🎉", EVE)
        channel.pin(doc, M1, ANN)
        channel.pin(doc, M1, EVE)
        channel.mark_read(doc, EVE, M2)
        channel.unreact(doc, M1, "🎉", ANN)
        channel.unpin(doc, M2)
    assert [reaction.key for reaction in channel.read_reactions(doc)] == [
        f"{M1}|🎉|{EVE}",
        f"{M1}|👍|{ANN}",
    ]
    assert channel.read_pins(doc) == {M1: ANN}
    assert channel.read_marks(doc) == {EVE: M2}
    channel.unreact(doc, M1, "👍", ANN)
    channel.unpin(doc, M1)
    assert [reaction.emoji for reaction in channel.read_reactions(doc)] == ["🎉"]
    assert channel.read_pins(doc) == {}


def test_messages_are_removed_with_their_reactions_and_nothing_else() -> None:
    doc = pycrdt.Doc[Any]()
    for message_id in (M1, M2):
        post(doc, message_id)
        channel.react(doc, message_id, "👍", ANN)
        channel.pin(doc, message_id, ANN)
    channel.remove(doc, [M1])
    assert channel.message_ids(doc) == [M2]
    assert [reaction.message_id for reaction in channel.read_reactions(doc)] == [M2]
    assert channel.read_pins(doc) == {M1: ANN, M2: ANN}


def test_a_message_without_a_time_has_that_of_its_id() -> None:
    for created_at in (None, "yesterday", "2026-01-01T12:00:00", "0001-01-01T00:00:00+10:00", 5):
        message = channel.as_message(M1, {"created_at": created_at})
        assert message.created_at == "2025-08-20T04:23:05.007000Z"
    assert channel.as_message("ffffffff-ffff-7fff-bfff-ffffffffffff", {}).created_at.startswith("9999")


def test_json_in_a_message_is_bounded() -> None:
    parse_content("json_proposal", {"proposal": {"x": "y" * (MAX_JSON_BYTES - 8)}})
    with pytest.raises(UnreadableContentError):
        parse_content("json_proposal", {"proposal": {"x": "y" * (MAX_JSON_BYTES - 7)}})


@given(documents(roots=(MESSAGES, REACTIONS, READS, PINS), keys=(M1, M2, f"{M1}|👍|{ANN}", ANN, "x", "")))
def test_readers_cope_with_anything(doc: pycrdt.Doc[Any]) -> None:
    messages = channel.read_messages(doc)
    assert [message.id for message in messages] == sorted(message.id for message in messages)
    for message in messages:
        assert (
            message.content_type == UNREADABLE
            or write_content(parse_content(message.content_type, message.content)) == message.content
            or message.deleted
        )
        json.dumps(message.content, allow_nan=False)
    for reaction in channel.read_reactions(doc):
        assert channel.parse_reaction(reaction.key) == reaction
    channel.read_marks(doc)
    channel.read_pins(doc)
