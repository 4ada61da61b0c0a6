"""`video`: a video, of the workspace's files or from elsewhere."""

from collections.abc import Iterable

import msgspec

from blocks.errors import Fault
from blocks.kind import Kind
from blocks.kinds.fields import Id, Prose, Url, missing


class VideoContent(msgspec.Struct, frozen=True):
    """Where the video is, and the picture (`poster`) that stands for it until it plays."""

    file_id: Id | None = None
    url: Url | None = None
    alt: Prose = ""
    caption: Prose = ""
    poster: Url | None = None


def _check(content: VideoContent) -> Iterable[Fault]:
    if content.file_id is None and content.url is None:
        yield missing("file_id", "url")


def _text(content: VideoContent) -> Iterable[str]:
    return (content.alt, content.caption)


KIND = Kind("video", VideoContent, text=_text, check=_check)
