"""The examples of the CommonMark specification, read, written and read again."""

import re
from html.parser import HTMLParser
from typing import TypeAlias
from urllib.parse import unquote

import msgspec
import pytest

from blocks.html_writer import to_html
from blocks.markdown_reader import from_markdown
from blocks.markdown_writer import to_markdown
from blocks.richtext import read_fragment
from tests.blocks.rich_texts import fragment_of
from tests.clients.driver import FOLDER

pytestmark = pytest.mark.node  # which brings the specification along

SPECIFICATION = FOLDER / "node_modules" / "commonmark-spec" / "spec.txt"

RAW_HTML = frozenset(("HTML blocks", "Raw HTML"))
"""What they show is sanitised here, or is text."""

NOT_SAID = {
    201: "a tag that HTML does not have",
    344: "a tag without its end",
    476: "a tag without its end",
    477: "a tag without its end",
    478: "code that is emphasised",
    479: "code that is emphasised",
    484: "a link without a text shows its address",
    491: "a tag that HTML does not have",
    494: "a tag without its end",
    516: "code in a link",
    524: "a tag that HTML does not have",
    530: "code in a link",
    536: "a tag that HTML does not have",
    596: "a scheme that no browser follows",
    598: "a scheme that no browser follows",
    599: "a scheme that no browser follows",
    601: "a scheme that no browser follows",
    642: "a tag without its end",
    643: "a tag without its end",
}
"""Examples whose HTML is not what an editor has, and why."""


class Example(msgspec.Struct, frozen=True):
    number: int
    section: str
    markdown: str
    html: str


def examples() -> list[Example]:
    source = SPECIFICATION.read_text().partition("<!-- END TESTS -->")[0].replace("→", "\t")
    found: list[Example] = []
    section = ""
    pattern = r"^`{32} example\n(.*?)^\.\n(.*?)^`{32}$|^#{1,6} *([^\n]*)$"
    for match in re.finditer(pattern, source, re.MULTILINE | re.DOTALL):
        if match[3] is not None:
            section = match[3]
        else:
            found.append(Example(len(found) + 1, section, match[1], match[2]))
    return found


class Character(msgspec.Struct, frozen=True):
    text: str
    marks: frozenset[tuple[str, str]]


Said: TypeAlias = "Character | str"


class Meaning(HTMLParser):
    """What HTML means: blocks, and characters with the marks that they have, however tags nest.

    Whether a list is tight is not told, nor white space that no browser shows.
    """

    MARKS = frozenset(("a", "em", "strong", "s", "code", "u", "mark"))
    BREAKS = frozenset(("br", "hr", "img"))

    def __init__(self) -> None:
        super().__init__()
        self.said: list[Said] = []
        self._marks: list[tuple[str, str]] = []
        self._is_code = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag in self.MARKS and not (tag == "code" and self._is_code):
            address = f"{unquote(values.get('href', ''))} {values.get('title', '')}" if tag == "a" else ""
            self._marks.append((tag, address))
        elif tag == "img":
            told = [unquote(values.get("src", "")), values.get("alt", ""), values.get("title", "")]
            self.end_line()
            self.said.append(f"img {told}")
        elif tag != "p":
            self.end_line()
            self._is_code = self._is_code or tag == "pre"
            self.said.append(f"{tag} {values.get('class', '')} {values.get('start', '')}")
        else:
            self.end_line()

    def handle_endtag(self, tag: str) -> None:
        if tag in self.MARKS and not (tag == "code" and self._is_code):
            self._marks.pop()
        elif tag not in self.BREAKS:
            self.end_line()
            self._is_code = self._is_code and tag != "pre"
            self.said += [] if tag in ("p", "code") else [f"/{tag}"]

    def handle_data(self, data: str) -> None:
        for character in data:
            shown = " " if character == "\n" and not self._is_code else character
            if shown == " " and not self._is_code and self._is_at_space():
                continue
            self.said.append(Character(shown, frozenset(self._marks)))

    def end_line(self) -> None:
        """Drop the space that no browser shows at the end of a line."""
        last = self.said[-1] if self.said else None
        if not self._is_code and isinstance(last, Character) and last.text == " ":
            self.said.pop()

    def _is_at_space(self) -> bool:
        last = self.said[-1] if self.said else None
        return not isinstance(last, Character) or last.text == " "


def meaning(html: str) -> list[Said]:
    parser = Meaning()
    parser.feed(html)
    parser.close()
    parser.end_line()
    return parser.said


def test_an_example_is_the_same_fragment_after_markdown():
    for example in examples():
        tree = from_markdown(example.markdown)
        assert read_fragment(fragment_of(tree)) == tree, example
        assert from_markdown(to_markdown(tree)) == tree, example


def test_the_html_of_an_example_is_the_specifications():
    found = examples()
    assert len(found) == 652
    for example in found:
        if example.section not in RAW_HTML and example.number not in NOT_SAID:
            assert meaning(to_html(from_markdown(example.markdown))) == meaning(example.html), example
