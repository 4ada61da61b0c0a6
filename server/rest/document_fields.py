"""What requests and answers over live documents share: what was seen, and what was committed."""

import base64
from typing import Annotated

import msgspec
from msgspec import Meta

from server.documents.base import PATTERN, Base

Position = Annotated[int, Meta(ge=0, le=10**15)]
Base64Url = Annotated[str, Meta(pattern="^[A-Za-z0-9_-]*={0,2}$")]
BaseText = Annotated[
    str,
    Meta(
        pattern=PATTERN,
        description="What you saw: `base` of an answer. The change is made on the document as it was then, "
        "and merged with what others did since.",
    ),
]


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """The moment of the document that an answer shows."""

    document: str
    position: Annotated[Position, Meta(description="How many edits the document had.")]
    base: Annotated[str, Meta(pattern=PATTERN, description="Say it with a change of what you see here.")]
    state_vector: Annotated[Base64Url, Meta(description="The same for clients that have a Yjs document.")]


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """That an edit is committed."""

    document: str
    position: Annotated[
        Position | None,
        Meta(description="The position at which all of it is committed; null: nothing was to be written."),
    ]
    state_vector: Base64Url


def show_seen(document: str, base: Base, state_vector: bytes) -> Seen:
    """Return a moment of a document as its readers see it."""
    return Seen(
        document=document,
        position=base.position,
        base=str(base),
        state_vector=base64.urlsafe_b64encode(state_vector).decode(),
    )


def show_receipt(document: str, position: int | None, state_vector: bytes) -> Receipt:
    """Return a receipt as the writer sees it."""
    return Receipt(
        document=document,
        position=position,
        state_vector=base64.urlsafe_b64encode(state_vector).decode(),
    )
