"""Forgets runs of agents that were over long ago, with all they said."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from server.background.pacing import again_and_again
from storage.engine import Database

EVERY_SECONDS = 3600.0
BATCH = 200


class OldRuns:
    """Cleans the tables of runs and jobs; any number of processes may do so at once."""

    def __init__(
        self,
        database: Database,
        *,
        run_days: int,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._database = database
        self._age = timedelta(days=run_days)
        self._sleep = sleep

    async def run(self) -> None:
        """Forget again and again, until the task is cancelled."""
        await again_and_again(
            self.forget,
            EVERY_SECONDS,
            "old runs cannot be forgotten now; it will be tried again",
            sleep=self._sleep,
        )

    async def forget(self) -> None:
        """Forget all that is old enough, some at a time."""
        is_more = True
        while is_more:
            async with self._database.transaction() as uow:
                jobs = await uow.jobs.forget(self._age, BATCH)
                runs = await uow.agent_runs.forget(self._age, BATCH)
            is_more = BATCH in (jobs, runs)
