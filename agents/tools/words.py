"""How tools say what they found: short, and so that a model can go on from it."""

import hashlib
from collections.abc import Iterable

SHORT_CHARACTERS = 200


def short(text: str, most: int = SHORT_CHARACTERS) -> str:
    """Return a text in one line, or its beginning."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[:most]}…"


def digest(text: str) -> str:
    """Return what tells a text from a later one of the same place."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def listed(lines: Iterable[str], none: str) -> str:
    """Return lines, or what to say where there are none."""
    return "\n".join(lines) or none
