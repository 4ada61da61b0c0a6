"""Rows of what documents contain: total, and in one form that both databases take."""

from typing import Any
from uuid import UUID

import msgspec
import pycrdt
from hypothesis import given

from blocks import channel, comments
from blocks.channel_content import Text
from blocks.comment_rows import CommentRow, comment_changes
from blocks.page import BLOCKS, Place
from blocks.page_edits import Stamp, add_text_block
from blocks.rows import Known, channel_changes, page_changes
from tests.blocks.documents import documents

BLOCK, PAGE = "0198c5b7-5c2f-7000-8000-000000000001", "0198c5b7-5c2f-7000-8000-000000000002"
MESSAGE = "0198c5b7-5c2f-7000-8000-000000000003"
NOW = "2026-05-04T12:00:00Z"
NOTHING = Known({})

_ids = (BLOCK, MESSAGE, "", "\0", "x" * 300, MESSAGE.upper(), f"{MESSAGE}|👍|user:a", f"{MESSAGE}|\0|user:a")


@given(documents(roots=(BLOCKS,), keys=_ids))
def test_any_page_gives_rows_or_counts_what_is_none(doc: pycrdt.Doc[Any]):
    changes = page_changes(doc, NOTHING)
    assert len(changes.rows) + changes.unreadable == len(doc.get(BLOCKS, type=pycrdt.Map[Any]))
    _check(changes.rows)
    again = page_changes(doc, Known({row.id: digest for row, digest in changes.rows}))
    assert (again.rows, again.gone) == ([], [])


@given(documents(roots=(channel.MESSAGES, channel.REACTIONS, channel.READS, channel.PINS), keys=_ids))
def test_any_channel_gives_rows_or_counts_what_is_none(doc: pycrdt.Doc[Any]):
    changes = channel_changes(doc, NOTHING)
    _check(changes.rows)
    known = Known({str(row.id): digest for row, digest in changes.rows}, changes.marks)
    again = channel_changes(doc, known)
    assert (again.rows, again.gone, again.marks) == ([], [], {})


@given(documents(roots=(comments.THREADS, comments.COMMENTS), keys=_ids))
def test_any_comments_give_rows_or_count_what_is_none(doc: pycrdt.Doc[Any]):
    changes = comment_changes(doc, NOTHING)
    entries = sum(len(doc.get(root, type=pycrdt.Map[Any])) for root in (comments.THREADS, comments.COMMENTS))
    assert len(changes.rows) + changes.unreadable == entries
    _check([(row, row.words, row.mentions) for row, _ in changes.rows if isinstance(row, CommentRow)])
    _check(changes.rows)


def _check(rows: Any) -> None:
    # JSON, and without what Postgres does not take.
    assert b"\\u0000" not in msgspec.json.encode(rows)


def _block(fields: dict[str, Any]) -> pycrdt.Doc[Any]:
    doc = pycrdt.Doc[Any]()
    doc.get(BLOCKS, type=pycrdt.Map[Any])[BLOCK] = pycrdt.Map(fields)
    return doc


def test_fields_that_do_not_fit_get_what_does():
    doc = _block(
        {
            "type": "t" * 1000,
            "position_x": 1e30,
            "width": "wide",
            "z_index": 2.6,
            "created_by": "\0" * 1000,
            "created_at": "yesterday",
            "deleted_at": "some time",
            "content": pycrdt.Map({"beams": pycrdt.Array([1.0, {"b": 2, "a": None}])}),
        }
    )
    ((row, _),) = page_changes(doc, NOTHING).rows
    assert (row.condition, row.content) == ("unreadable", {"beams": [1, {"a": None, "b": 2}]})
    assert (row.position_x, row.width, row.z_index) == (Place().x, Place().width, 3)
    assert (row.type, row.order_key, row.created_by) == ("t" * 250, "~", "\ufffd" * 250)
    assert row.created_at is None
    assert row.deleted_at is not None


def test_text_is_read_as_people_read_it_with_what_it_names():
    doc = pycrdt.Doc[Any]()
    add_text_block(doc, BLOCK, ["Plan", "first line"], place=Place(), stamp=Stamp(NOW, "user:ann"))
    fragment = doc.get(BLOCKS, type=pycrdt.Map[Any])[BLOCK]["content"]["doc"]
    paragraph = fragment.children.append(pycrdt.XmlElement("paragraph"))
    paragraph.children.append(pycrdt.XmlText("ask "))
    attributes = {"id": PAGE, "kind": "user", "label": "Ann Lee"}
    paragraph.children.append(pycrdt.XmlElement("mention", attributes))
    paragraph.children.append(pycrdt.XmlText()).insert(
        0, " now", {"bold": {}, "link": {"href": f"page:{PAGE}"}}
    )
    for strange in ({"id": "nobody"}, {"id": f"admin:{PAGE}"}, {"kind": "user"}, {"id": PAGE, "kind": "god"}):
        paragraph.children.append(pycrdt.XmlElement("mention", strange))
    ((row, _),) = page_changes(doc, NOTHING).rows
    assert row.text == f"Plan\nfirst line\nask @Ann Lee now@nobody@admin:{PAGE}@@{PAGE}"
    assert [(link.kind, link.id) for link in row.links] == [("user", UUID(PAGE)), ("page", UUID(PAGE))]
    assert row.content["doc"]["content"][2]["content"][2] == {
        "type": "text",
        "text": " now",
        "marks": [{"type": "link", "attrs": {"href": f"page:{PAGE}"}}, {"type": "bold"}],
    }


def test_names_in_a_rich_text_hold_nothing_that_postgres_does_not_take():
    doc = pycrdt.Doc[Any]()
    add_text_block(doc, BLOCK, ["Plan"], place=Place(), stamp=Stamp(NOW, "user:ann"))
    fragment = doc.get(BLOCKS, type=pycrdt.Map[Any])[BLOCK]["content"]["doc"]
    paragraph = fragment.children.append(pycrdt.XmlElement("p\0", {"a\0": "b\0"}))
    paragraph.children.append(pycrdt.XmlText()).insert(0, "now\0", {"m\0": {"c\0": "d\0"}})
    changes = page_changes(doc, NOTHING)
    _check(changes.rows)
    ((row, _),) = changes.rows
    assert row.content["doc"]["content"][1] == {
        "type": "p\ufffd",
        "attrs": {"a\ufffd": "b\ufffd"},
        "content": [
            {
                "type": "text",
                "text": "now\ufffd",
                "marks": [{"type": "m\ufffd", "attrs": {"c\ufffd": "d\ufffd"}}],
            }
        ],
    }


def test_the_rows_of_one_change_are_those_that_differ():
    doc = pycrdt.Doc[Any]()
    for number in range(3):
        content = Text(f"line {number}")
        id_ = f"0198c5b7-5c2f-7000-8000-00000000001{number}"
        channel.post(doc, id_, content, sender_id="user:a", sender_type="user", created_at=NOW)
    first = channel_changes(doc, NOTHING)
    known = Known({str(row.id): digest for row, digest in first.rows})
    ids = list(known.digests)
    channel.react(doc, ids[0], "👍", "user:b")
    channel.remove(doc, [ids[2]])
    changes = channel_changes(doc, known)
    assert [(str(row.id), row.reactions) for row, _ in changes.rows] == [
        (ids[0], [{"emoji": "👍", "user_ids": ["user:b"]}])
    ]
    assert changes.gone == [ids[2]]
