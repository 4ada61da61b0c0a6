"""`embed_panel`: a page of another site, as that site wants to be shown."""

from collections.abc import Iterable
from typing import Annotated

import msgspec
from msgspec import Meta

from blocks.errors import Fault
from blocks.html_policy import sanitize
from blocks.kind import Kind
from blocks.kinds.fields import Line, Url, missing

MAX_HTML = 50_000


class EmbedPanelContent(msgspec.Struct, frozen=True):
    """An address, and what the server has found there: `html` is read sanitised, whoever wrote it."""

    url: Url | None = None
    title: Line = ""
    provider: Line = ""
    html: Annotated[str, Meta(max_length=MAX_HTML)] = ""


def _check(content: EmbedPanelContent) -> Iterable[Fault]:
    if content.url is None:
        yield missing("url")


def _text(content: EmbedPanelContent) -> Iterable[str]:
    return (content.title, content.provider, content.url or "")


def _tidy(content: EmbedPanelContent) -> EmbedPanelContent:
    html = sanitize(content.html)
    # Escaping makes it longer: what is too long to be written is too long to be shown.
    return msgspec.structs.replace(content, html=html if len(html) <= MAX_HTML else "")


KIND = Kind("embed_panel", EmbedPanelContent, text=_text, check=_check, tidy=_tidy, of_server=("html",))
