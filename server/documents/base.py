"""What a caller saw of a document: `EPOCH.POSITION`, given with every answer and brought back with a change.

A position of the log says exactly which edits somebody has seen, deletions too, which a state vector does not
tell. The epoch keeps a copy from before a reset out (D7).
"""

import re

import msgspec

from server.errors import ConflictError, FieldError, InvalidError

PATTERN = r"^[0-9a-f]{0,8}\.[0-9]{1,15}$"


class Base(msgspec.Struct, frozen=True):
    """A moment of a document."""

    epoch: str
    position: int

    def __str__(self) -> str:
        return f"{self.epoch}.{self.position}"


def read_base(text: str, *, now: Base, field: str = "body.base") -> Base:
    """Return the base that a caller names in a field; `now` is the newest one.

    Raises InvalidError, ConflictError.
    """
    if not re.fullmatch(PATTERN, text):
        raise InvalidError("Not a base.", errors=(FieldError(field, "Not a base"),))
    epoch, _, position = text.partition(".")
    if epoch != now.epoch:
        raise ConflictError("The document has begun anew: read it again.", code="base_gone")
    if int(position) > now.position:
        fault = FieldError(field, "The document has not come to this position yet")
        raise InvalidError(f"{fault.detail}.", code="invalid_reference", errors=(fault,))
    return Base(epoch, int(position))
