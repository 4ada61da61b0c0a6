"""Asking for runs, who sees what of them, and ending them: all of it without running any."""

from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from agents.errors import BusyAgentError, RunTooDeepError
from agents.runs import MAX_DEPTH, MAX_WAITING, RUN, NewRun, finish_run, request_run
from server.background.old_runs import OldRuns
from server.bootstrap import Services
from server.settings import Settings
from storage.models import AgentConfiguration, AgentRunLog
from tests.server.api import Api
from tests.server.conftest import Clock
from tests.server.specimens import DEFINITION

INPUTS = {"campaign_brief": "Summer"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Nobody runs what is asked for."""
    return msgspec.structs.replace(settings, roles=("api", "realtime"))


async def make_agent(ann: Api, workspace: str, yaml: str = "") -> str:
    body = {"name": "Wizard", "agent_definition_id": DEFINITION, "yaml_config": yaml}
    return (await ann.made(f"{workspace}/agents", body))["id"]


@pytest.fixture
async def agent(ann: Api, workspace: str) -> str:
    return await make_agent(ann, workspace)


async def ask(person: Api, agent: str, **body: Any) -> dict[str, Any]:
    return await person.made(f"/v1/agents/{agent}/runs", {"inputs": INPUTS, **body})


async def events(person: Api, workspace: str) -> list[tuple[str, str | None, str]]:
    found = (await person.get(f"{workspace}/events", params={"type": "agent.run.*"})).json()["items"]
    return [(event["type"], event["actor"], event["payload"]["status"]) for event in found]


async def test_a_run_that_is_asked_for_waits_with_all_that_was_said(ann: Api, workspace: str, agent: str):
    channel = await ann.made(f"{workspace}/channels", {"name": "general"})
    asked = {"inputs": {**INPUTS, "variants": 2}, "prompt": "Be brief.", "place": channel["document"]}
    run = await ann.made(f"/v1/agents/{agent}/runs", {**asked, "place_item": "m1", "is_dry": True})
    assert (run["status"], run["trigger_type"], run["cause"]) == (
        "pending",
        "manual",
        f"user:{ann.user['id']}",
    )
    assert run["input_params_snapshot"] == asked["inputs"]
    assert (run["prompt"], run["place"], run["place_item"]) == ("Be brief.", asked["place"], "m1")
    assert (run["is_dry"], run["depth"], run["parent_run_id"]) == (True, 0, None)
    assert (await ann.get(f"/v1/runs/{run['run_id']}")).json() == run
    found = (await ann.get(f"/v1/agents/{agent}")).json()
    assert (found["last_run_id"], found["last_run_status"]) == (run["run_id"], "pending")
    actor = f"user:{ann.user['id']}"
    assert await events(ann, workspace) == [("agent.run.requested", actor, "pending")]


async def test_the_configuration_says_what_nobody_else_says(ann: Api, workspace: str):
    agent = await make_agent(ann, workspace, "inputs: {campaign_brief: Winter, variants: 3}")
    run = await ann.made(f"/v1/agents/{agent}/runs", {"inputs": {"campaign_brief": "Summer"}})
    assert run["input_params_snapshot"] == {"campaign_brief": "Summer", "variants": 3}


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "body.inputs.campaign_brief"),
        ({"inputs": {**INPUTS, "colour": 1}}, "body.inputs.colour"),
        ({"inputs": {"campaign_brief": 5}}, "body.inputs.campaign_brief"),
        ({"inputs": {"campaign_brief": "a\0"}}, "body.inputs.campaign_brief"),
        ({"inputs": {"campaign_brief": "x" * 9000, "audience": "\\u0000"}, "prompt": "a\0"}, "body.prompt"),
        ({"inputs": INPUTS, "place": "elsewhere"}, "body.place"),
        ({"inputs": INPUTS, "place": f"page:{uuid4()}"}, "body.place"),
        ({"inputs": INPUTS, "place_item": "x"}, "body.place_item"),
    ],
)
async def test_what_does_not_fit_is_told_and_nothing_runs(
    ann: Api, agent: str, body: dict[str, Any], path: str
):
    refused = await ann.post(f"/v1/agents/{agent}/runs", body)
    assert (refused.status_code, refused.json()["errors"][0]["path"]) == (422, path)
    assert (await ann.get(f"/v1/agents/{agent}/runs")).json()["items"] == []


async def test_a_place_is_one_that_the_caller_may_see(ann: Api, bob: Api, workspace: str, agent: str):
    await ann.made(f"{workspace}/members", {"email": bob.user["email"]})
    secret = (await ann.made(f"{workspace}/channels", {"name": "secret", "type": "private"}))["document"]
    elsewhere = (await ann.made("/v1/workspaces", {"name": "Elsewhere"}))["id"]
    foreign = (await ann.made(f"/v1/workspaces/{elsewhere}/pages", {"title": "x"}))["document"]
    for person, place in ((bob, secret), (ann, foreign)):
        refused = await person.post(f"/v1/agents/{agent}/runs", {"inputs": INPUTS, "place": place})
        assert refused.json()["errors"][0]["path"] == "body.place"


async def test_only_active_agents_run(ann: Api, services: Services, agent: str):
    for status in ("inactive", "archived"):
        await ann.patch(f"/v1/agents/{agent}", {"status": status})
        refused = await ann.post(f"/v1/agents/{agent}/runs", {"inputs": INPUTS})
        assert (refused.status_code, refused.json()["code"]) == (409, "agent_inactive")
    await ann.patch(f"/v1/agents/{agent}", {"status": "active"})
    async with services.database.transaction() as uow:
        row = await uow.agent_configurations.get(UUID(agent))
        assert row is not None
        row.effective_config_cache = None
    refused = await ann.post(f"/v1/agents/{agent}/runs", {"inputs": INPUTS})
    assert (refused.status_code, refused.json()["code"]) == (409, "agent_inactive")


async def test_what_was_said_in_a_private_channel_stays_there(ann: Api, bob: Api, workspace: str, agent: str):
    await ann.made(f"{workspace}/members", {"email": bob.user["email"], "role": "admin"})
    secret = (await ann.made(f"{workspace}/channels", {"name": "secret", "type": "private"}))["document"]
    run = await ask(ann, agent, place=secret, prompt="Between us")
    seen = (await bob.get(f"/v1/runs/{run['run_id']}")).json()
    assert (seen["run_id"], seen["status"]) == (run["run_id"], "pending")
    for hidden in ("input_params_snapshot", "prompt", "place", "output_preview", "error_message"):
        assert seen[hidden] is None
    assert (await bob.get(f"/v1/agents/{agent}/runs")).json()["items"] == [seen]
    open_one = await ask(ann, agent)
    assert (await bob.get(f"/v1/runs/{open_one['run_id']}")).json() == open_one


async def test_a_run_in_line_is_over_when_it_is_cancelled(ann: Api, workspace: str, agent: str):
    run = await ask(ann, agent)
    path = f"/v1/runs/{run['run_id']}/cancel"
    over = (await ann.post(path)).json()
    assert (over["status"], over["cancelled_by"]) == ("cancelled", f"user:{ann.user['id']}")
    assert over["end_time"] is not None
    assert (await ann.post(path)).json() == over
    assert (await ann.get(f"/v1/agents/{agent}")).json()["last_run_status"] == "cancelled"
    assert [type_ for type_, _, _ in await events(ann, workspace)] == [
        f"agent.run.{what}" for what in ("requested", "cancelled", "finished")
    ]


async def test_a_run_that_runs_is_told_to_end(ann: Api, services: Services, agent: str):
    run = await ask(ann, agent)
    async with services.database.transaction() as uow:
        row = await uow.agent_runs.get(UUID(run["run_id"]))
        assert row is not None
        assert await uow.jobs.claim("somebody", [RUN], ["somebody"], 10) is not None
        row.status = "running"
    told = (await ann.post(f"/v1/runs/{run['run_id']}/cancel")).json()
    assert (told["status"], told["cancelled_by"]) == ("running", f"user:{ann.user['id']}")
    assert told["cancel_requested_at"] is not None


async def test_a_run_that_was_called_while_its_caller_was_told_to_end_is_told_too(
    ann: Api, workspace: str, services: Services, agent: str
):
    run_id = UUID((await ask(ann, agent))["run_id"])
    async with services.database.transaction() as uow:
        row = await uow.agent_runs.get(run_id)
        assert row is not None
        assert await uow.jobs.claim("somebody", [RUN], ["somebody"], 10) is not None
        row.status = "running"
    await ann.post(f"/v1/runs/{run_id}/cancel")
    called, caused = UUID((await ask(ann, agent))["run_id"]), UUID((await ask(ann, agent))["run_id"])
    async with services.database.transaction() as uow:
        for child_id, cause in ((called, f"run:{run_id}"), (caused, "trigger:somebody's")):
            child = await uow.agent_runs.get(child_id)
            assert child is not None
            child.parent_run_id, child.cause = run_id, cause
    async with services.database.transaction() as uow:
        row = await uow.agent_runs.get(run_id)
        its_agent = await uow.agent_configurations.get(UUID(agent))
        assert row is not None
        assert its_agent is not None
        await finish_run(uow, its_agent, row, "cancelled")
    statuses = [(await ann.get(f"/v1/runs/{child}")).json()["status"] for child in (called, caused)]
    assert statuses == ["cancelled", "pending"]


async def test_a_busy_agent_refuses_where_it_should(ann: Api, workspace: str):
    agent = await make_agent(ann, workspace, "limits: {on_busy: reject}")
    await ask(ann, agent)
    refused = await ann.post(f"/v1/agents/{agent}/runs", {"inputs": INPUTS})
    assert (refused.status_code, refused.json()["code"]) == (409, "agent_busy")


async def test_a_new_run_makes_the_oldest_end_where_it_should(ann: Api, workspace: str):
    agent = await make_agent(ann, workspace, "limits: {on_busy: interrupt, runs_at_once: 2}")
    runs = [await ask(ann, agent) for _ in range(3)]
    found = (await ann.get(f"/v1/agents/{agent}/runs")).json()["items"]
    assert [run["status"] for run in found[::-1]] == ["cancelled", "pending", "pending"]
    assert found[-1]["run_id"] == runs[0]["run_id"]
    dry = await ann.made(f"/v1/agents/{agent}/runs", {"inputs": INPUTS, "is_dry": True})
    assert dry["status"] == "pending"
    found = (await ann.get(f"/v1/agents/{agent}/runs")).json()["items"]
    assert [run["status"] for run in found[::-1]] == ["cancelled", "pending", "pending", "pending"]


async def find_agent(services: Services, agent: str) -> AgentConfiguration:
    async with services.database.read() as uow:
        found = await uow.agent_configurations.get(UUID(agent))
        assert found is not None
        return found


async def request(services: Services, **fields: Any) -> AgentRunLog:
    async with services.database.transaction() as uow:
        return await request_run(uow, NewRun(trigger="event", cause="event:1", inputs=INPUTS, **fields))


async def test_a_cause_that_comes_again_has_one_run(services: Services, ann: Api, workspace: str, agent: str):
    row = await find_agent(services, agent)
    run_id = uuid4()
    first = await request(services, agent=row, run_id=run_id)
    async with services.database.transaction() as uow:
        run = await uow.agent_runs.get(run_id)
        assert run is not None
        await finish_run(uow, row, run, "error", code="no_model", message="None")
    again = await request(services, agent=row, run_id=run_id)
    assert (again.id, again.status) == (first.id, "error")
    assert [(type_, status) for type_, _, status in await events(ann, workspace)] == [
        ("agent.run.requested", "pending"),
        ("agent.run.finished", "error"),
    ]
    assert (await ann.get(f"/v1/agents/{agent}")).json()["last_run_status"] == "error"


async def test_lines_and_depths_have_an_end(services: Services, agent: str):
    row = await find_agent(services, agent)
    with pytest.raises(RunTooDeepError):
        await request(services, agent=row, depth=MAX_DEPTH + 1)
    for _ in range(MAX_WAITING):
        await request(services, agent=row)
    with pytest.raises(BusyAgentError):
        await request(services, agent=row)


async def test_old_runs_are_forgotten(services: Services, ann: Api, agent: str, clock: Clock):
    old, waiting = await ask(ann, agent), await ask(ann, agent)
    await ann.post(f"/v1/runs/{old['run_id']}/cancel")
    forgetting = OldRuns(services.database, run_days=30)
    await forgetting.forget()
    assert (await ann.get(f"/v1/runs/{old['run_id']}")).status_code == 200
    clock.forward(days=31)
    await forgetting.forget()
    async with services.database.read() as uow:
        found = [await uow.agent_runs.get(UUID(run["run_id"])) for run in (old, waiting)]
        assert await uow.jobs.get(UUID(old["run_id"])) is None
    assert [run is not None for run in found] == [False, True]
