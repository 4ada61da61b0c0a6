"""A workspace with an agent, and the stand-in for models that it thinks with: for whole runs.

A test that uses it overrides the fixture `settings` with `for_runs(settings)`, since the stand-in is on this
machine.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from server.settings import Settings
from tests.server.api import Api
from tests.services.models import ModelServer
from tests.waiting import until

DEFINITION = "agent_marketing"
SECONDS = 30.0
OVER = ("success", "error", "cancelled")


def for_runs(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, allow_private_addresses=True, runs_per_workspace=50)


class RunsWorld:
    """One person's workspace, its channel `general` and its agent."""

    def __init__(
        self, person: Api, workspace: str, models: ModelServer, channel: dict[str, Any], agent: dict[str, Any]
    ) -> None:
        self.person = person
        self.workspace = workspace
        self.models = models
        self.channel = channel
        self.agent = agent

    @classmethod
    async def open(
        cls, person: Api, workspace: str, models: ModelServer, *, yaml: str = "", **agent: Any
    ) -> "RunsWorld":
        """Make them."""
        provider = {"name": "Stand-in", "base_url": models.url, "models": [MODEL]}
        await person.made(f"{workspace}/llm-providers", provider)
        channel = await person.made(f"{workspace}/channels", {"name": "general"})
        said = FAST + yaml + ("" if "tools:" in yaml else FREE)
        body = {"name": "Helper", "agent_definition_id": DEFINITION, "yaml_config": said, **agent}
        made = await person.made(f"{workspace}/agents", body)
        return cls(person, workspace, models, channel, made)

    async def ask(self, prompt: str, *, agent: str = "", **more: Any) -> str:
        """Ask for a run; return its id."""
        path = f"/v1/agents/{agent or self.agent['id']}/runs"
        inputs = more.pop("inputs", INPUTS)
        return (await self.person.made(path, {"prompt": prompt, "inputs": inputs, **more}))["run_id"]

    async def run(self, run_id: str) -> dict[str, Any]:
        return (await self.person.get(f"/v1/runs/{run_id}")).json()

    async def when(self, run_id: str, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait until a run is as wanted; return it."""

        async def is_so() -> bool:
            return condition(await self.run(run_id))

        await until(is_so)
        return await self.run(run_id)

    async def over(self, run_id: str) -> dict[str, Any]:
        """Wait until a run is over; return it."""
        return await self.when(run_id, lambda run: run["status"] in OVER)

    async def done(self, prompt: str, **more: Any) -> dict[str, Any]:
        """Ask for a run, and wait until it is over."""
        return await self.over(await self.ask(prompt, **more))

    async def steps(self, run_id: str) -> list[dict[str, Any]]:
        return (await self.person.get(f"/v1/runs/{run_id}/steps", params={"limit": 200})).json()["items"]

    async def answer_of(self, run_id: str) -> str:
        return (await self.person.get(f"/v1/runs/{run_id}/output")).json()["text"]

    async def first_run(self) -> str:
        """Wait until the agent has a run; return its id."""
        path = f"/v1/agents/{self.agent['id']}/runs"

        async def is_there() -> bool:
            return bool((await self.person.get(path)).json()["items"])

        await until(is_there)
        return (await self.person.get(path)).json()["items"][-1]["run_id"]

    async def messages(self, run_id: str, status: str, count: int = 1) -> list[dict[str, Any]]:
        """Wait for messages of agents about a run that have a status; return them, oldest first."""

        async def find() -> list[dict[str, Any]]:
            items = (await self.person.get(f"/v1/channels/{self.channel['id']}/messages")).json()["items"]
            return [
                item
                for item in items[::-1]
                if item["content"].get("run_id") == run_id and item["content"]["status"] == status
            ]

        async def are_there() -> bool:
            return len(await find()) >= count

        await until(are_there)
        return await find()

    async def events(self, kind: str) -> list[dict[str, Any]]:
        return (await self.person.get(f"{self.workspace}/events", params={"type": kind})).json()["items"]

    def call(self, words: str, tool: str, arguments: dict[str, Any], **match: Any) -> None:
        """Have the model answer these words with a call of a tool, the first time it hears them."""
        calls = {"toolCalls": [{"name": tool, "arguments": arguments}]}
        self.models.answer(words, calls, match={"hasToolResult": False, **match})

    def then_say(self, words: str, text: str, **match: Any) -> None:
        """Have the model say something once it has heard what a tool says."""
        self.models.say(words, text, match={"hasToolResult": True, **match})


INPUTS: dict[str, Any] = {"campaign_brief": "Summer"}
"""What an agent of `DEFINITION` needs."""

FAST = "llm: {provider: Stand-in, model: small}\n"
FREE = "tools: {allowed: null}\ngrant: {scopes: ['*:write']}\n"
"""Not bound to the tools that the definition thinks of."""

MODEL: dict[str, Any] = {
    "id": "small",
    "context_tokens": 100_000,
    "max_output_tokens": 4096,
    "input_price": 1.0,
    "output_price": 2.0,
    "grade": 2,
    "abilities": ["tools", "structured", "temperature"],
}
