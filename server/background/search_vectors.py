"""Has vectors made of what can be found, a while after it was written, where there is a model for that."""

import asyncio
import logging
from uuid import UUID

from agents.llm.embeddings import Embedder
from agents.retrieval import QUIET, look_at_some
from server.background.leadership import Leadership
from storage.engine import Database
from storage.errors import StorageError
from storage.event_feed import EVERYWHERE_SECONDS, EventFeed

logger = logging.getLogger(__name__)

EVERY_SECONDS = 1.0
"""How often is looked where something was written just now."""

LOOK_SECONDS = 3.0
"""How often is looked, while anything is written, which workspaces have a provider."""

WRITTEN_FOR = 2 * QUIET.total_seconds()
"""So long is looked where something has happened: what is found of it comes behind, and waits for a pause."""

AGAIN_SECONDS = 120.0
"""How long a workspace rests whose provider, or budget, gave no vectors."""


class SearchVectorMaking:
    """Follows the workspaces, in one process at a time."""

    def __init__(self, database: Database, feed: EventFeed, embedder: Embedder) -> None:
        self._database = database
        self._feed = feed
        self._embedder = embedder
        self._leadership = Leadership(database, "search-vectors")
        self._models: dict[UUID, str] = {}
        """Whose vectors a workspace has, as far as that was looked at."""
        self._resting: dict[UUID, float] = {}
        """Workspace -> until when, in the loop's time."""

    async def run(self) -> None:
        """Follow whenever no other process does, until the task is cancelled."""
        await self._leadership.lead(self._follow)

    async def _follow(self) -> None:
        self._models.clear()
        self._resting.clear()
        written: dict[UUID, float] = {}
        """Workspace -> until when it is looked at, in the loop's time."""
        able, able_at, patience = set[UUID](), -LOOK_SECONDS, EVERYWHERE_SECONDS
        loop = asyncio.get_running_loop()
        with self._feed.subscribe() as subscription:
            while not (news := await subscription.next(patience)).is_over:
                now = loop.time()
                try:
                    if news.is_everywhere or now - able_at >= LOOK_SECONDS:
                        able, able_at = await self._able(), now
                    found = able if news.is_everywhere else news.workspaces
                    written |= dict.fromkeys(found, now + WRITTEN_FOR)
                    for one, until in list(written.items()):
                        is_done = one not in able or await self.look_at(one)
                        if is_done and now > until:
                            del written[one]
                except StorageError as error:
                    logger.warning("no vectors are made now: %s", error)
                patience = EVERY_SECONDS if written.keys() & able else LOOK_SECONDS
                patience = patience if written else EVERYWHERE_SECONDS

    async def _able(self) -> set[UUID]:
        async with self._database.read() as uow:
            return await uow.search_vectors.workspaces()

    async def look_at(self, workspace_id: UUID) -> bool:
        """Look at what is old enough in a workspace; tell whether all of that has been looked at.

        Raises StorageError.
        """
        now = asyncio.get_running_loop().time()
        if self._resting.get(workspace_id, now) > now:
            return False
        model = await self._embedder.model_of(workspace_id)
        if model is None:
            return True
        if self._models.get(workspace_id) != model:
            async with self._database.transaction() as uow:
                await uow.search_vectors.begin(workspace_id, model)
            self._models[workspace_id] = model
        while more := await look_at_some(self._database, self._embedder, workspace_id, model):
            continue
        if more is None:
            self._resting[workspace_id] = now + AGAIN_SECONDS
        return more is not None
