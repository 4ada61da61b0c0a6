"""`embed_panel`: a page of another site, as that site wants to be shown."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from blocks.errors import Fault
from blocks.frames import is_frame
from blocks.html_policy import sanitize
from blocks.kind import Fields, Kind
from blocks.kinds.fields import Line, Url, missing

MAX_HTML = 50_000

OF_SERVER = ("html", "thumbnail_url", "resolved_url", "found_title")


class EmbedPanelContent(msgspec.Struct, frozen=True):
    """An address, and what the server has found there.

    `html` is read as a frame of ours or sanitised, whoever wrote it. `resolved_url` is the address of what
    was found, `found_title` what the site calls it: a title that is another one is people's, and stays.
    """

    url: Url | None = None
    title: Line = ""
    provider: Line = ""
    html: Annotated[str, Meta(max_length=MAX_HTML)] = ""
    thumbnail_url: Url | None = None
    resolved_url: Url | None = None
    found_title: Line = ""


def unresolved_url(content: Mapping[str, Any]) -> str | None:
    """Return the address in a plain content that nobody has looked at yet, if there is one."""
    url = content.get("url")
    is_known = not isinstance(url, str) or not url or content.get("resolved_url") == url
    return None if is_known else url


def resolve(content: EmbedPanelContent, found: EmbedPanelContent) -> Fields:
    """Return the patch that gives a block what was found at its address, beside what people wrote."""
    patch: Fields = {name: getattr(found, name) for name in OF_SERVER}
    patch["resolved_url"] = content.url
    if content.title in ("", content.found_title):
        patch["title"] = found.found_title
    if not content.provider or content.resolved_url is not None:
        patch["provider"] = found.provider
    return patch


def _check(content: EmbedPanelContent) -> Iterable[Fault]:
    if content.url is None:
        yield missing("url")


def _text(content: EmbedPanelContent) -> Iterable[str]:
    return (content.title, content.provider, content.url or "")


def _tidy(content: EmbedPanelContent) -> EmbedPanelContent:
    if is_frame(content.html):
        return content
    html = sanitize(content.html)
    # Escaping makes it longer: what is too long to be written is too long to be shown.
    return msgspec.structs.replace(content, html=html if len(html) <= MAX_HTML else "")


KIND = Kind("embed_panel", EmbedPanelContent, text=_text, check=_check, tidy=_tidy, of_server=OF_SERVER)
