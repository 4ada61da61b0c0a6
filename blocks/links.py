"""Whom and what a rich text names: people, agents, channels, and the pages that it leads to.

A link is a node `mention` {id, kind, label}, where `kind` is `user`, `agent`, `page` or `channel` (`user`
where it says nothing) and `id` a UUID or `kind:UUID`; or a mark `link` whose `href` leads to a page:
`page:UUID`, or an address whose path ends in `/pages/UUID`. A file of the workspace is shown, and led to,
under `/v1/files/UUID/content`. Pure, and total.
"""

import re
from collections.abc import Iterator
from typing import Any, Literal, cast
from uuid import UUID

import msgspec

LinkKind = Literal["user", "agent", "page", "channel"]

MAX_LINKS = 1000
"""So many different ones of a block count."""

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_TARGET = re.compile(rf"(?:(?P<kind>user|agent|page|channel):)?(?P<id>{_UUID})")
_TO_PAGE = re.compile(rf"(?:page:|(?:[^?#]*/)?pages/)(?P<id>{_UUID})(?:[?#].*)?", re.DOTALL)


_TO_FILE = re.compile(
    rf"(?:[^?#]*/)?v1/files/(?P<id>{_UUID})/(?:content|linked|thumbnail)(?:[?#].*)?", re.DOTALL
)


class Link(msgspec.Struct, frozen=True):
    """Somebody or something that a text names."""

    kind: LinkKind
    id: UUID | None
    """None: everybody in the channel that the text is in."""


def page_of(address: str) -> UUID | None:
    """Return the page that an address leads to."""
    found = _TO_PAGE.fullmatch(address)
    return UUID(found["id"]) if found else None


def file_of(address: str) -> UUID | None:
    """Return the file of a workspace that an address leads to."""
    found = _TO_FILE.fullmatch(address)
    return UUID(found["id"]) if found else None


def address_of_page(page_id: UUID) -> str:
    """Return what leads to a page in texts."""
    return f"page:{page_id}"


def address_of_file(file_id: UUID) -> str:
    """Return what leads to a file in texts."""
    return f"/v1/files/{file_id}/content"


def find_links(content: object) -> tuple[Link, ...]:
    """Return what the rich texts in a plain content name, wherever they are in it, each once."""
    return tuple(list(dict.fromkeys(_links_in(content)))[:MAX_LINKS])


def _links_in(value: object) -> Iterator[Link]:
    if isinstance(value, list):
        for item in cast("list[object]", value):
            yield from _links_in(item)
    elif isinstance(value, dict):
        node = cast("dict[str, Any]", value)
        attributes = node.get("attrs")
        if isinstance(attributes, dict):
            yield from _read_node(node.get("type"), cast("dict[str, object]", attributes))
        for item in node.values():
            yield from _links_in(item)


def _read_node(type_: object, attributes: dict[str, object]) -> Iterator[Link]:
    if type_ == "mention" and (found := _TARGET.fullmatch(str(attributes.get("id")))):
        kind = found["kind"] or attributes.get("kind") or "user"
        if kind in ("user", "agent", "page", "channel"):
            yield Link(kind, UUID(found["id"]))
    if type_ == "link" and (page_id := page_of(str(attributes.get("href")))):
        yield Link("page", page_id)
