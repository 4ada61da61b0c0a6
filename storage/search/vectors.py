"""Finding by meaning: the vectors of what can be found, and the entries that are nearest to another vector.

What somebody may see decides first, as in `storage.search.index`. Comparing is exact for the few hundred that
are nearest by the signs of their dimensions, which takes bits alone; of few, all are compared.
"""

import asyncio
from array import array
from collections.abc import Mapping, Sequence
from datetime import datetime
from heapq import nlargest, nsmallest
from operator import mul
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, and_, delete, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.access import Standing
from storage.models import LlmProvider, SearchEntry, SearchVector
from storage.search.index import Search
from storage.search.queries import Query

MOST_LOOKED_AT: Final = 50_000
"""Parts of what somebody may see, the newest; what is older is found by its words alone."""

MOST_COMPARED: Final = 400
LEAST_LIKENESS: Final = 0.25
"""The cosine under which two texts have nothing to do with each other, whatever else there is."""

Key = tuple[UUID, str, str]
"""The owner, kind and id of a thing that can be found."""


class Vector(msgspec.Struct, frozen=True):
    """What a model makes of a text with this digest: little-endian 32-bit floats, of the length 1."""

    digest: bytes
    vector: bytes


class SearchVectors:
    """The vectors of all workspaces, as one unit of work sees them."""

    def __init__(self, session: AsyncSession, search: Search) -> None:
        self._session = session
        self._search = search

    async def workspaces(self) -> set[UUID]:
        """Return the workspaces that have a provider of models."""
        return set(
            await self._session.scalars(
                select(LlmProvider.workspace_id).where(LlmProvider.is_enabled).distinct()
            )
        )

    async def begin(self, workspace_id: UUID, model: str) -> None:
        """Let everything wait that another model has looked at."""
        await self._session.execute(
            update(SearchEntry)
            .where(SearchEntry.workspace_id == workspace_id, SearchEntry.vectors_by != model)
            .values(vectors_by=None)
            .execution_options(synchronize_session=False)
        )

    async def begin_anew(self, workspace_id: UUID, model: str, size: int) -> bool:
        """Let go of a model's vectors that have not so many bytes, and what they are of wait; tell of any.

        Behind the same name there may be another model one day: its vectors compare with no older ones.
        """
        gone = await self._session.scalars(
            delete(SearchVector)
            .where(SearchVector.workspace_id == workspace_id, SearchVector.model == model)
            .where(func.length(SearchVector.vector) != size)
            .returning(SearchVector.part)
            .execution_options(synchronize_session=False)
        )
        if not gone.all():
            return False
        await self._session.execute(
            update(SearchEntry)
            .where(SearchEntry.workspace_id == workspace_id, SearchEntry.vectors_by == model)
            .values(vectors_by=None)
            .execution_options(synchronize_session=False)
        )
        return True

    async def waiting(self, workspace_id: UUID, until: datetime, limit: int) -> Sequence[SearchEntry]:
        """Return what no model has looked at as it is now, written until then, the newest first."""
        statement = (
            select(SearchEntry)
            .where(SearchEntry.workspace_id == workspace_id, SearchEntry.vectors_by.is_(None))
            .where(SearchEntry.written_at <= until)
            .order_by(SearchEntry.id.desc())
            .limit(limit)
        )
        return (await self._session.scalars(statement)).all()

    async def known(self, entries: Sequence[SearchEntry], model: str) -> Mapping[tuple[Key, bytes], bytes]:
        """Return the vectors that a model has made of things, by thing and digest."""
        rows = await self._session.scalars(
            select(SearchVector).where(
                _key().in_([key_of(one) for one in entries]), SearchVector.model == model
            )
        )
        return {((row.owner_id, row.kind, row.subject_id), row.digest): row.vector for row in rows}

    async def keep(self, entry: SearchEntry, model: str, parts: Sequence[Vector]) -> bool:
        """Keep what a model has made of an entry, in place of all before; False where that has changed."""
        kept = await self._session.scalar(
            update(SearchEntry)
            .where(SearchEntry.id == entry.id, SearchEntry.subject_id == entry.subject_id)
            .where(SearchEntry.title == entry.title, SearchEntry.body == entry.body)
            .values(vectors_by=model)
            .returning(SearchEntry.id)
            .execution_options(synchronize_session=False)
        )
        if kept is None:
            return False
        await self._session.execute(
            delete(SearchVector)
            .where(_key().in_([key_of(entry)]))
            .execution_options(synchronize_session=False)
        )
        self._session.add_all(
            SearchVector(
                owner_id=entry.owner_id,
                kind=entry.kind,
                subject_id=entry.subject_id,
                part=number,
                workspace_id=entry.workspace_id,
                model=model,
                digest=part.digest,
                signs=signs_of(part.vector),
                vector=part.vector,
            )
            for number, part in enumerate(parts)
        )
        await self._session.flush()
        return True

    async def nearest(
        self, standing: Standing, workspace_id: UUID, query: Query, model: str, vector: bytes, limit: int
    ) -> list[SearchEntry]:
        """Return what somebody may see that says most nearly what a vector does, the nearest first.

        Of the query its filters count, and not its words.
        """
        visible = self._search.visible(standing, workspace_id, query)
        if visible is None:
            return []
        statement = (
            select(SearchEntry.id, SearchVector.part, SearchVector.signs)
            .join(SearchVector, _is_of_entry())
            .where(*visible, *_filters(query), SearchVector.model == model)
            .order_by(SearchEntry.id.desc())
            .limit(MOST_LOOKED_AT)
        )
        rows = [(row.id, row.part, row.signs) for row in await self._session.execute(statement)]
        chosen = await asyncio.to_thread(_nearest_signs, rows, signs_of(vector))
        found = await self._session.execute(
            select(SearchEntry, SearchVector.part, SearchVector.vector)
            .join(SearchVector, _is_of_entry())
            .where(SearchEntry.id.in_({id_ for id_, _ in chosen}), SearchVector.model == model)
        )
        entries: dict[int, SearchEntry] = {}
        vectors: list[tuple[int, bytes]] = []
        for entry, part, made in found:
            if (entry.id, part) in chosen:
                entries[entry.id] = entry
                vectors.append((entry.id, made))
        return [entries[id_] for id_ in await asyncio.to_thread(_nearest, vectors, vector, limit)]


