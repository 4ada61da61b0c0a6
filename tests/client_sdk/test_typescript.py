"""The TypeScript client against a real server process: each file of its own tests, run by Node."""

import asyncio
import os
from pathlib import Path

import pytest

from tests.client_sdk.desk import Desk
from tests.clients.driver import NODE
from tests.services.ionflux import IonfluxServer
from tests.services.models import ModelServer

FOLDER = Path(__file__).parents[2] / "client-sdk" / "typescript"
TESTS = sorted(path.name for path in (FOLDER / "tests").glob("*.test.ts"))
SECONDS = 120.0

pytestmark = pytest.mark.node


SETTINGS = {"IONFLUX_ALLOW_PRIVATE_ADDRESSES": "true", "IONFLUX_LLM_BUILT_IN": "false"}


@pytest.mark.parametrize("own_ionflux", [SETTINGS], ids=[""], indirect=True)
@pytest.mark.parametrize("file", TESTS)
async def test_file(file: str, own_ionflux: IonfluxServer, model_server: ModelServer) -> None:
    assert (FOLDER / "dist" / "index.js").exists(), "build it first: make sdk"
    async with Desk(own_ionflux, model_server) as desk:
        await run_node(f"tests/{file}", own_ionflux, desk)


async def run_node(file: str, server: IonfluxServer, desk: Desk) -> None:
    """Run a file of tests; fail with what it printed."""
    process = await asyncio.create_subprocess_exec(
        NODE,
        "--test-reporter=spec",
        file,
        cwd=FOLDER,
        env=os.environ | {"IONFLUX_URL": server.url, "DESK_PORT": str(desk.port)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    reading = asyncio.create_task(process.stdout.read())  # pyright: ignore[reportOptionalMemberAccess]
    await asyncio.wait([reading], timeout=SECONDS)
    if process.returncode is None and not reading.done():
        process.kill()  # a test that failed may have left a stream open, which keeps Node running
    said = await reading
    code = await process.wait()
    assert code == 0, said.decode()[-8000:]
