"""Slash commands: `/name in plain words`, `/name key=value other="two words"` or `/name {"json": "object"}`.

A message is a command when its text begins with a slash and a name. What follows is arguments where it
begins like them, and else words for whoever is commanded. A key of the object needs no quotation marks where
it is a word. Pure, and total: a text is a command, or none, or one with a fault that its sender can be told.
"""

import re
import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, cast

import msgspec

MAX_COMMAND_CHARACTERS = 20_000
MAX_ARGUMENTS = 100
MAX_NAME_CHARACTERS = 64
MAX_SUGGESTIONS = 3

_COMMAND = re.compile(r"/(\S+)")
_KEY = re.compile(r"[^\W\d][\w.-]{0,63}")
_PAIR = re.compile(_KEY.pattern + "=")
_BARE_KEY = re.compile(r'"(?:\\.|[^"\\])*"|([{,]\s*)([^\W\d]\w*)(?=\s*:)')
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?")
_WORDS: dict[str, object] = {"true": True, "false": False, "null": None}
_ESCAPED = {"n": "\n", "t": "\t"}
_QUOTES = {'"': '"', "'": "'", "“": "”", "„": "“”", "«": "»", "‘": "’"}
"""What begins a quoted string -> what ends it: telephones and word processors make others of plain ones."""

_JOINERS = "\u200c\u200d"
"""Without a width, inside of words: names are the same without them."""


class Command(msgspec.Struct, frozen=True):
    """What somebody wants done."""

    name: str
    """Without the slash, in lower case, with hyphens for underscores: a slug."""
    arguments: dict[str, Any]
    prompt: str = ""
    """What is asked in plain words; there are no arguments then."""


class CommandFault(Exception):
    """A command cannot be read; the message is for its sender."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(reason)
        self.name = name
        self.reason = reason


def parse_command(text: str) -> Command | None:
    """Return the command that a text is; None for any other text. Raises CommandFault."""
    found = _COMMAND.match(text)
    if found is None or not _is_name(found[1]):
        return None
    name, rest = slug_of(found[1]), text[found.end() :].strip()
    if len(text) > MAX_COMMAND_CHARACTERS:
        raise CommandFault(name, f"A command has at most {MAX_COMMAND_CHARACTERS:,} characters.")
    if rest.startswith("{"):
        return Command(name, _parse_json(name, rest))
    if rest and _PAIR.match(rest) is None:
        return Command(name, {}, rest)
    return Command(name, _parse_pairs(name, rest))


def slug_of(name: str) -> str:
    """Return the name under which something called so is commanded: `Email Wizard` is `email-wizard`."""
    words = "".join(c if _is_of_word(c) else " " for c in fold(name) if c not in _JOINERS).split()
    slug = "-".join(filter(None, (word.lstrip("".join(filter(_is_mark, word))) for word in words)))
    return slug[:MAX_NAME_CHARACTERS].strip("-")


def fold(name: str) -> str:
    """Return a name in the one form in which those that read alike are the same."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def closest(name: str, known: Iterable[str]) -> list[str]:
    """Return the known names that somebody may have meant, the most likely one first."""
    names = sorted(set(known))
    begin = [other for other in names if other.startswith(name) or name.startswith(other)]
    alike = get_close_matches(name, names, n=MAX_SUGGESTIONS, cutoff=0.5)
    return list(dict.fromkeys([*alike, *begin]))[:MAX_SUGGESTIONS]


def _is_name(word: str) -> bool:
    is_short = len(word) <= MAX_NAME_CHARACTERS
    return is_short and word[0].isalnum() and all(c in f"_-{_JOINERS}" or _is_of_word(c) for c in word)


def _is_of_word(character: str) -> bool:
    return character.isalnum() or _is_mark(character)


def _is_mark(character: str) -> bool:
    """Tell whether a character belongs to the one before, as vowels do in many scripts."""
    return unicodedata.category(character).startswith("M")


def _parse_json(name: str, text: str) -> dict[str, Any]:
    if '"' not in text:
        text = re.sub("[“”„]", '"', text)
    try:
        value: object = msgspec.json.decode(_BARE_KEY.sub(_quote_key, text))
    except (msgspec.DecodeError, RecursionError) as error:
        raise CommandFault(name, f"What is in the braces is no JSON object: {error}.") from None
    return cast("dict[str, Any]", value)


def _quote_key(found: re.Match[str]) -> str:
    return found[0] if found[2] is None else f'{found[1]}"{found[2]}"'


def _parse_pairs(name: str, text: str) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    position = 0
    while position < len(text):
        key = _KEY.match(text, position)
        if key is None or text[key.end() : key.end() + 1] != "=":
            raise CommandFault(
                name,
                f"Write arguments as key=value or as a JSON object, unlike: {_excerpt(text, position)}",
            )
        if key[0] in arguments:
            raise CommandFault(name, f"The argument {key[0]} is there twice.")
        if len(arguments) == MAX_ARGUMENTS:
            raise CommandFault(name, f"A command has at most {MAX_ARGUMENTS} arguments.")
        arguments[key[0]], position = _parse_value(name, text, key.end() + 1)
        if position < len(text) and not text[position].isspace():
            raise CommandFault(name, f"A space is missing before: {_excerpt(text, position)}")
        while position < len(text) and text[position].isspace():
            position += 1
    return arguments


def _parse_value(name: str, text: str, start: int) -> tuple[object, int]:
    """Return the value that begins somewhere, and where it ends."""
    if text[start : start + 1] in _QUOTES:
        return _parse_quoted(name, text, start)
    end = start
    while end < len(text) and not text[end].isspace():
        end += 1
    word = text[start:end]
    if word in _WORDS:
        return _WORDS[word], end
    if _NUMBER.fullmatch(word):
        return (float(word) if "." in word else int(word)), end
    return word, end


def _parse_quoted(name: str, text: str, start: int) -> tuple[str, int]:
    ends, position, read = _QUOTES[text[start]], start + 1, list[str]()
    while position < len(text):
        character = text[position]
        if character in ends:
            return "".join(read), position + 1
        if character == "\\" and position + 1 < len(text):
            position += 1
            character = _ESCAPED.get(text[position], text[position])
        read.append(character)
        position += 1
    raise CommandFault(name, f"A quotation mark is missing behind: {_excerpt(text, start)}")


def _excerpt(text: str, start: int) -> str:
    return text[start : start + 40].replace("\n", " ")
