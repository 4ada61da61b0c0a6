"""What the projector needs to know of a kind of documents."""

from collections.abc import Callable, Sequence
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


class Keeping(Protocol[R]):
    """How the child reads large documents that it keeps, so that following them costs what has changed."""

    def reading(
        self, address: str, position: int
    ) -> Callable[[bytes | None, Sequence[bytes], Known], Changes[R]]:
        """Return what does the same as `Rows.read`, and keeps the document as of a position."""
        ...

    def reading_on(self, standing: Standing) -> Callable[[Sequence[bytes]], Changes[R] | None] | None:
        """Return what reads all that the rows between a standing's position and its head touch.

        None where the document was not kept; what is returned may find, in the child, that it is not.
        """
        ...

    async def compare(self, uow: UnitOfWork, subject_id: UUID, touched: Changes[R]) -> Changes[R]:
        """Return what of that the tables do not have."""
        ...


class Rows(Protocol[R]):
    """The rows of one kind of documents."""

    @property
    def read(self) -> Callable[[bytes | None, Sequence[bytes], Known], Changes[R]]:
        """Compares a document with what the tables have of it; runs in the child. Raises DocumentDamaged."""
        ...

    @property
    def keeping(self) -> Keeping[R] | None:
        """How large documents are read; None: as all others."""
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
