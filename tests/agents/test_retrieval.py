"""Texts become pieces that a model of vectors takes."""

from datetime import UTC, datetime
from uuid import UUID

from agents.retrieval import MOST_PIECES, PIECE_CHARACTERS, pieces_of
from storage.models import SearchEntry

A = UUID(int=1)
NOW = datetime(2026, 5, 4, tzinfo=UTC)


def entry(title: str, body: str) -> SearchEntry:
    return SearchEntry(
        id=1,
        workspace_id=A,
        kind="file",
        owner_id=A,
        subject_id="1",
        written_at=datetime.now(UTC),
        title=title,
        body=body,
    )


def test_a_short_text_is_one_piece_below_its_title():
    assert list(pieces_of(entry("Plan", "We sell more"))) == ["Plan\nWe sell more"]
    assert list(pieces_of(entry("A long enough title", ""))) == ["A long enough title"]
    assert list(pieces_of(entry("", "ok then"))) == []


def test_a_long_text_is_cut_where_it_pauses_and_nothing_is_left_out():
    body = "\n\n".join(f"Paragraph {n}. " + "word " * 100 for n in range(20))
    pieces = list(pieces_of(entry("T", body)))
    assert all(len(piece) <= PIECE_CHARACTERS + 2 for piece in pieces)
    assert all(piece.startswith("T\nParagraph") for piece in pieces)
    assert " ".join(piece.removeprefix("T\n") for piece in pieces).split() == body.split()


def test_an_endless_text_has_so_many_pieces():
    assert len(list(pieces_of(entry("", "one two three" + "x" * 1_000_000)))) == MOST_PIECES
