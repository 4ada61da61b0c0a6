"""Who is mentioned in a text."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.mentions import (
    EVERYBODY,
    MAX_LABEL_CHARACTERS,
    MAX_MENTIONS,
    find_mentions,
    mentioned,
    read_aloud,
    write_mention,
)

ANN = UUID("0198c5b7-5c2f-7000-8000-000000000001")


def test_people_agents_and_the_channel_are_mentioned() -> None:
    text = f"@[Ann Lee](user:{ANN}) and @[Bot](agent:{ANN}): @channel!"
    assert [(mention.kind, mention.label) for mention in find_mentions(text)] == [
        ("user", "Ann Lee"),
        ("agent", "Bot"),
        ("channel", "channel"),
    ]
    assert mentioned(text) == {f"user:{ANN}", f"agent:{ANN}", EVERYBODY}
    assert read_aloud(text) == "@Ann Lee and @Bot: @channel!"


@pytest.mark.parametrize(
    "text",
    [
        "ann@channel.example",
        "@channels",
        "@channel-one",
        "@@channel",
        "channel",
        f"@[](user:{ANN})",
        f"@[Ann](key:{ANN})",
        f"@[Ann](user:{str(ANN).upper()})",
        "@[Ann](user:1)",
        f"[Ann](user:{ANN})",
        f"@[A\nB](user:{ANN})",
    ],
)
def test_what_mentions_nobody(text: str) -> None:
    assert find_mentions(text) == []


def test_only_so_many_count() -> None:
    assert len(find_mentions("@channel " * (MAX_MENTIONS + 1))) == MAX_MENTIONS


@given(st.text())
def test_any_name_can_be_mentioned(label: str) -> None:
    [found] = find_mentions(f"Hello {write_mention(label, 'user', ANN)}.")
    assert found.target == f"user:{ANN}"
    assert 0 < len(found.label) <= MAX_LABEL_CHARACTERS


@given(st.text(alphabet="@[]()channelusr:0123456789abcdef- \n"))
def test_any_text_has_mentions_or_none(text: str) -> None:
    for mention in find_mentions(text):
        assert text[mention.start : mention.end].startswith("@")
    read_aloud(text)
