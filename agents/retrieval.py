"""Finding what a workspace has by its meaning, where a provider of it makes vectors.

What can be found is looked at in the background, in pieces, on the workspace's account; a piece that says
what it said before is not paid for again. Asking needs one vector more. Nothing fails for want of a model.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

from agents.llm.embeddings import MOST_TEXTS, Embedder
from storage.access import Standing
from storage.engine import Database
from storage.models import SearchEntry
from storage.repositories.llm import Payer
from storage.search.queries import Query
from storage.search.vectors import Vector, key_of
from storage.search.words import words_of

PIECE_CHARACTERS: Final = 1500
MOST_PIECES: Final = 64
"""Of one thing; what comes behind is found by its words alone."""

LEAST_WORDS: Final = 3
"""Of a thing: a shorter one says nothing that its words do not."""

QUIET: Final = timedelta(seconds=10)
"""What was written just now is mostly written on."""

_AT_ONCE = 32


async def look_at_some(database: Database, embedder: Embedder, workspace_id: UUID, model: str) -> bool | None:
    """Have vectors made of some of what has none; tell whether there may be more, None: not at the moment."""
    async with database.read() as uow:
        waiting = await uow.search_vectors.waiting(workspace_id, uow.now - QUIET, _AT_ONCE)
        known = dict(await uow.search_vectors.known(waiting, model))
    pieces = {entry.id: list(pieces_of(entry)) for entry in waiting}
    wanted = {(key_of(entry), _digest(text)): text for entry in waiting for text in pieces[entry.id]}
    missing = [(place, text) for place, text in wanted.items() if place not in known]
    for start in range(0, len(missing), MOST_TEXTS):
        some = missing[start : start + MOST_TEXTS]
        made = await embedder.embed(Payer(workspace_id), [text for _, text in some])
        if made is None or made.model != model:
            return None
        async with database.transaction() as uow:
            if await uow.search_vectors.begin_anew(workspace_id, model, len(made.vectors[0])):
                return True
        known |= {place: vector for (place, _), vector in zip(some, made.vectors, strict=True)}
    async with database.transaction() as uow:
        for entry in waiting:
            digests = [_digest(text) for text in pieces[entry.id]]
            vectors = [Vector(digest, known[key_of(entry), digest]) for digest in digests]
            await uow.search_vectors.keep(entry, model, vectors)
    return len(waiting) == _AT_ONCE


async def find_alike(
    database: Database,
    embedder: Embedder,
    payer: Payer,
    standing: Standing,
    query: Query,
    limit: int,
) -> Sequence[SearchEntry]:
    """Return what the standing lets one see that means what a query says, the nearest first."""
    asked = await embedder.embed(payer, [query.text]) if words_of(query.text) else None
    if asked is None:
        return []
    async with database.read() as uow:
        return await uow.search_vectors.nearest(
            standing, payer.workspace_id, query, asked.model, asked.vectors[0], limit
        )


def pieces_of(entry: SearchEntry) -> Iterator[str]:
    """Give what vectors are made of: the text in pieces, each below the title. Pure."""
    if len(words_of(f"{entry.title} {entry.body[:PIECE_CHARACTERS]}")) < LEAST_WORDS:
        return
    rest, count = entry.body.strip(), 0
    while count < MOST_PIECES and (rest or not count):
        cut = _cut_of(rest)
        yield f"{entry.title}\n{rest[:cut]}".strip()
        rest, count = rest[cut:].lstrip(), count + 1


def _cut_of(text: str) -> int:
    """Return where the first piece ends: behind a paragraph, a sentence or a word of its second half."""
    if len(text) <= PIECE_CHARACTERS:
        return len(text)
    for end in ("\n\n", "\n", ". ", " "):
        found = text.rfind(end, PIECE_CHARACTERS // 2, PIECE_CHARACTERS)
        if found >= 0:
            return found + len(end)
    return PIECE_CHARACTERS


def _digest(text: str) -> bytes:
    return sha256(text.encode("utf-8", "replace")).digest()
