"""The inbox document: what is written into it, and that nothing else is."""

from typing import Any

import pycrdt

from blocks.inbox import Contents, Count, read_contents, write_contents

ITEM = {"id": "n1", "kind": "mention", "details": {"message_id": "m"}, "read_at": None}


def contents(**notifications: dict[str, Any]) -> Contents:
    return Contents(
        unread=len(notifications),
        counts={"channel:c": Count(messages=3, notifications=len(notifications))},
        notifications=notifications,
    )


def test_an_inbox_has_what_was_written():
    doc = pycrdt.Doc[Any]()
    assert write_contents(doc, contents(n1=ITEM))
    assert read_contents(doc) == {
        "meta": {"unread": 1},
        "counts": {"channel:c": {"messages": 3, "notifications": 1}},
        "notifications": {"n1": ITEM},
    }


def test_what_is_there_is_not_written_again():
    doc = pycrdt.Doc[Any]()
    write_contents(doc, contents(n1=ITEM))
    state = doc.get_state()
    assert not write_contents(doc, contents(n1=dict(ITEM)))
    assert doc.get_state() == state


def test_what_is_not_wanted_any_more_goes():
    doc = pycrdt.Doc[Any]()
    write_contents(doc, contents(n1=ITEM, n2=ITEM))
    assert write_contents(doc, Contents(unread=0, counts={}, notifications={"n2": ITEM}))
    assert read_contents(doc) == {"meta": {"unread": 0}, "counts": {}, "notifications": {"n2": ITEM}}


def test_two_who_write_the_same_agree_in_whatever_order():
    one, other = pycrdt.Doc[Any](), pycrdt.Doc[Any]()
    for doc in (one, other):
        write_contents(doc, contents(n1=ITEM))
    ours, theirs = one.get_update(), other.get_update()
    one.apply_update(theirs)
    other.apply_update(ours)
    assert read_contents(one) == read_contents(other)
    assert not write_contents(one, contents(n1=ITEM))


def test_a_damaged_inbox_is_written_anew():
    doc = pycrdt.Doc[Any]()
    doc.get("notifications", type=pycrdt.Map[Any])["n1"] = pycrdt.Map[Any]({"id": 7})
    doc.get("meta", type=pycrdt.Map[Any])["stray"] = "x"
    assert write_contents(doc, contents(n1=ITEM))
    assert read_contents(doc)["notifications"] == {"n1": ITEM}
    assert read_contents(doc)["meta"] == {"unread": 1}
