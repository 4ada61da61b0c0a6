"""Each kind of agent of the catalogue does its work from end to end, with a stand-in for the model."""

from typing import Any

import pytest

from agents.catalogue import read_catalogue
from server.settings import Settings
from tests.server.api import Api
from tests.server.runs_world import FAST, RunsWorld, for_runs
from tests.services.models import ModelServer

INPUTS: dict[str, dict[str, Any]] = {
    "EmailWizard": {"campaign_brief": "Back in stock"},
    "MarketingAgent": {"campaign_brief": "New summer collection"},
    "ShopifySalesSentinel": {"brand_id": "acme", "figures_now": {"2026-11-28": 12}},
    "MeetingScribe": {"transcript": "Ann: I write the mail by Monday."},
    "PageSummariser": {},
    "CampaignPlanner": {"goal": "500 preorders", "launch_date": "2027-03-01"},
    "ContentRepurposer": {},
    "ResearchAssistant": {"question": "Why did returns rise?"},
    "WorkspaceGardener": {},
}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return for_runs(settings)


async def test_every_definition_runs_from_end_to_end(ann: Api, workspace: str, model_server: ModelServer):
    world = await RunsWorld.open(ann, workspace, model_server)
    plan = await ann.made(f"{workspace}/pages", {"title": "Plan"})
    assert (
        await ann.put(f"/v1/pages/{plan['id']}/markdown", {"markdown": "We open in May."})
    ).status_code == 200
    works: dict[str, tuple[str, dict[str, Any]]] = {
        "PageSummariser": (
            "suggest_changes",
            {"page_id": plan["id"], "note": "Summary", "changes": [{"markdown": "Open in May."}]},
        ),
        "WorkspaceGardener": ("list_pages", {}),
        "ShopifySalesSentinel": ("remember", {"text": "On 2026-11-28 acme had 12 orders."}),
    }

    async def begin(name: str, definition_id: str) -> str:
        tool, arguments = works.get(name, ("create_page", {"title": f"By {name}", "markdown": "Done."}))
        words = f"Work, {name}!"
        world.call(words, tool, arguments)
        world.then_say(words, f"{name} has worked.")
        body = {"name": name, "agent_definition_id": definition_id, "yaml_config": FAST}
        agent = await ann.made(f"{workspace}/agents", body)
        return await world.ask(words, agent=agent["id"], inputs=INPUTS[name])

    catalogue = {definition.name: definition.id for definition in read_catalogue()}
    assert INPUTS.keys() == catalogue.keys()
    begun = {name: await begin(name, definition_id) for name, definition_id in catalogue.items()}
    for name, run_id in begun.items():
        found = await world.over(run_id)
        assert (found["status"], found["output_preview"]) == ("success", f"{name} has worked."), found
    titles = {page["title"] for page in (await ann.get(f"{workspace}/pages")).json()["items"]}
    assert titles == {"Plan", *(f"By {name}" for name in catalogue if name not in works)}
    (suggestion,) = (await ann.get(f"/v1/pages/{plan['id']}/suggestions")).json()["items"]
    assert suggestion["note"] == "Summary"


async def test_a_run_is_remembered_and_told_to_the_next(ann: Api, workspace: str, model_server: ModelServer):
    world = await RunsWorld.open(ann, workspace, model_server)
    world.models.say("Write about Porto", "The text about Porto is on the page “Rivers”.")
    world.models.say("Where is it", "On the page “Rivers”.")
    await world.done("Write about Porto")
    (memory,) = (await ann.get(f"/v1/agents/{world.agent['id']}/memories")).json()["items"]
    assert (memory["kind"], memory["learned_from_user_id"]) == ("run", ann.user["id"])
    assert "“Rivers”" in memory["text"]
    await world.done("Where is it, the text about Porto?")
    *_, last = [call for call in model_server.asked if call["path"].endswith("/completions")]
    system = last["body"]["messages"][0]["content"]
    assert "What you remember from before" in system
    assert "Write about Porto" in system
