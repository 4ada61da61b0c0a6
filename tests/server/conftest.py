import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from agents.catalogue import bring_up_to_date, read_catalogue
from server.app import create_app
from server.background.commands import CommandConsumer
from server.background.notifications import Notifications
from server.background.search import SearchConsumer
from server.background.triggers import TriggerConsumer
from server.bootstrap import Services, open_services
from server.data_folder import Secrets
from server.listening import Server, bind
from server.settings import Settings
from storage.engine import Database
from storage.files import S3Access
from tests.server.api import Api, open_api
from tests.services.databases import prepare
from tests.services.postgres import PostgresServer

CATALOGUE = read_catalogue()


class Clock:
    """A clock that tests set forward."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **time: float) -> None:
        self.now += timedelta(**time)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        data_dir=tmp_path,
        password_hash_memory_kib=8,
        password_hash_passes=1,
        max_body_bytes=10_000,
        login_attempts_per_account=5,
        cors_origins=("https://app.example",),
        link_previews=False,
        llm_built_in=False,
    )


def on_s3(settings: Settings, s3: tuple[str, S3Access]) -> Settings:
    """Return settings that keep files in a store of the fixture `s3`."""
    url, access = s3
    return msgspec.structs.replace(
        settings,
        files_url=url,
        files_s3_endpoint=access.endpoint,
        files_s3_region=access.region,
        files_s3_access_key_id=access.access_key_id,
        files_s3_secret_access_key=access.secret_access_key,
    )


@pytest.fixture(scope="session")
def sqlite_template(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file on which a server has started before, to be copied."""
    path = tmp_path_factory.mktemp("started") / "template.db"
    shutil.copyfile(sqlite_template, path)
    prepare(f"sqlite:///{path}", begin)
    return path


@pytest.fixture(scope="session")
def started_postgres(postgres_server: PostgresServer) -> Iterator[str]:
    """A database on which a server has started before, to be copied; its name."""
    with postgres_server.database() as url:
        prepare(url, begin)
        yield url.rpartition("/")[2]


@pytest.fixture
def postgres_url(postgres_server: PostgresServer, started_postgres: str) -> Iterator[str]:
    """The address of a fresh database on which a server has started before."""
    with postgres_server.database(started_postgres) as url:
        yield url


async def begin(database: Database) -> None:
    """Write what a server writes at its first start, so that not every test does: a tenth of its queries."""
    await bring_up_to_date(database, CATALOGUE)
    async with database.transaction() as uow:
        for consumer in (TriggerConsumer, Notifications, SearchConsumer, CommandConsumer):
            await uow.consumers.register(consumer.name, consumer.beginning)


@pytest.fixture
async def services(settings: Settings, database: Database, clock: Clock) -> AsyncIterator[Services]:
    database.clock = clock
    await bring_up_to_date(database, CATALOGUE)
    opened: asyncio.Future[Services] = asyncio.Future()
    done = asyncio.Event()

    # pytest begins and ends a fixture in different tasks, which the hub's task group does not allow.
    async def keep_open() -> None:
        secrets = Secrets(access_token_key=b"k" * 32)
        async with open_services(settings, secrets, database, clock=clock) as found:
            opened.set_result(found)
            await done.wait()

    task = asyncio.create_task(keep_open())
    await asyncio.wait((opened, task), return_when=asyncio.FIRST_COMPLETED)
    yield opened.result()
    done.set()
    await task


@pytest.fixture
async def api(services: Services) -> AsyncIterator[Api]:
    """The API as somebody sees it who is not signed in."""
    async with open_api(create_app(services)) as opened:
        yield opened


@pytest.fixture
async def port(services: Services) -> AsyncIterator[int]:
    """The services of the test, on a port too."""
    started = asyncio.Event()

    async def drain() -> None:
        services.feed.close()
        await services.hub.close()

    server = Server(
        create_app(services),
        services.settings,
        drain=drain,
        on_started=started.set,
        websockets=WebSocketsSansIOProtocol,
    )
    with bind("127.0.0.1", 0) as listener:
        serving = asyncio.create_task(server.serve([listener]))
        await started.wait()
        yield listener.getsockname()[1]
        server.should_exit = True
        await serving


@pytest.fixture
async def ann(api: Api) -> Api:
    return await api.sign_up("ann")


@pytest.fixture
async def bob(api: Api) -> Api:
    return await api.sign_up("bob")


@pytest.fixture
async def workspace(ann: Api) -> str:
    """The path of a workspace that Ann owns."""
    return f"/v1/workspaces/{(await ann.made('/v1/workspaces', {'name': 'Ours'}))['id']}"
