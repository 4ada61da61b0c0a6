"""What is known of a page of another site."""

import msgspec

MAX_TITLE_CHARACTERS = 500
MAX_URL_CHARACTERS = 2000
"""What a block of a page takes."""


class Preview(msgspec.Struct, frozen=True):
    """How a page is shown. Texts are plain; `html` is one frame of a site that is known, or nothing."""

    title: str = ""
    provider: str = ""
    html: str = ""
    thumbnail_url: str | None = None
    is_found: bool = True
    """False for a plain link: the site did not answer, or with nothing that says more."""
    seconds: int | None = None
    """How long it may be kept, where the site says so."""


def plain_text(text: object, most: int = MAX_TITLE_CHARACTERS) -> str:
    """Return a text of another site as one line without signs that are not shown."""
    if not isinstance(text, str):
        return ""
    shown = "".join(sign if sign.isprintable() else " " for sign in text[: most * 4])
    return " ".join(shown.split())[:most]
