"""Servers are killed (SIGKILL) under a run of a playbook: it goes on behind its last step, here or elsewhere.

The model has no words for what it was asked before, and answers with an error should it be asked again: so a
call that was finished is seen to be made, and paid, once.
"""

import asyncio
from typing import Any

import pytest

from tests.chaos.test_runs import SECONDS, Watcher, pair, server, settings_for
from tests.server.runs_world import DEFINITION, FAST, INPUTS, MODEL
from tests.services.ionflux import IonfluxServer
from tests.services.models import ModelServer
from tests.waiting import until

__all__ = ["pair", "server"]

pytestmark = pytest.mark.chaos

NAME, SHORTEN, SELL = "Name a boot", "Shorten the name", "Sell it to me"
"""What the model is asked: once before the crash, and twice again behind it."""


def steps_for(agent: str, channel: str) -> list[dict[str, Any]]:
    llm = {"type": "llm", "provider": "Stand-in", "model": "small"}
    page = "${steps.page.output.data.page_id}"
    selling = {"id": "sell", "type": "agent", "agent_id": agent, "prompt": SELL, "inputs": INPUTS}
    return [
        {"id": "name", **llm, "prompt": NAME},
        {
            "id": "page",
            "type": "tool",
            "tool": "create_page",
            "arguments": {"title": "${steps.name.output.text}"},
        },
        {
            "id": "text",
            "type": "tool",
            "tool": "add_text",
            "arguments": {"page_id": page, "markdown": "Buy it"},
        },
        {"id": "say", "type": "notify", "channel_id": channel, "text": "There is a boot"},
        {
            "id": "both",
            "type": "parallel",
            "branches": [[{"id": "short", **llm, "prompt": SHORTEN}], [selling]],
        },
    ]


class PlaybookWatcher(Watcher):
    """Somebody who began a run of a playbook, and sees it through whichever server is alive."""

    async def run(self, server: IonfluxServer) -> dict[str, Any]:
        return await self.get(server, f"/v1/playbook-runs/{self.run_id}")

    async def expect_one_of_everything(self, server: IonfluxServer) -> None:
        async def is_over() -> bool:
            return (await self.run(server))["status"] not in ("pending", "running")

        await until(is_over, seconds=SECONDS)
        run = await self.run(server)
        assert (run["status"], run["outputs"]) == ("success", {"short": "Boot", "said": "Sold."}), run
        assert {step["step_id"]: (step["status"], step["attempt"]) for step in run["steps"]} == dict.fromkeys(
            ("name", "page", "text", "say", "both", "short", "sell"), ("done", 1)
        )
        (page,) = (await self.get(server, f"{self.path}/pages"))["items"]
        assert page["title"] == "The Boot of Boots"
        assert (await self.get(server, f"/v1/pages/{page['id']}/markdown"))["markdown"].strip() == "Buy it"
        calls = (await self.get(server, f"{self.path}/llm-calls?run_id={self.run_id}"))["items"]
        done = [call["step"] for call in calls if call["outcome"] == "done"]
        assert sorted(done) == ["name#1", "short#1"]

        async def is_told() -> bool:
            return any("done." in text for text in await self.messages(server))

        await until(is_told, seconds=SECONDS)
        told = await self.messages(server)
        assert (told.count("There is a boot"), told.count("Sold.")) == (1, 1)
        assert sum(text.startswith("Launch: done.") for text in told) == 1
        assert not any(text.startswith("Launch: running.") for text in told)

    async def messages(self, server: IonfluxServer) -> list[str]:
        items = (await self.get(server, f"/v1/channels/{self.channel}/messages"))["items"]
        return [item["content"]["text"] for item in items]


async def begin(server: IonfluxServer, models: ModelServer) -> PlaybookWatcher:
    """Have a run come to where it waits for a model and for an agent, which both last for ever."""
    person = await server.person("ann")
    workspace_id = await person.workspace()
    path = f"/v1/workspaces/{workspace_id}"
    provider = {"name": "Stand-in", "base_url": models.url, "models": [MODEL]}
    await person.post(f"{path}/llm-providers", provider)
    channel = await person.channel(workspace_id)
    body = {"name": "Helper", "agent_definition_id": DEFINITION, "yaml_config": FAST}
    agent = await person.post(f"{path}/agents", body)
    models.say(NAME, "The Boot of Boots")
    models.say(SHORTEN, "Never heard", latency=3_600_000)
    models.say(SELL, "Never heard", latency=3_600_000)
    playbook = await person.post(
        f"{path}/playbooks",
        {
            "name": "Launch",
            "trigger_event_type": "manual",
            "steps": steps_for(agent["id"], channel.id),
            "outputs": {"short": "${steps.short.output.text}", "said": "${steps.sell.output.text}"},
        },
    )
    run = await person.post(f"/v1/playbooks/{playbook['id']}/runs", {"channel_id": channel.id})
    watcher = PlaybookWatcher(person, workspace_id, channel.id, run["id"])

    async def is_hanging() -> bool:
        return (await asyncio.to_thread(lambda: len(models.asked))) >= 3

    await until(is_hanging, seconds=SECONDS)
    return watcher


def have_an_answer(models: ModelServer) -> None:
    """Let the model know what was under way, and nothing of what was before."""
    models.reset()
    models.say(SHORTEN, "Boot")
    models.say(SELL, "Sold.")


@pytest.fixture
def settings(request: pytest.FixtureRequest) -> dict[str, str]:
    """One process on SQLite; on Postgres another one takes over."""
    return settings_for(request, "sqlite")


async def test_a_playbook_goes_on_after_a_crash(server: IonfluxServer, model_server: ModelServer):
    watcher = await begin(server, model_server)
    await server.kill()
    have_an_answer(model_server)
    await server.restart()
    await watcher.expect_one_of_everything(server)
    assert len(model_server.asked) == 2


@pytest.mark.postgres
async def test_another_process_takes_over_a_playbook(
    pair: tuple[IonfluxServer, IonfluxServer], model_server: ModelServer
):
    first, second = pair
    watcher = await begin(first, model_server)
    second.start()
    assert (await watcher.run(second))["status"] == "running"
    have_an_answer(model_server)
    await first.kill()
    await watcher.expect_one_of_everything(second)
    assert len(model_server.asked) == 2
