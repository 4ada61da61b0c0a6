"""`tiktok_post`: a video of a brand's or a creator's on TikTok."""

from collections.abc import Iterable

import msgspec

from blocks.errors import Fault
from blocks.kind import Kind
from blocks.kinds.fields import Id, JsonObject, missing


class TiktokPostContent(msgspec.Struct, frozen=True):
    """Whose video it is and which one, and what TikTok last said of it."""

    brand_id: Id | None = None
    creator_id: Id | None = None
    video_id: Id | None = None
    cache: JsonObject = {}


def _check(content: TiktokPostContent) -> Iterable[Fault]:
    if content.brand_id is None and content.creator_id is None:
        yield missing("brand_id", "creator_id")
    if content.video_id is None:
        yield missing("video_id")


def _text(content: TiktokPostContent) -> Iterable[str]:
    title: object = content.cache.get("title")
    return (title,) if isinstance(title, str) else ()


KIND = Kind("tiktok_post", TiktokPostContent, text=_text, check=_check, of_server=("cache",))
