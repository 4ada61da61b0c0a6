"""`image`: a picture, of the workspace's files or from elsewhere."""

from collections.abc import Iterable

import msgspec

from blocks.errors import Fault
from blocks.kind import Kind
from blocks.kinds.fields import Id, Prose, Url, missing


class ImageContent(msgspec.Struct, frozen=True):
    """Where the picture is, what it shows (`alt`), and what stands below it."""

    file_id: Id | None = None
    url: Url | None = None
    alt: Prose = ""
    caption: Prose = ""


def _check(content: ImageContent) -> Iterable[Fault]:
    if content.file_id is None and content.url is None:
        yield missing("file_id", "url")


def _text(content: ImageContent) -> Iterable[str]:
    return (content.alt, content.caption)


KIND = Kind("image", ImageContent, text=_text, check=_check)
