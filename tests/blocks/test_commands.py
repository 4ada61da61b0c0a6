"""What is a command, and what it says."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.commands import Command, CommandFault, closest, parse_command, slug_of


@pytest.mark.parametrize(
    ("text", "name", "arguments"),
    [
        ("/help", "help", {}),
        ("/Email_Wizard  ", "email-wizard", {}),
        ('/run {"campaign_brief": "New summer collection", "n": [1, null]}', "run", None),
        ("/run\n{}", "run", {}),
        (
            '/run {campaign_brief: "New, summer: collection {a: 1}", n: {b : "\\" c: "}}',
            "run",
            {"campaign_brief": "New, summer: collection {a: 1}", "n": {"b": '" c: '}},
        ),
        (
            '/run brief="New \\"summer\\" \\n line" tone=\'dry\' count=3 share=0.5 draft=true who=null',
            "run",
            {
                "brief": 'New "summer" \n line',
                "tone": "dry",
                "count": 3,
                "share": 0.5,
                "draft": True,
                "who": None,
            },
        ),
        ("/run url=https://example.com/?a=b zip=01234 empty=", "run", None),
        ("/préparer größe=1", "préparer", {"größe": 1}),
        ("/pre\u0301parer x=1", "préparer", {"x": 1}),
        ("/सहायक विषय", "सहायक", {}),
        ("/ผู้ช่วย", "ผู้ช่วย", {}),
        (
            '/run a=“two words” b=„zwei "Worte"“ c=«deux» d=‘it"s’ e=5” f=x',
            "run",
            {"a": "two words", "b": 'zwei "Worte"', "c": "deux", "d": 'it"s', "e": "5”", "f": "x"},
        ),
        ("/run {“a”: “it’s”, b: „c“}", "run", {"a": "it’s", "b": "c"}),
        ('/run {"a": "“b”"}', "run", {"a": "“b”"}),
    ],
)
def test_commands(text: str, name: str, arguments: dict[str, Any] | None) -> None:
    found = parse_command(text)
    assert found is not None
    assert found.name == name
    if arguments is not None:
        assert found.arguments == arguments


def test_values_that_only_look_special_are_words() -> None:
    command = parse_command("/run url=https://example.com/?a=b zip=01234 empty= big=12345678901234567890")
    assert command == Command(
        "run",
        {"url": "https://example.com/?a=b", "zip": "01234", "empty": "", "big": "12345678901234567890"},
    )


@pytest.mark.parametrize(
    "words",
    [
        "What is a good name for a cat?",
        "do it",
        "say = or =",
        "[1] and {2}",
        '"quoted"',
        "two\nlines a=1",
        "ação!",
    ],
)
def test_other_words_are_what_is_asked(words: str) -> None:
    assert parse_command(f"/run  {words} ") == Command("run", {}, words)


@pytest.mark.parametrize("text", ["", "/", "hello /run", " /run", "//run", "/ run", "/run!", "/_run", "/a/b"])
def test_any_other_text_is_none(text: str) -> None:
    assert parse_command(text) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("/run {campaign 1}", "no JSON object"),
        ('/run {"a": 1} b', "no JSON object"),
        ("/run a=1 do it", "unlike: do it"),
        ("/run a=1 a=2", "a is there twice"),
        ('/run a="b', "quotation mark is missing"),
        ("/run a=“b", "quotation mark is missing"),
        ('/run a="b"c=1', "space is missing before: c=1"),
        ("/run " + " ".join(f"a{n}=1" for n in range(101)), "at most 100 arguments"),
        ("/run a=" + "x" * 20_000, "at most 20,000 characters"),
    ],
)
def test_a_fault_is_explained(text: str, reason: str) -> None:
    with pytest.raises(CommandFault, match=reason) as fault:
        parse_command(text)
    assert fault.value.name == "run"


@given(st.dictionaries(st.from_regex(r"[a-z]{1,9}", fullmatch=True), st.text(max_size=20), max_size=5))
def test_json_and_quoted_strings_say_the_same(arguments: dict[str, str]) -> None:
    def quote(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    pairs = " ".join(f"{key}={quote(value)}" for key, value in arguments.items())
    assert parse_command(f"/run {pairs}") == parse_command(f"/run {json.dumps(arguments)}")
    assert parse_command(f"/run {pairs}") == Command("run", arguments)


@given(st.text(alphabet="/run{}=\"'\\ \nab:,1[]") | st.text())
def test_any_text_is_a_command_or_none_or_has_a_fault(text: str) -> None:
    for tried in (text, "/run " + text):
        try:
            found = parse_command(tried)
        except CommandFault:
            continue
        assert found is None or slug_of(found.name) == found.name


def test_the_closest_names() -> None:
    names = ["email-wizard", "marketing", "shopify-sentinel", "market-scout"]
    assert closest("email-wizzard", names) == ["email-wizard"]
    assert closest("market", names)[0] in ("marketing", "market-scout")
    assert set(closest("market", names)) == {"marketing", "market-scout"}
    assert closest("zzz", names) == []


def test_names_that_read_alike_are_one() -> None:
    assert slug_of("Sa\u0303o Pau\u200dlo!") == slug_of("são_PAULO") == "são-paulo"
    assert slug_of("\u0301 \u0301a") == "a"


@given(st.text() | st.text(alphabet="aा́\u200d -_"))
def test_a_slug_can_be_typed(name: str) -> None:
    slug = slug_of(name)
    if slug:
        found = parse_command(f"/{slug}")
        assert found is not None
        assert found.name == slug_of(slug)
