"""`kanban_board`: columns of cards.

A card says in which column it is. One whose column is gone is shown in none, and is there again when the
column is.
"""

from collections.abc import Iterable
from typing import Annotated

import msgspec
from msgspec import Meta

from blocks.errors import Fault
from blocks.kind import Fields, Kind
from blocks.kinds.fields import MAX_ENTRIES, Id, Line, OrderKey
from blocks.lists import arrange, in_order
from blocks.richtext import plain_text
from blocks.schema import RichText
from blocks.tree import document

COLUMNS = "columns"
CARDS = "cards"
COLUMN = "column"


class Column(msgspec.Struct, frozen=True):
    """A column, and how many cards its team wants there at most."""

    name: Line = ""
    order: OrderKey | None = None
    limit: Annotated[int, Meta(ge=1, le=MAX_ENTRIES)] | None = None


class Card(msgspec.Struct, frozen=True):
    """A card: its column, its place there, and what is to be done by whom until when."""

    column: Id | None = None
    order: OrderKey | None = None
    title: Line = ""
    doc: RichText = document()
    assignee: Id | None = None
    due: (
        Annotated[str, Meta(max_length=40, pattern=r"^\d{4}-\d\d-\d\d(T[0-9:.]+(Z|[+-]\d\d:\d\d))?$")] | None
    ) = None


class KanbanBoardContent(msgspec.Struct, frozen=True):
    """Columns and cards, each by its id."""

    columns: dict[str, Column] = {}
    cards: dict[str, Card] = {}


def _check(content: KanbanBoardContent) -> Iterable[Fault]:
    if max(len(content.columns), len(content.cards)) > MAX_ENTRIES:
        yield Fault("content", f"More than {MAX_ENTRIES} columns or cards")
    for card_id, card in content.cards.items():
        if card.column is not None and card.column not in content.columns:
            yield Fault(f"content.cards.{card_id}.column", "There is no such column")


def _tidy(content: KanbanBoardContent) -> KanbanBoardContent:
    """Show cards whose column is gone in none."""
    cards = {
        card_id: card if card.column in content.columns else msgspec.structs.replace(card, column=None)
        for card_id, card in content.cards.items()
    }
    return msgspec.structs.replace(content, cards=cards)


def _arrange(before: Fields, merged: Fields, patch: Fields) -> None:
    arrange(before.get(COLUMNS), merged.get(COLUMNS), patch.get(COLUMNS), f"content.{COLUMNS}")
    arrange(before.get(CARDS), merged.get(CARDS), patch.get(CARDS), f"content.{CARDS}", group_by=COLUMN)
    _release_cards(before, merged)


def _release_cards(before: Fields, merged: Fields) -> None:
    """Take the cards of a column that the patch removes out of it."""
    columns, remaining, cards = before.get(COLUMNS), merged.get(COLUMNS), merged.get(CARDS)
    if not (isinstance(columns, dict) and isinstance(remaining, dict) and isinstance(cards, dict)):
        return
    for card in cards.values():
        column = card.get(COLUMN) if isinstance(card, dict) else None
        if isinstance(card, dict) and isinstance(column, str) and column in columns.keys() - remaining:
            card.pop(COLUMN)


def _text(content: KanbanBoardContent) -> Iterable[str]:
    yield from (column.name for _, column in in_order(content.columns))
    for _, card in in_order(content.cards):
        yield card.title
        yield plain_text(card.doc)


KIND = Kind("kanban_board", KanbanBoardContent, text=_text, check=_check, tidy=_tidy, arrange=_arrange)
