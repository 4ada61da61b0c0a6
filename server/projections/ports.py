"""What the projector needs to know of a kind of documents."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar
from uuid import UUID

import msgspec

from blocks.rows import Changes, Known
from storage.repositories.projections import Standing
from storage.unit_of_work import UnitOfWork

R = TypeVar("R", bound=msgspec.Struct)


class Happening(msgspec.Struct, frozen=True):
    """An event on the document's page or channel."""

    type: str
    actor: str | None
    payload: dict[str, Any]
    subject: str | None = None
    """What it is an event on, if that is not the document itself."""


class Moment(msgspec.Struct, frozen=True):
    """The position whose content is written."""

    written_at: datetime
    """When its newest row was written."""
    author: str | None
    """Who wrote that row."""
    is_past: bool
    """Whether the rows followed up to there before, and are made anew."""


Compare = Callable[[UnitOfWork, UUID, Changes[R]], Awaitable[Changes[R]]]
"""Takes all that was touched in the document of a page or channel; returns what the tables do not have."""


class Rows(Protocol[R]):
    """The rows of one kind of documents."""

    @property
    def read(self) -> Callable[[bytes | None, Sequence[bytes], Known], Changes[R]]:
        """Compares a document with what the tables have of it; runs in the child. Raises DocumentDamaged."""
        ...

    @property
    def compare(self) -> Compare[R] | None:
        """How documents that are kept are followed; None: these are not kept."""
        ...

    async def known(self, uow: UnitOfWork, subject_id: UUID) -> Known:
        """Return what the tables have of a page or channel."""
        ...

    async def write(
        self, uow: UnitOfWork, standing: Standing, rows: Sequence[tuple[R, bytes]], moment: Moment
    ) -> list[Happening]:
        """Write rows that are new or other than before; return what has happened by that."""
        ...

    async def finish(
        self, uow: UnitOfWork, standing: Standing, changes: Changes[R], moment: Moment
    ) -> list[Happening]:
        """Remove rows that are gone, and write what is left; return what has happened by that."""
        ...
