"""Runs that are open when a backup is taken, on the server where it is restored."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from server.bootstrap import Services, open_services
from server.data_folder import Secrets
from server.settings import Settings
from storage.copying import copy_in, copy_out, shape
from storage.engine import Database
from storage.models import AgentRunLog
from tests.server.api import Api
from tests.server.conftest import Clock
from tests.server.runs_world import RunsWorld, for_runs
from tests.services.models import ModelServer
from tests.waiting import until


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return for_runs(settings)


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One database is enough here: what becomes of the rows is tested on both."""
    return sqlite_url


@pytest.fixture
async def copy(tmp_path: Path, clock: Clock) -> AsyncIterator[Database]:
    async with Database(f"sqlite:///{tmp_path}/copy.db") as database:
        database.clock = clock
        yield database


@pytest.mark.parametrize("resumes", [False, True])
async def test_a_run_goes_on_in_one_place_unless_it_is_told_to(
    ann: Api,
    workspace: str,
    model_server: ModelServer,
    services: Services,
    settings: Settings,
    copy: Database,
    clock: Clock,
    resumes: bool,
):
    world = await RunsWorld.open(ann, workspace, model_server)
    world.models.say("slow", "At last.", latency=3_600_000)
    run_id = await world.ask("Be slow", place=world.channel["document"])
    await until(lambda: bool(world.models.asked))
    await copy_in(copy, await shape(services.database), copy_out(services.database), resumes_jobs=resumes)
    world.models.reset()
    world.models.say("slow", "At once.")
    async with open_services(settings, Secrets(access_token_key=b"k" * 32), copy, clock=clock) as restored:

        async def over() -> AgentRunLog | None:
            async with restored.database.read() as uow:
                run = await uow.agent_runs.get(UUID(run_id))
            return run if run is not None and run.told_at is not None else None

        run = await until(over)
    if resumes:
        assert (run.status, run.output_preview, len(world.models.asked)) == ("success", "At once.", 1)
    else:
        assert (run.status, run.cancelled_by) == ("cancelled", "system:restore")
        assert world.models.asked == []
    # The server that it came from has not noticed anything.
    assert (await world.run(run_id))["status"] == "running"
