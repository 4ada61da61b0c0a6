"""`text`: a rich text."""

from collections.abc import Iterable

import msgspec

from blocks.kind import Kind
from blocks.richtext import plain_text
from blocks.schema import RichText
from blocks.tree import document


class TextContent(msgspec.Struct, frozen=True):
    """A rich text."""

    doc: RichText = document()


def _text(content: TextContent) -> Iterable[str]:
    return (plain_text(content.doc),)


KIND = Kind("text", TextContent, text=_text)
