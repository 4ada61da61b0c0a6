"""A channel's document, as its schema says."""

from typing import Any

import pycrdt

from blocks.channel import MESSAGES, post_text


def test_a_message_has_every_field_of_the_schema() -> None:
    doc = pycrdt.Doc[Any]()
    post_text(doc, "m1", "Olá", sender_id="user:1", sender_type="user", created_at="2026-01-01T00:00:00Z")
    assert doc.get(MESSAGES, type=pycrdt.Map[Any]).to_py() == {
        "m1": {
            "id": "m1",
            "sender_id": "user:1",
            "sender_type": "user",
            "content_type": "text",
            "content": {"text": "Olá"},
            "created_at": "2026-01-01T00:00:00Z",
            "edited_at": None,
            "thread_id": None,
            "deleted": False,
        }
    }
