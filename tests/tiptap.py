"""Documents in Tiptap's data model, as a Tiptap editor reads them back: every attribute is written out."""

from typing import Any

Node = dict[str, Any]


def text(content: str, *marks: str) -> Node:
    node: Node = {"type": "text", "text": content}
    return {**node, "marks": [{"type": mark} for mark in marks]} if marks else node


def paragraph(*content: Node) -> Node:
    return {"type": "paragraph", "content": list(content)}


def document(*blocks: Node) -> Node:
    return {"type": "doc", "content": list(blocks)}


EVERY_NODE: Node = document(
    {"type": "heading", "attrs": {"level": 2}, "content": [text("Zürich — 東京 🗼")]},
    paragraph(
        text("plain "),
        text("bold", "bold"),
        text(" and ", "italic"),
        text("code", "code"),
        {"type": "mention", "attrs": {"id": "u1", "label": "Zoë", "mentionSuggestionChar": "@"}},
        text(" 👩‍👩‍👧‍👦 مرحبا"),
    ),
    {"type": "bulletList", "content": [{"type": "listItem", "content": [paragraph(text("one"))]}]},
    {
        "type": "taskList",
        "content": [
            {"type": "taskItem", "attrs": {"checked": True}, "content": [paragraph(text("done"))]},
            {"type": "taskItem", "attrs": {"checked": False}, "content": [paragraph(text("to do"))]},
        ],
    },
    {"type": "codeBlock", "attrs": {"language": "python"}, "content": [text("print('π')\n")]},
)
"""One of each node that the project's documents name."""
