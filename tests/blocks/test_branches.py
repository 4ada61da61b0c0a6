"""What a branch proposes, and deciding on it: whatever was written, here and there, at once."""

from collections.abc import Callable
from typing import Any

import pycrdt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blocks import tiptap
from blocks.branches import Clients, accept, choose_clients, compare_states, reject
from blocks.differences import compare
from blocks.edits import change_fragment
from blocks.page import BLOCKS, META, Block, read_blocks
from blocks.page_edits import Stamp, add_block, change_block, delete_block, restore_block
from blocks.page_text import fragment_of
from blocks.richtext import read_fragment
from blocks.tree import Element, Mark, Node, Text, document
from crdt.waiting import read_state_vector
from tests.blocks.contents import any_page

STAMP = Stamp("2026-11-29T00:00:00+00:00", "user:ann")
Doc = pycrdt.Doc[Any]
Edit = Callable[[Doc], None]

few = settings(max_examples=settings().max_examples // 5, suppress_health_check=[HealthCheck.too_slow])
"""Each example is many decisions, and takes longer still on a busy machine."""

_words = st.sampled_from(["one", "two", "three ", "four", " ", "é😀", "x"])
_texts = st.builds(
    Text,
    st.lists(_words, min_size=1, max_size=6).map(" ".join),
    st.sampled_from([(), (), (Mark("bold"),)]),
)
_paragraphs = st.lists(_texts, max_size=2).map(lambda texts: tiptap.paragraph(*texts))
_lists = st.lists(_paragraphs, min_size=1, max_size=2).map(
    lambda items: Element("bulletList", {}, tuple(Element("listItem", {}, (item,)) for item in items))
)
_documents = st.lists(_paragraphs | _paragraphs | _lists, max_size=4).map(
    lambda nodes: document(tuple(nodes))
)

CARDS: Any = {"columns": {"todo": {"name": "To do"}}, "cards": {"c": {"column": "todo", "title": "Cake"}}}


def page_of(client_id: int = 50) -> Doc:
    """Return a page of two texts, a board and an image."""
    doc = Doc(client_id=client_id)
    for block_id in ("a", "b"):
        lines = [f"{block_id} {line}" for line in ("one two three", "four five six", "seven")]
        nodes: list[Any] = [
            {"type": "paragraph", "content": [{"type": "text", "text": line}]} for line in lines
        ]
        add_block(doc, block_id, "text", {"doc": {"type": "doc", "content": nodes}}, stamp=STAMP)
    add_block(doc, "board", "kanban_board", CARDS, stamp=STAMP)
    add_block(doc, "image", "image", {"url": "https://x.example/a.png"}, stamp=STAMP)
    return doc


def branch_of(page: Doc, client_id: int) -> Doc:
    doc = Doc(client_id=client_id)
    doc.apply_update(page.get_update())
    return doc


def shown(doc: Doc) -> list[dict[str, Any]]:
    """Return what people see of a page; texts that are marked alike are one."""
    return [
        {
            "id": block.id,
            "type": block.type,
            "place": block.place,
            "order": block.order,
            "of": _content(doc, block),
        }
        for block in read_blocks(doc)
    ]


def _content(doc: Doc, block: Block) -> Any:
    fragment = fragment_of(doc, block.id)
    return block.content if fragment is None else _clean(read_fragment(fragment))


def _clean(node: Node) -> Any:
    """Return a node without empty texts and attributes that say nothing."""
    if isinstance(node, Text):
        return node
    attrs = {name: value for name, value in node.attrs.items() if value is not None}
    return node.type, attrs, [_clean(child) for child in node.content]


def clients(page: Doc, branch: Doc, seed: int = 1) -> Clients:
    own = {branch.client_id}
    return choose_clients({page.client_id, branch.client_id}, own, seed)


def apply(doc: Doc, update: bytes | None) -> None:
    if update is not None:
        doc.apply_update(update)


# Edits that people make.


@st.composite
def _edit(draw: Any, new: str) -> Edit:
    block_id = draw(st.sampled_from(["a", "b"]))
    match draw(st.integers(0, 8)):
        case 0 | 1 | 2 | 3:
            wanted = draw(_documents)
            return lambda doc: _retype(doc, block_id, wanted)
        case 4:
            fields = {"x": draw(st.integers(-5, 5)), "width": draw(st.integers(1, 9))}
            return lambda doc: _try(change_block, doc, block_id, place=fields)
        case 5:
            after = draw(st.sampled_from([None, "image"]))
            return lambda doc: _try(change_block, doc, block_id, after=after)
        case 6:
            title = draw(_words)
            return lambda doc: _try(change_block, doc, "board", patch={"cards": {new: {"title": title}}})
        case 7:
            wanted = draw(_documents)
            return lambda doc: _add(doc, new, wanted)
        case _:
            return lambda doc: _delete(doc, block_id)


def _retype(doc: Doc, block_id: str, wanted: Element) -> None:
    fragment = fragment_of(doc, block_id)
    assert fragment is not None
    change_fragment(fragment, wanted)


def _try(change: Callable[..., None], doc: Doc, block_id: str, **more: Any) -> None:
    if any(block.id == block_id for block in read_blocks(doc)):
        change(doc, block_id, **more)


def _add(doc: Doc, block_id: str, wanted: Element) -> None:
    if not any(block.id == block_id for block in read_blocks(doc)):
        add_block(doc, block_id, "text", {}, stamp=STAMP)
        _retype(doc, block_id, wanted)


def _delete(doc: Doc, block_id: str) -> None:
    if any(block.id == block_id for block in read_blocks(doc)):
        delete_block(doc, block_id, stamp=STAMP)
    else:
        restore_block(doc, block_id)


_proposed = st.lists(_edit("new"), min_size=1, max_size=4)
_meanwhile = st.lists(_edit("other"), max_size=3)
_ids = st.sampled_from([7, 10**6, 2**40])


@few
@given(_proposed, _ids)
def test_accepting_all_hunks_one_by_one_gives_the_page_what_the_branch_shows(
    edits: list[Edit], client_id: int
) -> None:
    page = page_of()
    branch = branch_of(page, client_id)
    for edit in edits:
        edit(branch)
    proposed = shown(branch)
    seed = 0
    while hunks := compare(page, branch).hunks:
        seed += 1
        used = choose_clients({*_clients(page), *_clients(branch)}, _clients(branch) - _clients(page), seed)
        decision = accept(page.get_update(), branch.get_update(), [hunks[0].id], STAMP, used)
        assert len(decision.decided) == 1
        assert decision.left < len(hunks)
        apply(page, decision.page)
        apply(branch, decision.branch)
        branch.apply_update(page.get_update())
        assert shown(branch) == proposed
    assert shown(page) == proposed


def _clients(doc: Doc) -> set[int]:
    return {*read_state_vector(doc.get_state())}


@few
@given(_proposed, _meanwhile, _ids)
def test_rejecting_all_hunks_leaves_the_page_and_gives_the_branch_what_it_shows(
    edits: list[Edit], meanwhile: list[Edit], client_id: int
) -> None:
    page = page_of()
    branch = branch_of(page, client_id)
    for edit in edits:
        edit(branch)
    for edit in meanwhile:
        edit(page)
    branch.apply_update(page.get_update())
    before = page.get_update()
    decision = reject(page.get_update(), branch.get_update(), None, STAMP, clients(page, branch))
    assert (decision.page, decision.left, decision.missing) == (None, 0, ())
    apply(branch, decision.branch)
    assert page.get_update() == before
    assert shown(branch) == shown(page)


@few
@given(_proposed, _meanwhile, st.randoms(use_true_random=False), _ids)
def test_some_hunks_are_taken_while_people_type_and_nobodys_words_are_lost(
    edits: list[Edit], meanwhile: list[Edit], chance: Any, client_id: int
) -> None:
    page = page_of()
    branch = branch_of(page, client_id)
    for edit in edits:
        edit(branch)
    for edit in meanwhile:
        edit(page)
    branch.apply_update(page.get_update())
    state = page.get_update()
    hunks = compare_states(state, branch.get_update()).hunks
    chosen = [hunk.id for hunk in hunks if chance.random() < 0.5]
    decision = accept(state, branch.get_update(), chosen, STAMP, clients(page, branch))
    _type(page, "typed meanwhile")
    apply(page, decision.page)
    assert "typed meanwhile" in "\n".join(block.text for block in read_blocks(page))
    apply(branch, decision.branch)
    branch.apply_update(page.get_update())
    assert "typed meanwhile" in "\n".join(block.text for block in read_blocks(branch))
    left = {hunk.id for hunk in compare(page, branch).hunks}
    assert left.isdisjoint(chosen)


def _type(doc: Doc, words: str) -> None:
    """Type into a new block, where no decision can meet it."""
    nodes: list[Any] = [{"type": "paragraph", "content": [{"type": "text", "text": words}]}]
    add_block(doc, "typed", "text", {"doc": {"type": "doc", "content": nodes}}, stamp=STAMP)


@settings(few, max_examples=settings().max_examples // 10)
@given(any_page(), any_page())
def test_whatever_lies_in_two_documents_they_can_be_compared(one: Doc, other: Doc) -> None:
    assert compare(one, one).hunks == ()
    ids = [hunk.id for hunk in compare(one, other).hunks]
    assert len(ids) == len(set(ids))


def test_words_typed_into_an_accepted_text_reach_the_branch_where_they_were_typed() -> None:
    page = page_of()
    branch = branch_of(page, 10**6)
    _retype(branch, "a", document((tiptap.paragraph(Text("a one wonderful two three")),)))
    _retype(branch, "b", document((tiptap.paragraph(Text("b")),)))
    hunks = compare(page, branch).hunks
    decision = accept(page.get_update(), branch.get_update(), [hunks[0].id], STAMP, clients(page, branch))
    apply(page, decision.page)
    apply(branch, decision.branch)
    fragment = fragment_of(page, "a")
    assert fragment is not None
    text: Any = fragment.children[0]
    text.children[0].insert(len("a one wonder"), "-")
    branch.apply_update(page.get_update())
    for doc in (page, branch):
        assert next(read_blocks(doc)).text.startswith("a one wonder-ful two three")


def test_a_field_set_after_it_was_accepted_reaches_the_branch() -> None:
    page = page_of()
    branch = branch_of(page, 10**6)
    change_block(branch, "image", patch={"alt": "A cup"}, place={"x": 3})
    change_block(branch, "a", place={"x": 9})
    hunks = [hunk for hunk in compare(page, branch).hunks if hunk.block_id == "image"]
    assert [hunk.kind for hunk in hunks] == ["block_placed", "content_changed"]
    chosen = [hunk.id for hunk in hunks]
    decision = accept(page.get_update(), branch.get_update(), chosen, STAMP, clients(page, branch))
    apply(page, decision.page)
    apply(branch, decision.branch)
    change_block(page, "image", patch={"alt": "A mug"}, place={"x": 4})
    branch.apply_update(page.get_update())
    assert [hunk.block_id for hunk in compare(page, branch).hunks] == ["a"]


def test_what_the_page_is_called_is_a_hunk() -> None:
    page = page_of()
    branch = branch_of(page, 7)
    branch.get(META, type=pycrdt.Map[Any])["title"] = "Plan B"
    (hunk,) = compare(page, branch).hunks
    assert (hunk.kind, hunk.path, hunk.before, hunk.after) == ("page_changed", ("title",), None, "Plan B")
    undone = reject(page.get_update(), branch.get_update(), [hunk.id, "0" * 24], STAMP, clients(page, branch))
    assert undone.missing == ("0" * 24,)
    apply(branch, undone.branch)
    assert "title" not in branch.get(META, type=pycrdt.Map[Any])


@pytest.mark.parametrize("value", ["no block", {"type": "hologram", "content": {"x": 1}}])
def test_what_cannot_be_read_is_replaced_as_it_is(value: Any) -> None:
    page = page_of()
    branch = branch_of(page, 7)
    branch.get(BLOCKS, type=pycrdt.Map[Any])["a"] = value
    (hunk,) = compare(page, branch).hunks
    assert hunk.kind == "block_replaced"
    state = page.get_update()
    back = branch_of(branch, 9)
    apply(back, reject(state, branch.get_update(), [hunk.id], STAMP, clients(page, branch)).branch)
    assert shown(back) == shown(page)
    apply(page, accept(state, branch.get_update(), [hunk.id], STAMP, clients(page, branch)).page)
    assert compare(page, branch).hunks == ()


def test_a_block_that_a_client_has_thrown_out_comes_back_when_that_is_rejected() -> None:
    page = page_of()
    branch = branch_of(page, 7)
    del branch.get(BLOCKS, type=pycrdt.Map[Any])["a"]
    (hunk,) = compare(page, branch).hunks
    assert (hunk.kind, hunk.after) == ("block_removed", None)
    apply(
        branch, reject(page.get_update(), branch.get_update(), [hunk.id], STAMP, clients(page, branch)).branch
    )
    assert shown(branch) == shown(page)


def test_of_two_changes_that_say_the_same_each_is_decided_once() -> None:
    page = page_of()
    branch = branch_of(page, 7)
    fragment = fragment_of(branch, "a")
    assert fragment is not None
    was = read_fragment(fragment).content
    same = tiptap.paragraph(Text("again"))
    _retype(branch, "a", document((same, *was, same)))
    first, second = compare(page, branch).hunks
    assert (first.id[:24], first.id[24:], second.id[24:]) == (second.id[:24], "-1-2", "-2-2")
    decision = accept(page.get_update(), branch.get_update(), [first.id], STAMP, clients(page, branch))
    apply(page, decision.page)
    apply(branch, decision.branch)
    (left,) = compare(page, branch).hunks
    assert left.id == second.id[:24]
    used = choose_clients({*_clients(page), *_clients(branch)}, _clients(branch) - _clients(page), 2)
    again = accept(page.get_update(), branch.get_update(), [first.id], STAMP, used)
    assert (again.decided, again.missing, again.page) == ((), (first.id,), None)


def test_client_ids_are_chosen_beside_those_of_the_branch() -> None:
    chosen = choose_clients({5000, 6000, 9}, {5000, 6000}, 3)
    assert chosen.texts < 5000
    assert chosen.others > 6000
    extreme = choose_clients({1, 2**53 - 1}, {1, 2**53 - 1}, 3)
    assert len({extreme.texts, extreme.others, extreme.branch, 1, 2**53 - 1}) == 5
