"""The kinds of values that the contents of several types have, with their limits."""

from typing import Annotated, Any

from msgspec import Meta

from blocks.errors import Fault

Id = Annotated[str, Meta(min_length=1, max_length=100)]
Line = Annotated[str, Meta(max_length=500)]
Prose = Annotated[str, Meta(max_length=5000)]
Url = Annotated[str, Meta(max_length=2000, pattern=r"^https?://[!-~]+$")]
OrderKey = Annotated[str, Meta(max_length=1000, pattern="^[a-z][0-9a-z]+$")]
JsonObject = dict[str, Any]

MAX_ENTRIES = 10_000
"""Of one list in one block."""


def missing(*names: str) -> Fault:
    """Say that a content needs one of some fields."""
    return Fault("content", f"Needs {' or '.join(f'`{name}`' for name in names)}")
