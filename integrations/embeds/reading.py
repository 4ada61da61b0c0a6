"""Reads what sites send: a page's head, oEmbed's JSON, and the frame in its HTML. Pure; expects the worst."""

import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from html.parser import HTMLParser
from typing import Any, cast
from urllib.parse import urljoin, urlsplit

import msgspec

from blocks.frames import write_frame
from integrations.embeds.models import MAX_URL_CHARACTERS, Preview, plain_text

OEMBED_TYPE = "application/json+oembed"
MAX_SIDE = 4000
_WIDTH, _HEIGHT = 640, 360
_CHARSET = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE)
_CHARSET_IN_TYPE = re.compile(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)
_HEAD_BYTES = 4096
_BODY = re.compile(r"<body[\s>]", re.IGNORECASE)
_MAX_ATTRIBUTES = 50
_LONGEST_SECONDS = 365 * 24 * 3600


def is_url(url: object) -> bool:
    """Tell whether something is an address that a block takes."""
    return (
        isinstance(url, str)
        and len(url) <= MAX_URL_CHARACTERS
        and re.fullmatch(r"https?://[!-~]+", url) is not None
        and "@" not in urlsplit(url).netloc
    )


def decode(body: bytes, content_type: str) -> str:
    """Return a page's text: in the charset that the answer names, else the page, else UTF-8."""
    named = _CHARSET_IN_TYPE.search(content_type)
    written = _CHARSET.search(body[:_HEAD_BYTES])
    names = [named[1] if named else "", written[1].decode("ascii", "replace") if written else "", "utf-8"]
    for name in filter(None, names):
        try:
            return body.decode(name, "replace")
        except (LookupError, UnicodeError):
            continue
    return ""


class Head(HTMLParser):
    """What is in the head of a page: its title, `meta` by name (the first of each), and `link`s."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.meta: dict[str, str] = {}
        self.links: list[tuple[str, str, str]] = []
        """Relation, type and address."""
        self.title = ""
        self._is_in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what says something of the page."""
        given = {name: value or "" for name, value in attrs[:_MAX_ATTRIBUTES]}
        if tag == "meta":
            name = (given.get("property") or given.get("name") or "").lower()
            if name and given.get("content"):
                self.meta.setdefault(name, given["content"])
        elif tag == "link" and given.get("href"):
            found = (given.get("rel", "").lower(), given.get("type", "").lower(), given["href"])
            self.links.append(found)
        self._is_in_title = tag == "title" and not self.title

    def handle_endtag(self, tag: str) -> None:
        """Leave the title."""
        self._is_in_title = False

    def handle_data(self, data: str) -> None:
        """Take the title."""
        if self._is_in_title:
            self.title += data


def read_head(body: bytes, content_type: str) -> Head:
    """Read a page, or its beginning; what makes no sense is passed over."""
    text = decode(body, content_type)
    behind = _BODY.search(text)
    head = Head()
    with suppress(AssertionError, ValueError):  # what the parser has for markup that it cannot follow
        head.feed(text[: behind.start()] if behind else text)
    return head


def oembed_of(head: Head, url: str) -> str | None:
    """Return where a page says that its oEmbed is."""
    for relation, type_, href in head.links:
        if type_ == OEMBED_TYPE and {"alternate", "alternative"} & set(relation.split()):
            return _joined(url, href)
    return None


def preview_of_head(head: Head, url: str) -> Preview | None:
    """Return what a page's head says of it (OpenGraph, Twitter's cards, its title); None for nothing."""
    meta = head.meta
    title = plain_text(meta.get("og:title") or meta.get("twitter:title") or head.title)
    image = meta.get("og:image:secure_url") or meta.get("og:image") or meta.get("twitter:image")
    icon = next((href for relation, _, href in head.links if "icon" in relation.split()), None)
    thumbnail = _joined(url, image or icon or "") if image or icon else None
    provider = plain_text(meta.get("og:site_name") or meta.get("application-name") or site_of(url))
    return Preview(title=title, provider=provider, thumbnail_url=thumbnail) if title else None


def read_oembed(body: bytes) -> dict[str, Any] | None:
    """Return an oEmbed answer; None for what is none."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else None


def preview_of_oembed(
    found: Mapping[str, Any], url: str, frames: Collection[str], player: str | None
) -> Preview | None:
    """Return what an oEmbed answer says; its frame only if its address begins like one of `frames`."""
    title = plain_text(found.get("title") or found.get("author_name"))
    provider = plain_text(found.get("provider_name")) or site_of(url)
    source = _frame_in(found.get("html"), frames) or player
    if not title and source is None:
        return None
    sides = (_side(found.get("width"), _WIDTH), _side(found.get("height"), _HEIGHT))
    thumbnail = found.get("thumbnail_url")
    return Preview(
        title=title,
        provider=provider,
        html=write_frame(source, title or provider, *sides) if source else "",
        thumbnail_url=_joined(url, thumbnail) if isinstance(thumbnail, str) else None,
        seconds=_seconds(found.get("cache_age")),
    )


def site_of(url: str) -> str:
    """Return the site of an address, as people say it."""
    return plain_text((urlsplit(url).hostname or "").removeprefix("www."))


class _Frames(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "iframe":
            self.sources += [value for name, value in attrs[:_MAX_ATTRIBUTES] if name == "src" and value]


def _frame_in(html: object, frames: Collection[str]) -> str | None:
    if not isinstance(html, str):
        return None
    found = _Frames()
    try:
        found.feed(html)
    except (AssertionError, ValueError):
        return None
    for source in found.sources[:1]:
        address = f"https:{source}" if source.startswith("//") else source
        if is_url(address) and any(address.startswith(beginning) for beginning in frames):
            return address
    return None


def _joined(url: str, href: str) -> str | None:
    try:
        joined = urljoin(url, href.strip())
        return joined if is_url(joined) else None
    except ValueError:
        return None


def _number(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _side(value: object, usual: int) -> int:
    number = _number(value)
    return number if number is not None and 0 < number <= MAX_SIDE else usual


def _seconds(value: object) -> int | None:
    number = _number(value)
    return min(max(number, 0), _LONGEST_SECONDS) if number is not None else None
