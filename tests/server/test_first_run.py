"""The first run that a newcomer makes: an agent of the catalogue, with its tools, on the built-in model."""

import msgspec
import pytest

from server.settings import Settings
from tests.agents.llm.test_built_in import needs_model
from tests.server.api import Api
from tests.waiting import until

pytestmark = needs_model

SECONDS = 300.0
"""For a machine that is busy with other things."""

YAML = "llm: {temperature: 0, max_output_tokens: 400}\nlimits: {max_steps: 2}\n"


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One database is enough: nothing here depends on it."""
    return sqlite_url


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, llm_built_in=True)


async def test_an_agent_runs_on_the_built_in_model(ann: Api, workspace: str):
    page = await ann.made(f"{workspace}/pages", {"title": "Plan"})
    await ann.put(f"/v1/pages/{page['id']}/markdown", {"markdown": "We open the shop on Monday."})
    body = {"name": "Summariser", "agent_definition_id": "agent_page_summariser", "yaml_config": YAML}
    agent = await ann.made(f"{workspace}/agents", body)
    asked = {"inputs": {"page_id": page["id"]}}
    run_id = (await ann.made(f"/v1/agents/{agent['id']}/runs", asked))["run_id"]

    async def is_over() -> bool:
        return (await ann.get(f"/v1/runs/{run_id}")).json()["status"] not in ("pending", "running")

    await until(is_over, seconds=SECONDS)
    run = (await ann.get(f"/v1/runs/{run_id}")).json()
    steps = (await ann.get(f"/v1/runs/{run_id}/steps")).json()["items"]
    # What it says is its own affair; that it can be asked, and that the run ends in order, is ours.
    assert "model" in {step["kind"] for step in steps}, run
    assert run["status"] == "success" or run["error_code"] == "too_many_steps", run
