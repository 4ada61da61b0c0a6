"""The Markdown parser: CommonMark with tables and strikethrough, in bounded time and depth.

markdown-it drops what lies deeper than its limit, parses an image's text anew at each level, and looks for
the end of each `<!--` anew. Here the tail of what is too deep is a paragraph, and a tag in a text ends
nearby. The library is loaded at the first use.
"""

import re
from collections.abc import Callable
from functools import cache, partial
from typing import TYPE_CHECKING

from blocks.errors import TooManyElementsError

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_block import StateBlock
    from markdown_it.rules_inline import StateInline

MAX_LEVELS = 50
"""Of lists, items and quotes in each other; what lies deeper is one paragraph."""

MAX_IMAGES = 4
"""Of images in each other's texts."""

MOST_ELEMENTS = "most_elements"
"""What the parser's environment calls how many elements a text may have: the parser asks at each block."""

_MAX_TOKENS_OF_ELEMENT = 3
_MAX_TAG = 4_000
_MAX_COST = 10_000_000
"""Of brackets times signs in one text; thousands of links are far below it."""

_SPECIAL = re.compile(r"[\\`*_~\[\]<&!\n]")
_TAG = re.compile(
    r"<(?:/[A-Za-z][A-Za-z0-9-]*\s*|"
    r"[A-Za-z][A-Za-z0-9-]*(?:\s+[A-Za-z_:][\w:.-]*(?:\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s\"'=<>`]+))?)*\s*/?)>"
)
_COMMENT_END = "-->"
_SCHEMES = re.compile(r"\s*(?:javascript|vbscript|file|data):", re.IGNORECASE)


@cache
def parser() -> "MarkdownIt":
    """Return the parser, which keeps nothing of what it parses."""
    from markdown_it import MarkdownIt
    from markdown_it.rules_inline import image, link

    markdown = MarkdownIt("commonmark", {"maxNesting": 2 * MAX_LEVELS})
    markdown.enable(["table", "strikethrough"])
    markdown.block.ruler.before("table", "depth", _take_what_is_too_deep)
    markdown.inline.ruler.at("html_inline", _read_tag)
    markdown.inline.ruler.at("link", partial(_read_link, link))
    markdown.inline.ruler.at("image", partial(_read_image, image))
    # Addresses stay as they were written: writing HTML encodes them.
    markdown.normalizeLink = lambda url: url  # pyright: ignore[reportAttributeAccessIssue]
    markdown.normalizeLinkText = lambda link: link  # pyright: ignore[reportAttributeAccessIssue]
    markdown.validateLink = is_safe_address  # pyright: ignore[reportAttributeAccessIssue]
    return markdown


def is_safe_address(url: str) -> bool:
    """Whether an address runs no script and is no whole file."""
    return not _SCHEMES.match(url)


def _take_what_is_too_deep(state: "StateBlock", line: int, end_line: int, silent: bool) -> bool:
    most = state.env.get(MOST_ELEMENTS)
    if most is not None and len(state.tokens) > most * _MAX_TOKENS_OF_ELEMENT:
        raise TooManyElementsError(most)
    if state.level < MAX_LEVELS:
        return False
    if silent:
        return True
    content = state.getLines(line, end_line, state.blkIndent, False)
    state.line = end_line
    state.push("paragraph_open", "p", 1).map = [line, end_line]
    token = state.push("text_inline", "", 0)
    token.content = content
    token.map = [line, end_line]
    state.push("paragraph_close", "p", -1)
    return True


def _read_tag(state: "StateInline", silent: bool) -> bool:
    """Take a tag, or a comment, as what was written."""
    if state.src[state.pos] != "<":
        return False
    end = _end_of_comment(state) if state.src.startswith("<!--", state.pos) else _end_of_tag(state)
    if end is None:
        return False
    if not silent:
        token = state.push("html_inline", "", 0)
        token.content = state.src[state.pos : end]
    state.pos = end
    return True


def _end_of_tag(state: "StateInline") -> int | None:
    match = _TAG.match(state.src, state.pos, min(state.posMax, state.pos + _MAX_TAG))
    return match.end() if match else None


def _end_of_comment(state: "StateInline") -> int | None:
    known = state.env.setdefault("no_comment_end", {})
    if known.get(state.src, len(state.src)) <= state.pos:
        return None
    end = state.src.find(_COMMENT_END, state.pos + 2)
    if end < 0:
        known.clear()
        known[state.src] = state.pos
        return None
    return end + len(_COMMENT_END)


def _read_link(link: Callable[["StateInline", bool], bool], state: "StateInline", silent: bool) -> bool:
    return state.src[state.pos] == "[" and not _is_costly(state) and link(state, silent)


def _read_image(image: Callable[["StateInline", bool], bool], state: "StateInline", silent: bool) -> bool:
    depth = int(state.env.get("images", 0))
    if state.src[state.pos] != "!" or depth >= MAX_IMAGES or _is_costly(state):
        return False
    state.env["images"] = depth + 1
    try:
        return image(state, silent)
    finally:
        state.env["images"] = depth


def _is_costly(state: "StateInline") -> bool:
    """Whether it would take too long to look for the end of each bracket of a text."""
    source, is_costly = state.env.get("costly", (None, False))
    if source is not state.src:
        brackets = state.src.count("[")
        is_costly = brackets > 1 and brackets * len(_SPECIAL.findall(state.src)) > _MAX_COST
        state.env["costly"] = state.src, is_costly
    return is_costly
