"""`ionflux export` and `ionflux import` beside a server that serves, while people type."""

import asyncio
import random
import re
import signal
import sys
from pathlib import Path

import httpx2
import pytest

from tests.clients.driver import NodeClients
from tests.services.ionflux import IonfluxServer, Person

pytestmark = pytest.mark.node

SIZE = 80_000_000
"""Of a file that takes its time to be copied."""


async def get(person: Person, path: str) -> httpx2.Response:
    async with httpx2.AsyncClient(base_url=person.server.url, timeout=30) as http:
        return await http.get(path, headers={"Authorization": f"Bearer {person.token}"})


async def upload(person: Person, path: str, size: int) -> None:
    async with httpx2.AsyncClient(base_url=person.server.url, timeout=60) as http:
        headers = {"Authorization": f"Bearer {person.token}"}
        answer = await http.post(path, content=random.Random(1).randbytes(size), headers=headers)
    assert answer.status_code == 201, answer.text


async def test_a_workspace_goes_out_and_comes_back_while_people_type(
    ionflux: IonfluxServer, node_clients: NodeClients, tmp_path: Path
):
    ann = await ionflux.person("Ann")
    workspace = await ann.workspace("Studio")
    page = await ann.page(workspace, "Plan")
    url = ionflux.socket_url("hocuspocus")
    typist = await node_clients.open(wire="hocuspocus", url=url, document=page.name, token=ann.token)
    await typist.synced()
    await typist.text("body").insert(0, "kept ")
    await typist.saved()
    file = tmp_path / "studio.zip"

    async def type_on() -> None:
        for n in range(50):
            await typist.text("body").insert(5 + n, "x")

    typing = asyncio.create_task(type_on())
    code, words = await ionflux.run("export", workspace, str(file))
    assert code == 0, words
    assert "'Studio' with 1 documents" in words
    await typing
    code, words = await ionflux.run("import", str(file))
    assert code == 0, words
    found = re.search(r"is here as ([0-9a-f-]{36})", words)
    assert found, words
    copy = found.group(1)
    (copied,) = (await get(ann, f"/v1/workspaces/{copy}/pages")).json()["items"]
    assert copied["title"] == "Plan"
    reader = await node_clients.open(wire="hocuspocus", url=url, document=copied["document"], token=ann.token)
    await reader.synced()
    text = await reader.text("body").read()
    assert re.fullmatch("kept x*", text), text
    await reader.text("body").insert(0, "still ")
    await reader.saved()


async def test_ctrl_c_leaves_nothing(ionflux: IonfluxServer, tmp_path: Path):
    ann = await ionflux.person("Ann")
    workspace = await ann.workspace("Studio")
    await upload(ann, f"/v1/workspaces/{workspace}/files", SIZE)
    file = tmp_path / "studio.zip"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "server", "export", workspace, str(file), "--data-dir", str(ionflux.data_dir)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        preexec_fn=heed_interrupts,
    )
    assert process.stderr is not None
    await process.stderr.readline()  # it is under way
    process.send_signal(signal.SIGINT)
    _, said = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 130, said
    assert b"Traceback" not in said
    assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240  (an empty folder)


def heed_interrupts() -> None:
    """Take Ctrl+C as a terminal's programs do; those that a shell starts in the background ignore it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


async def test_what_is_none_is_told_in_one_line(ionflux: IonfluxServer, tmp_path: Path):
    code, words = await ionflux.run("import", str(tmp_path / "none.zip"))
    assert (code, words.count("\n")) == (1, 1)
    assert words.startswith("ionflux: ")
    code, words = await ionflux.run("export", "x", str(tmp_path / "x.zip"))
    assert code == 2
