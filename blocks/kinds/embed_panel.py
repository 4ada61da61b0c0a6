"""`embed_panel`: a page of another site, as that site wants to be shown."""

from collections.abc import Iterable

import msgspec

from blocks.errors import Fault
from blocks.kind import Kind
from blocks.kinds.fields import Line, Url, missing
from blocks.schema import Html


class EmbedPanelContent(msgspec.Struct, frozen=True):
    """An address, and what the server has found there."""

    url: Url | None = None
    title: Line = ""
    provider: Line = ""
    html: Html = ""


def _check(content: EmbedPanelContent) -> Iterable[Fault]:
    if content.url is None:
        yield missing("url")


def _text(content: EmbedPanelContent) -> Iterable[str]:
    return (content.title, content.provider, content.url or "")


KIND = Kind("embed_panel", EmbedPanelContent, text=_text, check=_check, of_server=("html",))
