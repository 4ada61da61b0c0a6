"""Frames of other sites inside of a page: the one form that the server writes, and that is shown. Pure."""

import re
from html import escape

_SANDBOX = "allow-scripts allow-same-origin allow-popups allow-presentation"
_ENDING = (
    f' sandbox="{_SANDBOX}" referrerpolicy="strict-origin-when-cross-origin" loading="lazy"'
    " allowfullscreen></iframe>"
)
_FRAME = re.compile(
    r'<iframe src="https?://[^"<>\s]+" title="[^"<>]*" width="\d{1,4}" height="\d{1,4}"' + re.escape(_ENDING)
)


def write_frame(source: str, title: str, width: int, height: int) -> str:
    """Write a frame that may run scripts, but reaches nothing of whoever shows it."""
    return (
        f'<iframe src="{escape(source)}" title="{escape(title)}" width="{width}" height="{height}"{_ENDING}'
    )


def is_frame(html: str) -> bool:
    """Tell whether markup, which anybody may have written, is one frame of that form."""
    return _FRAME.fullmatch(html) is not None
