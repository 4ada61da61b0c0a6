"""The stock tus client against real servers: interrupted, killed, gone on with elsewhere; on both stores."""

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from storage.files import PART_BYTES, S3Access
from tests.clients.driver import FOLDER, NODE
from tests.services.ionflux import IonfluxServer, Person, expect_no_fault
from tests.services.postgres import PostgresServer

pytestmark = pytest.mark.node

SIZE = 3 * PART_BYTES + 12_345
CONTENT = random.Random(4).randbytes(SIZE)
SECONDS = 60.0


@pytest.fixture(params=["sqlite-folder", pytest.param("postgres-s3", marks=pytest.mark.postgres)])
async def server(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[IonfluxServer]:
    """A server on each database and each store."""
    with contextlib.ExitStack() as stack:
        settings: dict[str, str] = {}
        if request.param == "postgres-s3":
            postgres: PostgresServer = request.getfixturevalue("postgres_server")
            s3: tuple[str, S3Access] = request.getfixturevalue("s3")
            settings = {
                "IONFLUX_DATABASE_URL": stack.enter_context(postgres.database()),
                "IONFLUX_FILES_URL": s3[0],
                "IONFLUX_FILES_S3_ENDPOINT": s3[1].endpoint,
                "IONFLUX_FILES_S3_REGION": s3[1].region,
                "IONFLUX_FILES_S3_ACCESS_KEY_ID": s3[1].access_key_id,
                "IONFLUX_FILES_S3_SECRET_ACCESS_KEY": s3[1].secret_access_key,
            }
        server = IonfluxServer(tmp_path, settings)
        server.start()
        yield server
        server.close()
        expect_no_fault(server.log_text())


class Sender:
    """A stock client that uploads one file."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.said: list[dict[str, Any]] = []

    async def until(self, event: str, accepted: int = 0) -> dict[str, Any]:
        """Wait until the client tells of an event."""
        assert self._process.stdout is not None
        async with asyncio.timeout(SECONDS):
            while line := await self._process.stdout.readline():
                self.said.append(json.loads(line))
                if self.said[-1]["event"] == event and self.said[-1].get("accepted", 0) >= accepted:
                    return self.said[-1]
        raise AssertionError(f"the client ended with {self.said[-3:]}")

    def kill(self) -> None:
        self._process.kill()


@asynccontextmanager
async def sending(person: Person, file: Path, **options: Any) -> AsyncGenerator[Sender]:
    told = {"token": person.token, "file": str(file), "name": "film.bin", "chunkSize": 1 << 20, **options}
    process = await asyncio.create_subprocess_exec(
        NODE, FOLDER / "tus.mjs", json.dumps(told), stdout=asyncio.subprocess.PIPE
    )
    try:
        yield Sender(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "film.bin"
    path.write_bytes(CONTENT)
    return path


async def fetch(server: IonfluxServer, person: Person, path: str) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {person.token}"}
    async with httpx2.AsyncClient(base_url=server.url, timeout=SECONDS) as http:
        return await http.get(path, headers=headers)


async def expect_file(server: IonfluxServer, person: Person, file_id: str) -> None:
    file = (await fetch(server, person, f"/v1/files/{file_id}")).json()
    assert (file["name"], file["size"]) == ("film.bin", SIZE)
    assert (await fetch(server, person, f"/v1/files/{file_id}/content")).content == CONTENT


async def test_an_upload_outlives_the_death_of_the_server(server: IonfluxServer, film: Path):
    ann = await server.person("Ann")
    endpoint = f"{server.url}/v1/workspaces/{await ann.workspace()}/uploads"
    async with sending(ann, film, endpoint=endpoint, withCreation=True) as sender:
        await sender.until("accepted", PART_BYTES + 1)
        await server.kill()
        await sender.until("retry")
        await server.restart()
        done = await sender.until("done")
    await expect_file(server, ann, done["file"])


async def test_another_client_and_another_process_go_on(server: IonfluxServer, film: Path):
    ann = await server.person("Ann")
    endpoint = f"{server.url}/v1/workspaces/{await ann.workspace()}/uploads"
    async with sending(ann, film, endpoint=endpoint) as sender:
        accepted = await sender.until("accepted", PART_BYTES)
        sender.kill()
    other = server.beside("other")
    other.start()
    try:
        await server.kill()
        place = accepted["url"].replace(server.url, other.url)
        async with sending(ann, film, uploadUrl=place) as sender:
            first = await sender.until("accepted")
            assert first["accepted"] > accepted["accepted"], "what had come is not sent again"
            done = await sender.until("done")
        await expect_file(other, ann, done["file"])
    finally:
        other.close()


async def test_a_client_ends_its_upload(server: IonfluxServer, film: Path):
    ann = await server.person("Ann")
    endpoint = f"{server.url}/v1/workspaces/{await ann.workspace()}/uploads"
    async with sending(ann, film, endpoint=endpoint, endAt=2 << 20) as sender:
        ended = await sender.until("ended")
    assert (await fetch(server, ann, ended["url"])).status_code == 404
