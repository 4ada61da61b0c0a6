"""Tables and boards: what people do to their columns, rows, cells and cards side by side."""

from typing import Any

import pycrdt
import pytest

from blocks.errors import InvalidContentError
from blocks.kinds import kanban_board, table_view
from blocks.lists import in_order
from blocks.page import blocks_of, read_block, read_content
from blocks.page_edits import Stamp, add_block, change_block

ANN = Stamp("2026-01-01T00:00:00Z", "user:ann")

Doc = pycrdt.Doc[Any]
Patch = dict[str, Any]


@pytest.fixture
def table() -> Doc:
    """A table with two columns and two rows."""
    doc: Doc = pycrdt.Doc()
    content: Patch = {
        "columns": {"name": {"name": "Name"}, "price": {"name": "Price", "type": "number"}},
        "rows": {
            "tea": {"cells": {"name": "Tea", "price": 3}},
            "milk": {"cells": {"name": "Milk", "price": 1.5}},
        },
    }
    add_block(doc, "b", "table_view", content, stamp=ANN)
    return doc


@pytest.fixture
def board() -> Doc:
    """A board with two columns and three cards."""
    doc: Doc = pycrdt.Doc()
    content: Patch = {
        "columns": {"todo": {"name": "To do"}, "done": {"name": "Done"}},
        "cards": {
            "a": {"column": "todo", "title": "A"},
            "b": {"column": "todo", "title": "B"},
            "c": {"column": "done", "title": "C"},
        },
    }
    add_block(doc, "b", "kanban_board", content, stamp=ANN)
    return doc


def change(doc: Doc, **patch: Any) -> None:
    change_block(doc, "b", patch=patch)


def rows(doc: Doc) -> list[str]:
    return [row_id for row_id, _ in in_order(read_content(blocks_of(doc)["b"]).content.rows)]


def cards(doc: Doc, column: str | None) -> list[str]:
    content: kanban_board.KanbanBoardContent = read_content(blocks_of(doc)["b"]).content
    return [card_id for card_id, card in in_order(content.cards) if card.column == column]


def twin(doc: Doc) -> Doc:
    other: Doc = pycrdt.Doc()
    other.apply_update(doc.get_update())
    return other


def merge(doc: Doc, other: Doc) -> None:
    doc.apply_update(other.get_update())
    other.apply_update(doc.get_update())


def test_entries_come_in_the_order_in_which_they_were_given(table: Doc, board: Doc) -> None:
    assert rows(table) == ["tea", "milk"]
    assert (cards(board, "todo"), cards(board, "done")) == (["a", "b"], ["c"])
    assert read_block(table, "b").text == "Name\nPrice\nTea\nMilk"
    assert read_block(board, "b").text == "To do\nDone\nA\nC\nB"


def test_a_cell_is_set_and_cleared(table: Doc) -> None:
    change(table, rows={"tea": {"cells": {"name": None, "price": 4}}})
    assert read_block(table, "b").content["rows"]["tea"]["cells"] == {"price": 4}  # type: ignore


def test_two_cells_of_one_row_are_filled_in_at_once(table: Doc) -> None:
    other = twin(table)
    change(table, rows={"tea": {"cells": {"name": "Green tea"}}})
    change(other, rows={"tea": {"cells": {"price": 5}}})
    merge(table, other)
    content: table_view.TableViewContent = read_content(blocks_of(table)["b"]).content
    assert content.rows["tea"].cells == {"name": "Green tea", "price": 5}


def test_rows_are_added_moved_and_removed(table: Doc) -> None:
    change(table, rows={"rum": {"after": None, "cells": {"name": "Rum"}}, "gin": {}})
    assert rows(table) == ["rum", "tea", "milk", "gin"]
    change(table, rows={"rum": {"after": "milk"}, "tea": None})
    assert rows(table) == ["milk", "rum", "gin"]


def test_a_row_that_somebody_moves_keeps_what_another_writes_into_it(table: Doc) -> None:
    other = twin(table)
    change(table, rows={"tea": {"after": "milk"}})
    change(other, rows={"tea": {"cells": {"name": "Oolong"}}})
    merge(table, other)
    assert rows(table) == ["milk", "tea"]
    assert "Oolong" in read_block(other, "b").text


def test_a_column_goes_with_its_cells_and_comes_without(table: Doc) -> None:
    other = twin(table)
    change(table, columns={"price": None})
    assert "price" not in blocks_of(table)["b"]["content"]["rows"]["tea"]["cells"]
    change(other, rows={"milk": {"cells": {"price": 2}}})
    merge(table, other)
    block = read_block(table, "b")
    assert (block.condition, [fault.path for fault in block.faults]) == (
        "repaired",
        ["content.rows.milk.cells.price"],
    )
    change(table, rows={"milk": {"cells": {"name": "Oat milk"}}})  # what is not shown is not touched
    change(table, columns={"price": {"name": "Price", "type": "number"}})
    content: table_view.TableViewContent = read_content(blocks_of(table)["b"]).content
    assert content.rows["milk"].cells == {"name": "Oat milk", "price": 2}


def test_cards_move_within_a_column_and_between_columns(board: Doc) -> None:
    change(board, cards={"b": {"after": None}})
    assert cards(board, "todo") == ["b", "a"]
    change(board, cards={"b": {"column": "done"}})
    assert (cards(board, "todo"), cards(board, "done")) == (["a"], ["c", "b"])
    change(board, cards={"a": {"column": "done", "after": "c"}})
    assert cards(board, "done") == ["c", "a", "b"]
    with pytest.raises(InvalidContentError):
        change(board, cards={"a": {"column": "todo", "after": "c"}})


def test_a_card_is_moved_and_renamed_at_once(board: Doc) -> None:
    other = twin(board)
    change(board, cards={"a": {"column": "done"}})
    change(other, cards={"a": {"title": "Answer", "due": "2026-05-01T10:00:00Z"}})
    merge(board, other)
    assert cards(board, "done") == ["c", "a"]
    content: kanban_board.KanbanBoardContent = read_content(blocks_of(board)["b"]).content
    assert content.cards["a"].title == "Answer"


def test_cards_of_a_column_that_is_removed_stay_without_one(board: Doc) -> None:
    other = twin(board)
    change(board, columns={"todo": None})
    assert (cards(board, None), cards(board, "todo")) == (["a", "b"], [])
    change(other, cards={"d": {"column": "todo", "title": "D"}})
    merge(board, other)
    assert sorted(cards(board, None)) == ["a", "b", "d"]
    assert [fault.path for fault in read_block(board, "b").faults] == ["content.cards.d.column"]
    change(board, cards={"d": {"column": "done"}})
    assert read_block(board, "b").condition == "fine"
