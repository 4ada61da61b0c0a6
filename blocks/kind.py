"""What a type of block is made of: the Struct of its content, and what goes beyond it.

A block's `schema_version` says of which version its content is (1 where it says nothing). Older content is
brought up to date whenever it is read, and written so when it is next changed; newer content is kept and left
alone.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, TypeVar

import msgspec
import pycrdt

from blocks.errors import Fault, InvalidContentError
from blocks.schema import find_unwritable, merge_patch, repair, rewrite, write
from blocks.tree import Json, to_json

C = TypeVar("C", bound=msgspec.Struct)

Fields = dict[str, Json]
Upgrade = Callable[[Fields], Fields]
"""From the plain content of one version to that of the next."""

PATH = "content"


def no_faults(content: Any) -> Iterable[Fault]:
    """Find nothing wrong with a content whose fields fit."""
    return ()


class Kind(Generic[C]):
    """One type of blocks. `C` is the Struct of its content, all of whose fields have defaults."""

    def __init__(
        self,
        name: str,
        content: type[C],
        *,
        text: Callable[[C], Iterable[str]],
        check: Callable[[C], Iterable[Fault]] = no_faults,
        tidy: Callable[[C], C] = lambda content: content,
        arrange: Callable[[Fields, Fields, Fields], None] = lambda before, merged, patch: None,
        upgrades: Mapping[int, Upgrade] | None = None,
        of_server: Iterable[str] = (),
    ) -> None:
        """Describe a type.

        `text` gives what people read in a content, piece by piece. `check` finds what no single field shows:
        a caller's content is refused for it, a document's is told of. `tidy` shows a document's content
        without what hangs on something that is gone. `arrange` completes a patch (before, merged, patch):
        order keys, and what else goes where an entry goes. `upgrades` has one step for each earlier version.
        `of_server` are fields that only the server writes.
        """
        self.name = name
        self.content = content
        self.text = text
        self.of_server = frozenset(of_server)
        self._check = check
        self._tidy = tidy
        self._arrange = arrange
        self._upgrades = upgrades or {}
        self.version = 1 + len(self._upgrades)

    @property
    def fields(self) -> frozenset[str]:
        """The names of the content's fields."""
        return frozenset(self.content.__struct_fields__)

    def read(self, plain: Json, version: int, faults: list[Fault]) -> C:
        """Return a plain content of a version as it is now; note what did not fit."""
        content = repair(self.upgrade(plain, version), self.content, faults, PATH)
        faults += self._check(content)
        return self._tidy(content)

    def upgrade(self, plain: Json, version: int) -> Json:
        """Bring a plain content of an earlier version up to date."""
        if isinstance(plain, dict):
            for number in range(version, self.version):
                plain = self._upgrades[number](plain)
        return plain

    def parse(self, plain: Fields, *, by_server: bool = False) -> C:
        """Return a caller's content. Raises InvalidContentError."""
        self._refuse(plain, by_server=by_server)
        merged = merge_patch({}, plain)
        assert isinstance(merged, dict)
        self._arrange({}, merged, plain)
        return self._convert(merged)

    def change(self, before: C, patch: Fields, *, by_server: bool = False) -> C:
        """Return a content with a merge patch of a caller's. Raises InvalidContentError."""
        self._refuse(patch, by_server=by_server)
        plain = to_json(before)
        merged = merge_patch(plain, patch)
        assert isinstance(merged, dict)
        self._arrange(plain, merged, patch)
        return self._convert(merged)

    def create(self, place: pycrdt.Map[Any], content: C) -> None:
        """Write a content into an empty Map of a document."""
        write(place, content)

    def write(self, place: pycrdt.Map[Any], before: C, after: C) -> None:
        """Change a Map that was read as one content into another, by the differences."""
        rewrite(place, before, after)

    def _refuse(self, plain: Fields, *, by_server: bool) -> None:
        faults = find_unwritable(plain, self.content, PATH)
        if not by_server:
            faults += [
                Fault(f"{PATH}.{name}", "Written by the server only")
                for name in self.of_server & plain.keys()
            ]
        if faults:
            raise InvalidContentError(tuple(faults))

    def _convert(self, plain: Fields) -> C:
        faults: list[Fault] = []
        content = repair(plain, self.content, faults, PATH, is_strict=True)
        faults += self._check(content)
        if faults:
            raise InvalidContentError(tuple(faults))
        return content
