"""`text`: a rich text."""

from collections.abc import Iterable

import msgspec

from blocks.kind import Kind
from blocks.schema import RichText, lines_of


class TextContent(msgspec.Struct, frozen=True):
    """A rich text."""

    doc: RichText = RichText()


def _text(content: TextContent) -> Iterable[str]:
    return lines_of(content.doc)


KIND = Kind("text", TextContent, text=_text)
