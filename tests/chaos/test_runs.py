"""Servers are killed (SIGKILL) under a run of an agent: it goes on from its last step, here or elsewhere.

The model has no words for what it was asked before, and answers with an error should it be asked again: so a
call that was finished is seen to be made, and paid, once.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from agents.engine import LEASE_SECONDS, POLL_SECONDS
from tests.server.runs_world import DEFINITION, FAST, INPUTS, MODEL
from tests.server.test_runtime import HELD
from tests.services.databases import BOTH
from tests.services.ionflux import IonfluxServer, Person, expect_no_fault
from tests.services.models import ModelServer
from tests.waiting import until

pytestmark = pytest.mark.chaos

SECONDS = 90.0
"""For a machine that is busy with other things."""

WORDS = "make a page and say so"
POEM = "Roses are red, violets are blue."


class Watcher:
    """Somebody who started a run, and sees it through whichever server is alive."""

    def __init__(self, person: Person, workspace_id: str, channel: str, run_id: str) -> None:
        self.person = person
        self.path = f"/v1/workspaces/{workspace_id}"
        self.channel = channel
        self.run_id = run_id

    async def get(self, server: IonfluxServer, path: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.person.token}"}
        async with httpx2.AsyncClient(base_url=server.url, timeout=30) as http:
            return (await http.get(path, headers=headers)).json()

    async def run(self, server: IonfluxServer) -> dict[str, Any]:
        return await self.get(server, f"/v1/runs/{self.run_id}")

    async def expect_one_of_everything(self, server: IonfluxServer) -> None:
        """Wait until the run is a success, and see that nothing of it is there twice."""

        async def is_over() -> bool:
            return (await self.run(server))["status"] not in ("pending", "running")

        await until(is_over, seconds=SECONDS)
        run = await self.run(server)
        assert (run["status"], run["output_preview"]) == ("success", "I made it."), run
        steps = (await self.get(server, f"/v1/runs/{self.run_id}/steps"))["items"]
        assert [step["step"] for step in steps] == ["begin", "1", "2", "3", "answer", "post"]
        pages = (await self.get(server, f"{self.path}/pages"))["items"]
        assert [page["title"] for page in pages] == ["Made by a run"]
        calls = (await self.get(server, f"{self.path}/llm-calls?run_id={self.run_id}"))["items"]
        done = [call["step"] for call in calls if call["outcome"] == "done"]
        assert sorted(done) == ["1", "3"]

        async def is_posted() -> bool:
            return bool(await self.answers(server))

        await until(is_posted, seconds=SECONDS)
        assert await self.answers(server) == ["I made it."]

    async def answers(self, server: IonfluxServer) -> list[str]:
        items = (await self.get(server, f"/v1/channels/{self.channel}/messages"))["items"]
        return [item["content"]["text"] for item in items if item["sender_id"].startswith("agent:")]


async def make_agent(person: Person, workspace_id: str, models: ModelServer) -> dict[str, Any]:
    path = f"/v1/workspaces/{workspace_id}"
    provider = {"name": "Stand-in", "base_url": models.url, "models": [MODEL]}
    await person.post(f"{path}/llm-providers", provider)
    body = {"name": "Helper", "agent_definition_id": DEFINITION, "yaml_config": FAST}
    return await person.post(f"{path}/agents", body)


async def begin(server: IonfluxServer, models: ModelServer) -> Watcher:
    """Have a run come to its second call of the model, which lasts for ever."""
    person = await server.person("ann")
    workspace_id = await person.workspace()
    agent = await make_agent(person, workspace_id, models)
    channel = await person.channel(workspace_id)
    calls = {"toolCalls": [{"name": "create_page", "arguments": {"title": "Made by a run"}}]}
    models.answer(WORDS, calls, match={"hasToolResult": False})
    models.say(WORDS, "Never heard", match={"hasToolResult": True}, latency=3_600_000)
    asked = {"prompt": WORDS, "inputs": INPUTS, "place": channel.name}
    run = await person.post(f"/v1/agents/{agent['id']}/runs", asked)
    watcher = Watcher(person, workspace_id, channel.id, run["run_id"])

    async def is_hanging() -> bool:
        return (await asyncio.to_thread(lambda: len(models.asked))) >= 2

    await until(is_hanging, seconds=SECONDS)
    return watcher


def have_an_answer(models: ModelServer) -> None:
    """Let the model know what comes next, and nothing of what was before."""
    models.reset()
    models.say(WORDS, "I made it.", match={"hasToolResult": True})


@pytest.fixture(params=BOTH)
def settings(request: pytest.FixtureRequest) -> dict[str, str]:
    return settings_for(request, request.param)


def settings_for(request: pytest.FixtureRequest, kind: str) -> dict[str, str]:
    settings = {"IONFLUX_ALLOW_PRIVATE_ADDRESSES": "true", "IONFLUX_LLM_BUILT_IN": "false"}
    if kind == "postgres":
        settings["IONFLUX_DATABASE_URL"] = request.getfixturevalue("postgres_url")
    return settings


@pytest.fixture
async def server(tmp_path: Path, settings: dict[str, str]) -> AsyncIterator[IonfluxServer]:
    server = IonfluxServer(tmp_path, settings)
    server.start()
    yield server
    server.close()
    expect_no_fault(server.log_text())


@pytest.fixture
async def pair(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[tuple[IonfluxServer, IonfluxServer]]:
    """Two servers on one Postgres, of which only the first runs yet."""
    first = IonfluxServer(tmp_path, settings_for(request, "postgres"))
    second = first.beside("second")
    first.start()
    yield first, second
    for one in (first, second):
        one.close()
        expect_no_fault(one.log_text())


async def test_a_run_goes_on_after_a_crash(server: IonfluxServer, model_server: ModelServer):
    watcher = await begin(server, model_server)
    await server.kill()
    have_an_answer(model_server)
    await server.restart()
    await watcher.expect_one_of_everything(server)
    assert len(model_server.asked) == 1


async def test_a_text_that_is_half_typed_when_the_server_is_killed_is_there_once(
    server: IonfluxServer, model_server: ModelServer
):
    person = await server.person("ann")
    workspace_id = await person.workspace()
    agent = await make_agent(person, workspace_id, model_server)
    page = await person.page(workspace_id)
    path = f"/v1/pages/{page.id}"
    content = {"agent_configuration_id": agent["id"], "input": {**INPUTS, "prompt": "Write a poem"}}
    block = await person.post(f"{path}/blocks", {"type": "agent_snippet", "content": content})
    model_server.say("Write a poem", POEM, **HELD)
    run = await person.post(f"/v1/blocks/{block['id']}/runs", {})
    watcher = Watcher(person, workspace_id, "", run["run_id"])

    async def typed() -> list[str]:
        markdown: str = (await watcher.get(server, f"{path}/markdown"))["markdown"]
        return [line for line in markdown.splitlines() if line and not line.startswith("<!--")]

    async def is_begun() -> bool:
        return (await typed()) not in ([], [POEM])

    await until(is_begun, seconds=SECONDS)
    await server.kill()
    model_server.reset()
    model_server.say("Write a poem", POEM)
    await server.restart()

    async def is_over() -> bool:
        shown = (await watcher.get(server, f"/v1/blocks/{block['id']}"))["content"]
        return shown["status"] == "success"

    await until(is_over, seconds=SECONDS)
    assert await typed() == [POEM]
    assert (await watcher.run(server))["output_preview"] == POEM


@pytest.mark.postgres
async def test_another_process_takes_over_what_a_dead_one_did(
    pair: tuple[IonfluxServer, IonfluxServer], model_server: ModelServer
):
    first, second = pair
    watcher = await begin(first, model_server)
    second.start()
    assert (await watcher.run(second))["status"] == "running"
    have_an_answer(model_server)
    await first.kill()
    await watcher.expect_one_of_everything(second)
    assert len(model_server.asked) == 1


def test_a_dead_process_is_noticed_within_fifteen_seconds():
    """The lease is renewed every quarter of its time, and looked at once a poll."""
    assert LEASE_SECONDS + 2 * POLL_SECONDS < 15
