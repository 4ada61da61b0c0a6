"""What agents remember, by workspace and namespace."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, delete, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import AgentMemory, MemoryKind, MemoryVector


class Shelf(msgspec.Struct, frozen=True):
    """Where agents remember: what has the same one is shared. No other workspace has it."""

    workspace_id: UUID
    namespace: str


class Audience(msgspec.Struct, frozen=True):
    """Whose memories are wanted: what is for everybody, for this person, and for readers of these places."""

    user_id: UUID | None
    places: Collection[str]


class Memories:
    """Memories. Nothing here crosses a shelf."""

    def __init__(self, session: AsyncSession, now: datetime) -> None:
        self._session = session
        self._now = now

    async def places(self, shelf: Shelf) -> Collection[str]:
        """Return the documents in which what is on a shelf was learned."""
        found = await self._session.scalars(
            select(AgentMemory.place).where(*_on(shelf), AgentMemory.place.is_not(None)).distinct()
        )
        return [place for place in found if place is not None]

    async def add(self, memory: AgentMemory, most: int) -> None:
        """Keep a memory; the oldest beyond so many are forgotten."""
        shelf = Shelf(memory.workspace_id, memory.namespace)
        self._session.add(memory)
        await self._session.flush()
        beyond = (
            select(AgentMemory.id).where(*_on(shelf)).order_by(AgentMemory.id.desc()).offset(most).limit(100)
        )
        await self._remove(AgentMemory.id.in_((await self._session.scalars(beyond)).all()))

    async def has_run(self, shelf: Shelf, run_id: UUID) -> bool:
        """Tell whether what became of a run is remembered."""
        found = select(AgentMemory.id).where(
            *_on(shelf), AgentMemory.run_id == run_id, AgentMemory.kind == "run"
        )
        return await self._session.scalar(found.limit(1)) is not None

    async def find(self, shelf: Shelf, audience: Audience, memory_id: UUID) -> AgentMemory | None:
        """Return a memory of a shelf that is for somebody, or None."""
        return await self._session.scalar(
            select(AgentMemory).where(*_on(shelf), _is_for(audience), AgentMemory.id == memory_id)
        )

    async def find_same(
        self, shelf: Shelf, text: str, place: str | None, learned_from: UUID | None
    ) -> AgentMemory | None:
        """Return what says the same to the same people already, or None."""
        return await self._session.scalar(
            select(AgentMemory)
            .where(
                *_on(shelf),
                AgentMemory.text == text,
                AgentMemory.place == place,
                AgentMemory.learned_from_user_id == learned_from,
            )
            .limit(1)
        )

    async def list_in(
        self,
        shelf: Shelf,
        audience: Audience,
        *,
        kind: MemoryKind | None = None,
        since: datetime | None = None,
        before: UUID | None = None,
        limit: int,
    ) -> Sequence[AgentMemory]:
        """Return what is for somebody on a shelf, the newest first, older than the id `before`."""
        statement = (
            select(AgentMemory)
            .where(*_on(shelf), _is_for(audience))
            .order_by(AgentMemory.id.desc())
            .limit(limit)
        )
        if kind is not None:
            statement = statement.where(AgentMemory.kind == kind)
        if since is not None:
            statement = statement.where(AgentMemory.updated_at >= since)
        if before is not None:
            statement = statement.where(AgentMemory.id < before)
        return (await self._session.scalars(statement)).all()

    async def vectors(self, shelf: Shelf, model: str) -> Mapping[UUID, bytes]:
        """Return what a model has made of the memories on a shelf."""
        found = await self._session.execute(
            select(MemoryVector.memory_id, MemoryVector.vector)
            .join(AgentMemory, AgentMemory.id == MemoryVector.memory_id)
            .where(*_on(shelf), MemoryVector.model == model)
        )
        return {row.memory_id: row.vector for row in found}

    async def put_vectors(self, model: str, vectors: Mapping[UUID, tuple[str, bytes]]) -> None:
        """Keep what a model has made of memories, if they still have these texts."""
        rows = await self._session.scalars(
            select(AgentMemory).where(AgentMemory.id.in_(vectors)).with_for_update()
        )
        for memory in rows:
            text, vector = vectors[memory.id]
            if memory.text == text:
                await self._session.merge(MemoryVector(memory_id=memory.id, model=model, vector=vector))
        await self._session.flush()

    async def change(self, memory: AgentMemory, text: str, by: str) -> bool:
        """Let a memory say something else, and tell whether it did not already."""
        if memory.text == text:
            return False
        memory.text = text
        memory.written_by = by
        memory.updated_at = self._now
        await self._session.execute(
            delete(MemoryVector)
            .where(MemoryVector.memory_id == memory.id)
            .execution_options(synchronize_session=False)
        )
        await self._session.flush()
        return True

    async def remove(self, memory: AgentMemory) -> None:
        """Forget a memory for good."""
        await self._remove(AgentMemory.id == memory.id)

    async def clear(self, shelf: Shelf) -> int:
        """Forget all that is on a shelf, for good; return how much that was."""
        return await self._remove(*_on(shelf))

    async def forget_before(self, shelf: Shelf, moment: datetime) -> int:
        """Forget what nobody has changed since."""
        return await self._remove(*_on(shelf), AgentMemory.updated_at < moment)

    async def _remove(self, *chosen: ColumnElement[bool]) -> int:
        ids = (
            await self._session.scalars(
                delete(AgentMemory)
                .where(*chosen)
                .returning(AgentMemory.id)
                .execution_options(synchronize_session="fetch")
            )
        ).all()
        return len(ids)


def _on(shelf: Shelf) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return AgentMemory.workspace_id == shelf.workspace_id, AgentMemory.namespace == shelf.namespace


def _is_for(audience: Audience) -> ColumnElement[bool]:
    everybody = AgentMemory.place.is_(None) & AgentMemory.learned_from_user_id.is_(None)
    readers = AgentMemory.place.in_(sorted(audience.places))
    if audience.user_id is None:
        return or_(everybody, readers)
    return or_(everybody, readers, AgentMemory.learned_from_user_id == audience.user_id)
