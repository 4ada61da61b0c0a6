"""Which HTML is let in and out: what a rich text can say, and nothing that acts.

One policy for both ways. Scripts, styles, frames and drawings go with all that is in them; of other tags that
are not known the text stays. Addresses lead to the web, to mail and to telephones, or are relative.
"""

import re
from functools import cache
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # loaded with the first HTML
    import nh3

MAX_NESTING = 5_000
"""Of tags that are not closed: the time that sanitising takes grows with the square of it."""

_TAG = re.compile(r"<(/?)([A-Za-z][^\s<>/]*)[^<>]*>")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


BOUNDARIES = _words(
    "article aside address center details dd div dl dt fieldset figcaption figure footer form header hgroup"
    " main nav search section summary"
)
"""Blocks that are no nodes: what is in them begins and ends a line."""

_BLOCKS = _words(
    "blockquote caption col colgroup h1 h2 h3 h4 h5 h6 hr li ol p pre table tbody td tfoot th thead tr ul"
)
_INLINE = _words(
    "a abbr b bdi bdo big br cite code del dfn em font i img input ins kbd label mark q s samp small span"
    " strike strong sub sup time tt u var wbr"
)
_REMOVED = _words(
    "iframe math noembed noframes noscript object script select style svg template textarea title"
)
"""Tags that go with all that is in them."""

_EMPTIED = _words(
    "applet audio base body button canvas embed frame frameset head html link meta option video"
)
TAGS = BOUNDARIES | _BLOCKS | _INLINE

_VOID = _words("br hr img input wbr col p li tr td th dd dt")
"""Those that are closed by themselves."""

SCHEMES = _words("http https ftp ftps mailto tel callto sms cid xmpp")
"""Those that Tiptap's links may have."""

_ATTRIBUTES = {
    "a": {"href", "title", "target", "rel"},
    "code": {"class"},
    "img": {"src", "alt", "title", "width", "height"},
    "input": {"type", "checked", "disabled"},
    "li": {"data-checked", "data-type", "value"},
    "mark": {"data-color"},
    "ol": {"start", "type"},
    "pre": {"class"},
    "div": {"data-unreadable"},
    "span": {
        "data-type",
        "data-id",
        "data-kind",
        "data-label",
        "data-mention-suggestion-char",
        "data-unreadable",
    },
    "td": {"align", "colspan", "rowspan", "colwidth", "style"},
    "th": {"align", "colspan", "rowspan", "colwidth", "style"},
    "ul": {"data-type"},
}
_CLASSES = {"div": {"checkbox", "checkbox-on", "checkbox-off"}}
"""Those by which Notion says that a box is ticked or not."""


def is_html(name: str) -> bool:
    """Whether HTML has a tag of this name."""
    return name.lower() in TAGS | _REMOVED | _EMPTIED


def sanitize(html: str) -> str:
    """Return HTML without anything that acts, its tags closed; without any tags if they nest too deep."""
    if _depth(html) > MAX_NESTING:
        return escape(_TAG.sub(" ", html), quote=False)
    return _cleaner().clean(html)


def _depth(html: str) -> int:
    """Return how deep tags nest, at most: some are closed without a tag."""
    depth, deepest = 0, 0
    for match in _TAG.finditer(html):
        if not match[1]:
            depth += match[2].lower() not in _VOID
            deepest = max(depth, deepest)
        elif depth:
            depth -= 1
    return deepest


@cache
def _cleaner() -> "nh3.Cleaner":
    import nh3

    return nh3.Cleaner(
        tags=set(TAGS),
        clean_content_tags=set(_REMOVED),
        attributes=_ATTRIBUTES,
        allowed_classes=_CLASSES,
        url_schemes=set(SCHEMES),
        filter_style_properties={"text-align"},
        link_rel=None,
    )
