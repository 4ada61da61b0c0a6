"""What people may do to the comments on a page by writing their document."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks import comment_guard
from blocks.comment_guard import CommentGuard
from blocks.comments import MAX_QUOTE_CHARACTERS, MAX_TEXT_CHARACTERS
from blocks.guarded import MAX_AHEAD
from blocks.positions import Position, encode

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
ANN, EVE, LINK = "user:ann", "user:eve", "link:1"
T1, T2, C1, C2 = (f"0198c5b7-5c2f-7000-8000-00000000000{n}" for n in range(4))
FUTURE = str(UUID(int=int((NOW + MAX_AHEAD).timestamp() * 1000 + 1) << 80 | 7 << 76 | 2 << 62))
LATE = (NOW + MAX_AHEAD + timedelta(seconds=1)).isoformat()
POSITION = encode(Position("item", (1, 2), False))

guard = CommentGuard(lambda: NOW)
Fields = dict[str, Any]


def thread(**fields: object) -> Fields:
    """Return a thread by Ann as a guard is told of it."""
    return {
        "map": {
            "id": T1,
            "block_id": None,
            "start": None,
            "end": None,
            "quote": None,
            "created_by": ANN,
            "created_at": NOW.isoformat(),
            "resolved_by": None,
            "resolved_at": None,
        }
        | fields
    }


def comment(**fields: object) -> Fields:
    """Return a comment by Ann as a guard is told of it."""
    return {
        "map": {
            "id": C1,
            "thread_id": T1,
            "author_id": ANN,
            "author_type": "user",
            "text": "Hi",
            "created_at": NOW.isoformat(),
            "edited_at": None,
            "deleted": False,
        }
        | fields
    }


def judge(author: str, root: str, before: Fields, after: Fields, *, can_manage: bool = False) -> str | None:
    """Return the rule that an edit breaks in a document that has T1 and C1 in it."""
    document: dict[str, Fields] = {"threads": {T1: thread()}, "comments": {C1: comment()}}
    document[root] |= after
    violation = guard.judge(author, {root: before}, {root: after}, document=document, can_manage=can_manage)
    return violation[0] if violation else None


def on_threads(author: str, before: Fields, after: Fields, *, can_manage: bool = False) -> str | None:
    return judge(author, "threads", before, after, can_manage=can_manage)


def on_comments(author: str, before: Fields, after: Fields, *, can_manage: bool = False) -> str | None:
    return judge(author, "comments", before, after, can_manage=can_manage)


def test_A6_people_comment_edit_and_delete_as_themselves() -> None:
    assert on_threads(ANN, {}, {T1: thread()}) is None
    assert on_threads(ANN, {}, {T1: thread(block_id="b", quote="said")}) is None
    assert on_threads(ANN, {}, {T1: thread(block_id="b", start=POSITION, end=POSITION)}) is None
    assert on_comments(ANN, {}, {C1: comment()}) is None
    edited = comment(text="Hello", edited_at=NOW.isoformat())
    assert on_comments(ANN, {C1: comment()}, {C1: edited}) is None
    assert on_comments(ANN, {C1: comment()}, {C1: comment(deleted=True)}) is None
    agent = {"author_id": "agent:1", "author_type": "agent"}
    assert on_comments("agent:1", {}, {C1: comment(**agent)}) is None
    by_key = {"author_id": "key:1", "author_type": "user"}
    assert on_comments("key:1", {}, {C1: comment(**by_key)}) is None


def test_A6_anybody_resolves_and_reopens_in_their_own_name() -> None:
    resolved = thread(resolved_by=EVE, resolved_at=NOW.isoformat())
    assert on_threads(EVE, {T1: thread()}, {T1: resolved}) is None
    assert on_threads(ANN, {T1: resolved}, {T1: thread()}) is None
    assert on_threads(ANN, {T1: resolved}, {T1: resolved}) is None
    again = thread(resolved_by=ANN, resolved_at=NOW.isoformat())
    assert on_threads(ANN, {T1: resolved}, {T1: again}) is None


def test_A6_who_manages_the_page_deletes_and_edits_nobody() -> None:
    assert on_comments(EVE, {C1: comment()}, {C1: comment(deleted=True)}, can_manage=True) is None
    deleted = comment(deleted=True)
    assert on_comments(EVE, {C1: deleted}, {C1: deleted}) is None, "two who do it at the same time"
    changed = comment(deleted=True, text="forged")
    assert on_comments(EVE, {C1: comment()}, {C1: changed}, can_manage=True) == "comment.author"
    assert on_comments(EVE, {C1: comment()}, {}, can_manage=True) == "comment.removal"


def test_A6_visitors_of_a_link_add_and_change_nothing() -> None:
    theirs = comment(author_id=LINK, author_type="visitor")
    assert on_threads(LINK, {}, {T1: thread(created_by=LINK)}) is None
    assert on_comments(LINK, {}, {C1: theirs}) is None
    deleted = comment(author_id=LINK, author_type="visitor", deleted=True)
    assert on_comments(LINK, {C1: theirs}, {C1: deleted}) == "comment.author"
    assert on_comments(EVE, {C1: theirs}, {C1: deleted}, can_manage=True) is None


Judge = Callable[..., str | None]
FORGERIES: dict[str, tuple[str, Judge, str, Fields, Fields]] = {
    "comment as another": ("comment.author", on_comments, EVE, {}, {C1: comment()}),
    "comment as an agent": ("comment.author", on_comments, ANN, {}, {C1: comment(author_type="agent")}),
    "edit another's": (
        "comment.author",
        on_comments,
        EVE,
        {C1: comment()},
        {C1: comment(text="forged", edited_at=NOW.isoformat())},
    ),
    "delete another's": ("comment.author", on_comments, EVE, {C1: comment()}, {C1: comment(deleted=True)}),
    "take another's over": (
        "comment.author",
        on_comments,
        EVE,
        {C1: comment()},
        {C1: comment(author_id=EVE)},
    ),
    "put another's in the place": ("comment.author", on_comments, EVE, {C1: comment()}, {C1: "text"}),
    "take one's own out": ("comment.removal", on_comments, ANN, {C1: comment()}, {}),
    "undelete": ("comment.deleted", on_comments, ANN, {C1: comment(deleted=True)}, {C1: comment()}),
    "edit without saying so": ("comment.time", on_comments, ANN, {C1: comment()}, {C1: comment(text="x")}),
    "change when": (
        "comment.lasting",
        on_comments,
        ANN,
        {C1: comment()},
        {C1: comment(created_at="2020-01-01T00:00:00Z")},
    ),
    "move to another thread": (
        "comment.lasting",
        on_comments,
        ANN,
        {C1: comment()},
        {C1: comment(thread_id=T2)},
    ),
    "comment in no thread": ("comment.thread", on_comments, ANN, {}, {C1: comment(thread_id=T2)}),
    "comment in the future": ("comment.time", on_comments, ANN, {}, {C1: comment(created_at=LATE)}),
    "a time without a zone": ("comment.time", on_comments, ANN, {}, {C1: comment(created_at="2026-05-01")}),
    "an id of the future": ("comment.id", on_comments, ANN, {}, {FUTURE: comment(id=FUTURE)}),
    "an id that is no id": ("comment.id", on_comments, ANN, {}, {"x": comment(id="x")}),
    "an id that is not the key": ("comment.id", on_comments, ANN, {}, {C2: comment()}),
    "no text": ("comment.text", on_comments, ANN, {}, {C1: comment(text=" ")}),
    "too much text": (
        "comment.text",
        on_comments,
        ANN,
        {},
        {C1: comment(text="x" * (MAX_TEXT_CHARACTERS + 1))},
    ),
    "a shared text": ("comment.text", on_comments, ANN, {}, {C1: comment(text={"text": []})}),
    "another field": ("comment.schema", on_comments, ANN, {}, {C1: comment(html="<b>")}),
    "deleted as a word": ("comment.schema", on_comments, ANN, {}, {C1: comment(deleted="no")}),
    "no map": ("comment.schema", on_comments, ANN, {}, {C1: {"object": {}}}),
    "begin as another": ("thread.author", on_threads, EVE, {}, {T1: thread()}),
    "begin resolved": (
        "thread.resolution",
        on_threads,
        ANN,
        {},
        {T1: thread(resolved_by=ANN, resolved_at=NOW.isoformat())},
    ),
    "begin in the future": ("thread.time", on_threads, ANN, {}, {T1: thread(created_at=LATE)}),
    "a thread of the future": ("thread.id", on_threads, ANN, {}, {FUTURE: thread(id=FUTURE)}),
    "a thread with another field": ("thread.schema", on_threads, ANN, {}, {T1: thread(title="x")}),
    "a range of nothing": ("thread.place", on_threads, ANN, {}, {T1: thread(start=POSITION, end=POSITION)}),
    "half a range": ("thread.place", on_threads, ANN, {}, {T1: thread(block_id="b", start=POSITION)}),
    "no position": ("thread.place", on_threads, ANN, {}, {T1: thread(block_id="b", start="!", end="!")}),
    "no block": ("thread.place", on_threads, ANN, {}, {T1: thread(block_id="")}),
    "a long quote": (
        "thread.place",
        on_threads,
        ANN,
        {},
        {T1: thread(quote="x" * (MAX_QUOTE_CHARACTERS + 1))},
    ),
    "take a thread out": ("thread.removal", on_threads, ANN, {T1: thread()}, {}),
    "change what was quoted": ("thread.lasting", on_threads, ANN, {T1: thread()}, {T1: thread(quote="x")}),
    "move a thread": ("thread.lasting", on_threads, ANN, {T1: thread()}, {T1: thread(block_id="b")}),
    "give a thread a field": ("thread.schema", on_threads, ANN, {T1: thread()}, {T1: thread(title="x")}),
    "resolve as another": (
        "thread.resolution",
        on_threads,
        EVE,
        {T1: thread()},
        {T1: thread(resolved_by=ANN, resolved_at=NOW.isoformat())},
    ),
    "resolve in the future": (
        "thread.resolution",
        on_threads,
        ANN,
        {T1: thread()},
        {T1: thread(resolved_by=ANN, resolved_at=LATE)},
    ),
    "half a resolution": (
        "thread.resolution",
        on_threads,
        ANN,
        {T1: thread()},
        {T1: thread(resolved_by=ANN)},
    ),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_A6_forgeries_are_refused_by_their_rule(forgery: str) -> None:
    rule, judge_root, author, before, after = FORGERIES[forgery]
    assert judge_root(author, before, after) == rule


def test_A6_a_page_has_so_many_comments_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comment_guard, "MAX_THREADS", 1)
    monkeypatch.setattr(comment_guard, "MAX_COMMENTS", 1)
    assert on_threads(ANN, {}, {T2: thread(id=T2)}) == "thread.limit"
    assert on_comments(ANN, {}, {C2: comment(id=C2)}) == "comment.limit"


_ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from([ANN, T1]),
    lambda inside: st.lists(inside, max_size=2) | st.dictionaries(st.text(max_size=5), inside, max_size=3),
    max_leaves=5,
)
_FIELDS = st.sampled_from([*thread()["map"], *comment()["map"], "other"])


@given(
    st.sampled_from(["threads", "comments"]),
    st.dictionaries(_FIELDS, _ANYTHING, max_size=3),
    st.booleans(),
    _ANYTHING,
)
def test_A6_any_values_at_all_get_an_answer(root: str, fields: Fields, is_new: bool, other: object) -> None:
    make, key = (thread, T1) if root == "threads" else (comment, C1)
    judge(ANN, root, {} if is_new else {key: make()}, {key: make(**fields)})
    judge(EVE, root, {key: other}, {key: make(**fields)}, can_manage=True)
    judge(ANN, root, {key: make(**fields)}, {key: other})
