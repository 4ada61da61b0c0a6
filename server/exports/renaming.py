"""Ids of an export in another installation: kept where they are free, else new ones in their order. Pure.

An id is a text of 36 characters wherever it stands: in a row, in a name, inside a live document. So one id
can take the place of another in the bytes of a Yjs update, whatever is around it, and nothing else moves.
"""

import hashlib
import re
from collections.abc import Collection, Mapping
from typing import Any, cast
from uuid import UUID

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_ID_IN_BYTES = re.compile(_ID.pattern.encode())


class Renaming:
    """Gives ids their names in the new workspace.

    `people` are accounts by the ids that the export has for them, `known` the ids of its rows, and `salt`
    what new ones are made from: None to keep them.
    """

    def __init__(self, people: Mapping[UUID, UUID], known: Collection[UUID], salt: bytes | None) -> None:
        self._people = {str(old): str(new) for old, new in people.items()}
        self._known = {str(id_) for id_ in known}
        self._salt = salt

    def id(self, old: UUID) -> UUID:
        """Return the new id of a row of the export."""
        return old if self._salt is None else derive(self._salt, old)

    def text(self, text: str) -> str:
        """Return a text in which ids of rows and people are the new ones."""
        return _ID.sub(lambda found: self._name(found.group(), of_rows=True), text)

    def value(self, value: Any) -> Any:
        """Return JSON in which ids of rows and people are the new ones."""
        match value:
            case str():
                return self.text(value)
            case list():
                return [self.value(item) for item in cast("list[Any]", value)]
            case dict():
                members = cast("dict[str, Any]", value)
                return {self.text(name): self.value(member) for name, member in members.items()}
            case _:
                return value

    def update(self, update: bytes) -> bytes:
        """Return a Yjs update with the new ids.

        When ids are new, those are too that only the document knows: of its blocks and messages, of which
        there are tables.
        """
        return _ID_IN_BYTES.sub(
            lambda found: self._name(found.group().decode(), of_rows=False).encode(), update
        )

    def _name(self, old: str, *, of_rows: bool) -> str:
        if old in self._people:
            return self._people[old]
        if self._salt is None or (of_rows and old not in self._known):
            return old
        return str(derive(self._salt, UUID(old)))


def derive(salt: bytes, old: UUID) -> UUID:
    """Return an id that follows from an old one and sorts like it: the random part of a UUIDv7 is another."""
    random = int.from_bytes(hashlib.sha256(salt + old.bytes).digest()[:8], "big")
    kept = old.int & ~((1 << 62) - 1)
    return UUID(int=kept | (random & ((1 << 62) - 1)))