def key_of(entry: SearchEntry) -> Key:
    """Return what an entry is about."""
    return entry.owner_id, entry.kind, entry.subject_id


def signs_of(vector: bytes) -> bytes:
    """Return a bit for each dimension of a vector. Pure."""
    bits = "".join("1" if value > 0 else "0" for value in array("f", vector))
    return int(bits or "0", 2).to_bytes((len(bits) + 7) // 8)


def likeness(one: Sequence[float], vector: bytes) -> float:
    """Return the cosine of two vectors of the length 1; 0 where their dimensions differ. Pure."""
    other = array("f", vector)
    return sum(map(mul, one, other)) if len(one) == len(other) else 0.0


def _nearest_signs(rows: Sequence[tuple[int, int, bytes]], signs: bytes) -> set[tuple[int, int]]:
    wanted = int.from_bytes(signs)
    if len(rows) > MOST_COMPARED:
        rows = nsmallest(MOST_COMPARED, rows, key=lambda row: (int.from_bytes(row[2]) ^ wanted).bit_count())
    return {(id_, part) for id_, part, _ in rows}


def _nearest(vectors: Sequence[tuple[int, bytes]], vector: bytes, limit: int) -> list[int]:
    """Return the ids of those whose vectors are nearest, each once."""
    target = array("f", vector)
    best: dict[int, float] = {}
    for id_, made in vectors:
        best[id_] = max(best.get(id_, 0.0), likeness(target, made))
    return nlargest(
        limit, (id_ for id_ in best if best[id_] >= LEAST_LIKENESS), key=lambda id_: (best[id_], id_)
    )


def _key() -> ColumnElement[Any]:
    return tuple_(SearchVector.owner_id, SearchVector.kind, SearchVector.subject_id)


def _is_of_entry() -> ColumnElement[bool]:
    return and_(
        SearchVector.owner_id == SearchEntry.owner_id,
        SearchVector.kind == SearchEntry.kind,
        SearchVector.subject_id == SearchEntry.subject_id,
    )


def _filters(query: Query) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if query.places:
        found.append(SearchEntry.owner_id.in_(query.places))
    if query.authors:
        found.append(SearchEntry.author.in_(query.authors))
    if query.before is not None:
        found.append(SearchEntry.written_at < query.before)
    if query.after is not None:
        found.append(SearchEntry.written_at >= query.after)
    return found
