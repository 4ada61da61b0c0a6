"""The signed tokens, beside a library that knows all of the standard."""

import json
from base64 import urlsafe_b64encode

import jwt
import pytest

from server.json_web_tokens import read, sign

KEY = b"k" * 64
SAYS = {"sub": "ä person", "exp": 4_000_000_000}


def encoded(value: object) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_a_stock_library_reads_what_is_signed_here_and_the_other_way_round():
    assert jwt.decode(sign(SAYS, KEY), KEY, algorithms=["HS256"]) == SAYS  # pyright: ignore[reportUnknownMemberType]  (its types name an absent package)
    assert read(jwt.encode(SAYS, KEY, algorithm="HS256"), KEY) == SAYS  # pyright: ignore[reportUnknownMemberType]  as above


@pytest.mark.parametrize("algorithm", ["HS384", "HS512", "none"])
def test_a_token_does_not_choose_how_it_is_checked(algorithm: str):
    key = None if algorithm == "none" else KEY
    assert read(jwt.encode(SAYS, key, algorithm=algorithm), KEY) is None  # pyright: ignore[reportUnknownMemberType, reportArgumentType]  as above


@pytest.mark.parametrize("at", [0, 1, 2])
def test_nothing_of_a_token_can_be_changed(at: int):
    parts = sign(SAYS, KEY).split(".")
    changed = [*parts[:at], encoded({"sub": "somebody else"}), *parts[at + 1 :]]
    assert read(".".join(changed), KEY) is None


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "…",
        "\ud800",
        sign(SAYS, b"another key"),
        sign(SAYS, KEY)[:-1],
        sign(SAYS, KEY) + "=",
        "a." * 9,
    ],
)
def test_what_is_no_token_of_this_key_says_nothing(token: str):
    assert read(token, KEY) is None


def test_what_is_signed_but_no_object_says_nothing():
    for payload in ([1], "words", None):
        assert read(sign(payload, KEY), KEY) is None  # pyright: ignore[reportArgumentType]  (what is shown)
