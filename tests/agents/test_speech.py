"""What a model says while it says it, as those hear it who look on."""

import asyncio
from uuid import uuid4

import pytest

from agents import speech
from agents.errors import BeganAnewError
from agents.speech import Ear, Speech
from agents.watching import Watching


def test_who_comes_late_hears_all_and_then_what_is_new():
    said, early, late = Speech("3"), Ear(), Ear()
    assert early.hear(None) is None
    assert early.hear(said) is None
    said.more("One, ")
    assert early.hear(said) == ("One, ", False)
    said.more("two, ")
    said.more("three")
    assert early.hear(said) == ("two, three", True)
    assert late.hear(said) == ("One, two, three", False)
    assert early.hear(said) is None


def test_what_begins_anew_is_told_as_such():
    said, ear = Speech("3"), Ear()
    said.more("Nonsense")
    ear.hear(said)
    said.again()
    assert ear.hear(said) is None
    said.more("Sense")
    assert ear.hear(said) == ("Sense", False)
    other = Speech("5")
    other.more("More sense")
    assert ear.hear(other) == ("More sense", False)


def test_endless_words_are_not_kept(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(speech, "MAX_CHARACTERS", 5)
    said = Speech("1")
    for _ in range(3):
        said.more("abc")
    assert said.text == "abcab"


async def test_words_come_in_pieces_to_their_end():
    said = Speech("1")
    heard: list[str] = []

    async def listen() -> None:
        async for piece in said.pieces():
            heard.append(piece)
            said.end() if piece == "two" else said.more("two")

    listening = asyncio.create_task(listen())
    said.more("one")
    await listening
    assert heard == ["one", "two"]


async def test_whoever_listens_learns_that_it_begins_anew():
    said = Speech("1")
    said.more("one")
    pieces = said.pieces()
    assert await anext(pieces) == "one"
    said.again()
    with pytest.raises(BeganAnewError):
        await anext(pieces)


async def test_onlookers_are_woken_and_what_is_over_is_forgotten():
    watching, job = Watching(), uuid4()
    with watching.look_on(job) as onlooker:
        with watching.speaking(job, "1") as said:
            assert watching.speech_of(job) is said
            said.more("Hello")
            assert await onlooker.next(60) == []
        assert await onlooker.next(60) == []
        assert watching.speech_of(job) is None
