"""Triggers of agents: what fires them, once, and what stops them."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from agents.catalogue import Trigger, bring_up_to_date, read_catalogue
from agents.configured_triggers import INVALID
from agents.firing import MOST_REFUSALS
from agents.runs import NewRun, request_run
from server.background.trigger_times import TriggerTimes
from server.bootstrap import Services
from server.rest.triggers import MOST
from storage.event_feed import LOOK_SECONDS, EventFeed
from storage.models import AgentRunLog, AgentTrigger
from tests.server.api import Api
from tests.server.conftest import Clock
from tests.server.triggering import (
    DEFINITION,
    READY,
    add,
    again,
    fires,
    has_run,
    nudge,
    runs,
    told,
    triggers,
)
from tests.waiting import until


@pytest.fixture
async def agent(ann: Api, workspace: str) -> dict[str, Any]:
    """An agent that has all it needs, and no triggers."""
    body = {"name": "Wizard", "agent_definition_id": DEFINITION, "yaml_config": READY}
    return await ann.made(f"{workspace}/agents", body)


# --- what is configured


async def test_a_trigger_is_made_read_changed_and_deleted(ann: Api, workspace: str, agent: dict[str, Any]):
    made = await add(ann, agent, "schedule", cron="0 9 * * 1", time_zone="Europe/Lisbon")
    assert (made["state"], made["source"], made["url"], made.pop("secret")) == ("active", "api", None, None)
    assert made["acts_for_user_id"] == ann.user["id"]
    assert datetime.fromisoformat(made["next_fire_at"]).weekday() == 0
    path = f"/v1/triggers/{made['id']}"
    assert (await ann.get(path)).json() == made
    assert await triggers(ann, agent) == [made]
    changed = (await ann.patch(path, {"name": "Daily", "config": {"cron": "@daily"}})).json()
    assert (changed["name"], changed["config"]) == ("Daily", {"cron": "@daily"})
    assert changed["next_fire_at"] != made["next_fire_at"]
    paused = (await ann.patch(path, {"state": "paused"})).json()
    assert (paused["paused_reason"], paused["next_fire_at"]) == ("by_hand", None)
    assert (await ann.patch(path, {"state": "active"})).json()["next_fire_at"] == changed["next_fire_at"]
    assert (await ann.delete(path)).status_code == 204
    assert (await ann.get(path)).status_code == 404
    found = [event["type"] for event in await told(ann, workspace, "agent.trigger.*")]
    names = ("created", "updated", "paused", "resumed", "deleted")
    assert found == [f"agent.trigger.{name}" for name in names]


@pytest.mark.parametrize(
    ("type", "config", "path"),
    [
        ("schedule", {}, "body.config"),
        ("schedule", {"cron": "* * * * * *"}, "body.config.cron"),
        ("schedule", {"cron": "@daily", "time_zone": "Nowhere"}, "body.config.time_zone"),
        ("schedule", {"cron": "@daily", "often": True}, "body.config.often"),
        ("event", {"events": []}, "body.config.events"),
        ("event", {"events": ["page.*"], "where": {"value": 1}}, "body.config.where"),
        ("event", {"events": ["page.*"], "inputs": {"audience": "${body.x}"}}, "body.config.inputs.audience"),
        ("event", {"events": ["page.*"], "inputs": {"nothing": 1}}, "body.config.inputs.nothing"),
        ("event", {"events": ["page.*"], "prompt": "${}"}, "body.config.prompt"),
        ("event", {"events": ["page.*"], "max_fires_per_hour": 0}, "body.config.max_fires_per_hour"),
        ("page_edit", {"quiet_seconds": 1}, "body.config.quiet_seconds"),
        ("page_edit", {"page_id": str(uuid4())}, "body.config.page_id"),
        ("webhook", {"place": f"channel:{uuid4()}"}, "body.config.place"),
    ],
)
async def test_what_could_never_fire_is_refused(
    ann: Api, agent: dict[str, Any], type: str, config: dict[str, Any], path: str
):
    body = {"name": "Bad", "type": type, "config": config}
    answer = await ann.post(f"/v1/agents/{agent['id']}/triggers", body)
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, path), answer.text
    assert await triggers(ann, agent) == []


async def test_a_required_input_has_to_come_from_somewhere(ann: Api, workspace: str):
    body = {"name": "Bare", "agent_definition_id": DEFINITION, "yaml_config": "triggers: []"}
    bare = await ann.made(f"{workspace}/agents", body)
    new = {"name": "Often", "type": "schedule", "config": {"cron": "@hourly"}}
    answer = await ann.post(f"/v1/agents/{bare['id']}/triggers", new)
    assert answer.json()["errors"][0]["path"] == "body.config.inputs.campaign_brief"
    made = await add(ann, bare, "schedule", cron="@hourly", inputs={"campaign_brief": "${instant}"})
    assert made["state"] == "active"


async def test_an_agent_has_so_many_triggers_and_only_an_active_one_gets_more(
    ann: Api, agent: dict[str, Any], services: Services
):
    body = {"name": "One more", "type": "webhook"}
    async with services.database.transaction() as uow:
        for _ in range(MOST):
            row = AgentTrigger(
                id=uow.new_id(),
                workspace_id=UUID(agent["workspace_id"]),
                agent_configuration_id=UUID(agent["id"]),
                acts_for_user_id=UUID(ann.user["id"]),
                acts_for=f"user:{ann.user['id']}",
                name="One",
                type="webhook",
                created_at=uow.now,
                updated_at=uow.now,
            )
            await uow.agent_triggers.add(row)
    refused = await ann.post(f"/v1/agents/{agent['id']}/triggers", body)
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_triggers")
    await ann.patch(f"/v1/agents/{agent['id']}", {"status": "inactive"})
    refused = await ann.post(f"/v1/agents/{agent['id']}/triggers", body)
    assert (refused.status_code, refused.json()["code"]) == (409, "agent_inactive")


async def test_who_changes_a_trigger_is_whom_it_acts_for(
    ann: Api, bob: Api, workspace: str, agent: dict[str, Any]
):
    await ann.made(f"{workspace}/members", {"email": bob.user["email"], "role": "member"})
    made = await add(ann, agent, "schedule", cron="@hourly")
    path = f"/v1/triggers/{made['id']}"
    assert (await bob.patch(path, {"name": "Mine"})).json()["acts_for_user_id"] == ann.user["id"]
    changed = (await bob.patch(path, {"config": {"cron": "@daily"}})).json()
    assert changed["acts_for_user_id"] == bob.user["id"]


# --- of the configuration


async def test_triggers_of_the_configuration_are_there_and_follow_it(
    ann: Api, workspace: str, agent: dict[str, Any]
):
    async def wait(count: int) -> list[dict[str, Any]]:
        async def look() -> list[dict[str, Any]] | None:
            found = await triggers(ann, agent)
            return found if len(found) == count else None

        return await until(look)

    said = "inputs: {campaign_brief: x}\ntriggers:\n- {type: schedule, config: {cron: '@hourly'}}\n"
    path = f"/v1/agents/{agent['id']}"
    await ann.patch(path, {"yaml_config": said + "- {type: webhook}\n"})
    schedule, webhook = await wait(2)
    assert (schedule["source"], schedule["name"], schedule["state"]) == (
        "configuration",
        "triggers[0]",
        "active",
    )
    assert webhook["type"] == "webhook"
    assert (await ann.post(f"/v1/triggers/{webhook['id']}/secret")).json()["secret"].startswith("whsec_")
    refused = await ann.patch(f"/v1/triggers/{schedule['id']}", {"config": {"cron": "@daily"}})
    assert refused.json()["code"] == "of_configuration"
    assert (await ann.delete(f"/v1/triggers/{schedule['id']}")).status_code == 409
    await ann.patch(path, {"yaml_config": said})
    assert await wait(1) == [schedule]
    bad = await ann.patch(path, {"yaml_config": said + "- type: event\n  config: {topic: x}\n"})
    (fault,) = bad.json()["errors"]
    assert (bad.status_code, fault["path"]) == (422, "body.yaml_config.triggers[1].config.topic")
    assert fault["detail"] == "Line 5, column 12: There is no such setting"


async def test_what_the_configuration_cannot_have_fired_is_paused_with_the_reason_until_it_can(
    ann: Api, workspace: str
):
    said = "triggers:\n- {type: schedule, config: {cron: '@hourly'}}\n"
    body = {"name": "Bare", "agent_definition_id": DEFINITION, "yaml_config": said}
    bare = await ann.made(f"{workspace}/agents", body)
    (schedule,) = await until(lambda: triggers(ann, bare))
    assert schedule["paused_reason"] == INVALID
    assert "config.inputs.campaign_brief" in schedule["paused_message"]
    path = f"/v1/agents/{bare['id']}"
    await ann.patch(path, {"yaml_config": said + "inputs: {campaign_brief: x}\n"})

    async def look() -> bool:
        return [one["state"] for one in await triggers(ann, bare)] == ["active"]

    await until(look)


async def test_a_new_catalogue_brings_its_triggers_with_the_next_start(
    ann: Api, workspace: str, services: Services
):
    bare = await ann.made(f"{workspace}/agents", {"name": "Bare", "agent_definition_id": DEFINITION})
    assert [one["type"] for one in await until(lambda: triggers(ann, bare))] == ["webhook"]
    daily = Trigger(type="schedule", config={"cron": "@daily"})
    catalogue = [msgspec.structs.replace(one, triggers_config=[daily]) for one in read_catalogue()]
    await bring_up_to_date(services.database, catalogue)
    times = TriggerTimes(services.database, EventFeed(services.database))
    await times.catch_up()
    assert [one["type"] for one in await triggers(ann, bare)] == ["schedule"]


async def test_triggers_rest_with_their_agent(ann: Api, agent: dict[str, Any]):
    made = await add(ann, agent, "schedule", cron="@hourly")
    path = f"/v1/triggers/{made['id']}"

    async def reason() -> str | None:
        return (await ann.get(path)).json()["paused_reason"]

    await ann.patch(f"/v1/agents/{agent['id']}", {"status": "inactive"})
    assert await until(reason) == "agent_inactive"
    refused = await ann.patch(path, {"state": "active"})
    assert (refused.status_code, refused.json()["code"]) == (409, "agent_inactive")
    await ann.patch(f"/v1/agents/{agent['id']}", {"status": "active"})

    async def is_back() -> bool:
        return await reason() is None

    await until(is_back)
    assert (await ann.get(path)).json()["next_fire_at"] == made["next_fire_at"]


# --- schedules


async def test_a_schedule_fires_once_for_all_that_was_missed(
    ann: Api, workspace: str, agent: dict[str, Any], services: Services, clock: Clock
):
    clock.now = datetime(2026, 11, 30, 8, 59, tzinfo=UTC)
    ann = await again(ann)
    made = await add(ann, agent, "schedule", cron="0 * * * *", prompt="It is ${instant}")
    clock.forward(hours=5)
    ann = await again(ann)
    await nudge(services, workspace)
    (run,) = await has_run(ann, agent, 1)
    assert (run["trigger_type"], run["triggered_by_user_id"]) == ("schedule", ann.user["id"])
    assert run["cause"] == f"schedule:{made['id']}@2026-11-30T09:00Z"
    assert run["prompt"] == "It is 2026-11-30T09:00:00Z"
    (fired,) = await fires(ann, made)
    assert (fired["outcome"], fired["run_id"]) == ("started", run["run_id"])
    assert (await ann.get(f"/v1/triggers/{made['id']}")).json()["next_fire_at"] == "2026-11-30T14:00:00Z"
    clock.forward(minutes=1)
    await nudge(services, workspace)
    assert [one["cause"][-6:] for one in await has_run(ann, agent, 2)] == ["09:00Z", "14:00Z"]


async def test_several_processes_fire_a_time_once(
    ann: Api, workspace: str, agent: dict[str, Any], services: Services, clock: Clock
):
    """Even one that does not know that another has taken over: `services` has one of its own."""
    for _ in range(3):
        await add(ann, agent, "schedule", cron="*/5 * * * *")
    others = [TriggerTimes(services.database, EventFeed(services.database)) for _ in range(3)]
    clock.forward(minutes=10)
    ann = await again(ann)
    await asyncio.gather(*(one.fire_due() for one in others))
    await nudge(services, workspace)
    assert len(await has_run(ann, agent, 3)) == 3


# --- events


async def test_an_event_that_fits_starts_a_run_once(ann: Api, workspace: str, agent: dict[str, Any]):
    where = {"value": "${event.payload.title}", "starts_with": "Launch"}
    inputs = {"campaign_brief": "About ${event.payload.title}", "audience": "${event.payload}"}
    made = await add(ann, agent, "event", events=["page.created"], where=where, inputs=inputs)
    for title in ("Notes", "Launch of the boat"):
        page = await ann.made(f"{workspace}/pages", {"title": title})
    (run,) = await has_run(ann, agent, 1)
    assert (run["trigger_type"], run["place"]) == ("event", f"page:{page['id']}")
    given = run["input_params_snapshot"]
    assert given["campaign_brief"] == "About Launch of the boat"
    assert given["audience"]["title"] == "Launch of the boat"
    assert [one["outcome"] for one in await fires(ann, made)] == ["started"]


async def test_an_event_that_its_maker_may_not_see_starts_nothing(
    ann: Api, bob: Api, workspace: str, agent: dict[str, Any]
):
    await ann.made(f"{workspace}/members", {"email": bob.user["email"], "role": "member"})
    made = await add(bob, agent, "event", events=["page.created", "channel.created"])
    await ann.made(f"{workspace}/channels", {"name": "secret", "type": "private"})
    shown = await ann.made(f"{workspace}/channels", {"name": "open"})
    (run,) = await has_run(ann, agent, 1)
    assert run["place"] == f"channel:{shown['id']}"
    assert len(await fires(ann, made)) == 1


async def add_run(services: Services, agent: dict[str, Any], parent: UUID | None = None) -> AgentRunLog:
    """Have an agent run as if another had started it."""
    async with services.database.transaction() as uow:
        found = await uow.agent_configurations.get(UUID(agent["id"]))
        assert found is not None
        depth = 0
        if parent is not None:
            above = await uow.agent_runs.get(parent)
            depth = above.depth + 1 if above else 0
        new = NewRun(agent=found, trigger="manual", cause="test", parent_run_id=parent, depth=depth)
        return await request_run(uow, new)


async def do(services: Services, workspace: str, agent: dict[str, Any], run: AgentRunLog | None) -> None:
    """Let something happen that an agent did in a run."""
    payload = {"run_id": str(run.run_id)} if run is not None else {}
    async with services.database.transaction() as uow:
        place = UUID(workspace.rpartition("/")[2])
        await uow.events.append(place, "test.done", f"agent:{agent['id']}", f"workspace:{place}", payload)


async def other_agents(api: Api, workspace: str, count: int) -> list[dict[str, Any]]:
    body = {"agent_definition_id": DEFINITION, "yaml_config": READY}
    return [await api.made(f"{workspace}/agents", {**body, "name": f"Other {n}"}) for n in range(count)]


async def test_agents_that_would_start_each_other_in_a_circle_are_stopped(
    ann: Api, workspace: str, agent: dict[str, Any], services: Services
):
    (other,) = await other_agents(ann, workspace, 1)
    made = await add(ann, agent, "event", events=["test.done"])
    first = await add_run(services, agent)
    second = await add_run(services, other, first.run_id)
    await do(services, workspace, agent, first)  # its own: that is nothing to be told
    await do(services, workspace, other, second)
    (fired,) = await until(lambda: fires(ann, made))
    assert (fired["outcome"], fired["code"], fired["run_id"]) == ("stopped", "agent_loop", None)
    assert "a run of its own" in fired["message"]
    (event,) = await told(ann, workspace, "agent.trigger.stopped")
    assert (event["payload"]["trigger_id"], event["payload"]["code"]) == (made["id"], "agent_loop")
    assert (await ann.get(f"/v1/triggers/{made['id']}")).json()["state"] == "active"


async def test_a_chain_of_agents_ends(ann: Api, workspace: str, agent: dict[str, Any], services: Services):
    made = await add(ann, agent, "event", events=["test.done"])
    parent: UUID | None = None
    others = await other_agents(ann, workspace, 6)
    for other in others:
        run = await add_run(services, other, parent)
        parent = run.run_id
    await do(services, workspace, others[-1], None)  # names no run: the one that it is in
    (fired,) = await until(lambda: fires(ann, made))
    assert (fired["outcome"], fired["code"]) == ("stopped", "run_too_deep")


async def test_a_run_that_came_of_another_tells_which(
    ann: Api, workspace: str, agent: dict[str, Any], services: Services
):
    (other,) = await other_agents(ann, workspace, 1)
    await add(ann, agent, "event", events=["test.done"])
    first = await add_run(services, other)
    await do(services, workspace, other, first)
    (run,) = await has_run(ann, agent, 1)
    assert (run["parent_run_id"], run["depth"]) == (str(first.run_id), 1)


async def test_a_trigger_that_fires_too_often_rests_and_says_so_once(
    ann: Api, workspace: str, agent: dict[str, Any], services: Services, clock: Clock
):
    made = await add(ann, agent, "event", events=["page.created"], max_fires_per_hour=2)

    async def make(count: int) -> None:
        for n in range(count):
            await ann.made(f"{workspace}/pages", {"title": str(n)})

    async def outcomes() -> list[str]:
        return [one["outcome"] for one in await fires(ann, made)]

    await make(5)
    await add(ann, agent, "event", events=["channel.created"])
    await ann.made(f"{workspace}/channels", {"name": "behind"})
    await has_run(ann, agent, 3)
    assert await outcomes() == ["started", "started", "stopped"]
    (event,) = await told(ann, workspace, "agent.trigger.stopped")
    assert event["payload"]["code"] == "too_many_fires"
    clock.forward(minutes=61)
    ann = await again(ann)
    await make(1)
    await has_run(ann, agent, 4)
    assert await outcomes() == ["started", "started", "stopped", "started"]


# --- what cannot run


async def test_a_trigger_whose_maker_has_left_is_paused_and_says_so(
    ann: Api, bob: Api, workspace: str, agent: dict[str, Any]
):
    await ann.made(f"{workspace}/members", {"email": bob.user["email"], "role": "member"})
    made = await add(bob, agent, "event", events=["page.created"])
    await ann.delete(f"{workspace}/members/{bob.user['id']}")
    await ann.made(f"{workspace}/pages", {"title": "Plan"})
    (event,) = await until(lambda: told(ann, workspace, "agent.trigger.paused"))
    assert event["payload"]["reason"] == "maker_lost_right"
    (fired,) = await fires(ann, made)
    assert (fired["outcome"], fired["code"]) == ("refused", "maker_lost_right")
    assert await runs(ann, agent) == []
    taken = (await ann.patch(f"/v1/triggers/{made['id']}", {"state": "active"})).json()
    assert (taken["state"], taken["acts_for_user_id"]) == ("active", ann.user["id"])


async def test_a_trigger_that_fails_again_and_again_is_paused(
    ann: Api, workspace: str, agent: dict[str, Any]
):
    inputs = {"campaign_brief": "${event.payload.nothing}"}
    made = await add(ann, agent, "event", events=["page.created"], inputs=inputs)
    for n in range(MOST_REFUSALS + 2):
        await ann.made(f"{workspace}/pages", {"title": str(n)})
    (event,) = await until(lambda: told(ann, workspace, "agent.trigger.paused"))
    assert (event["payload"]["reason"], event["payload"]["trigger_id"]) == ("failing", made["id"])
    found = await fires(ann, made)
    assert [one["code"] for one in found] == ["missing_reference"] * MOST_REFUSALS
    assert "event.payload.nothing" in found[0]["message"]


# --- trying out


async def test_a_trigger_is_tried_out_with_the_rights_of_who_tries(
    ann: Api, bob: Api, workspace: str, agent: dict[str, Any]
):
    await ann.made(f"{workspace}/members", {"email": bob.user["email"], "role": "member"})
    inputs = {"campaign_brief": "${event.payload.title}"}
    made = await add(ann, agent, "event", events=["page.created"], inputs=inputs)
    await ann.patch(f"/v1/triggers/{made['id']}", {"state": "paused"})
    path = f"/v1/triggers/{made['id']}/test"
    refused = await bob.made(path, {})
    assert (refused["outcome"], refused["code"], refused["is_test"]) == ("refused", "missing_reference", True)
    body = {"given": {"event": {"payload": {"title": "Boat"}}}}
    fired = await bob.made(path, body)
    assert fired["outcome"] == "started"
    (run,) = await runs(bob, agent)
    assert (run["is_dry"], run["triggered_by_user_id"]) == (True, bob.user["id"])
    assert run["input_params_snapshot"]["campaign_brief"] == "Boat"
    assert (await ann.get(f"/v1/triggers/{made['id']}")).json()["paused_reason"] == "by_hand"


# --- pages


async def write(api: Api, page: dict[str, Any], text: str) -> None:
    answer = await api.client.put(
        f"/v1/pages/{page['id']}/markdown",
        json={"markdown": text},
        headers={"Authorization": f"Bearer {api.token}"},
    )
    assert answer.status_code == 200, answer.text


async def is_waited_for(services: Services, trigger: dict[str, Any], page: dict[str, Any]) -> datetime:
    """Wait until a trigger waits for a page to be left alone; return until when."""

    async def look() -> datetime | None:
        async with services.database.read() as uow:
            known = await uow.triggers.page(UUID(trigger["id"]), UUID(page["id"]))
        return known.due_at if known else None

    return await until(look)


async def test_a_page_that_is_edited_fires_once_when_it_was_quiet(
    ann: Api, workspace: str, agent: dict[str, Any], services: Services, clock: Clock
):
    page = await ann.made(f"{workspace}/pages", {"title": "Plan"})
    made = await add(
        ann, agent, "page_edit", quiet_seconds=30, page_id=page["id"], prompt="Look at ${page_id}"
    )
    await write(ann, page, "One")
    due = await is_waited_for(services, made, page)
    assert due - clock.now == timedelta(seconds=30)
    clock.forward(seconds=20)
    await write(ann, page, "One, two")  # an event tells of this within a minute; the log has it now
    clock.forward(seconds=15)
    await nudge(services, workspace)

    async def is_postponed() -> bool:
        return await is_waited_for(services, made, page) > due

    await until(is_postponed)
    assert await runs(ann, agent) == []
    clock.forward(seconds=20)
    await nudge(services, workspace)
    (run,) = await has_run(ann, agent, 1)
    assert (run["trigger_type"], run["place"]) == ("event", f"page:{page['id']}")
    assert run["prompt"] == f"Look at {page['id']}"
    clock.forward(minutes=2)
    ann = await again(ann)

    async def is_told_of_both() -> bool:
        return len(await told(ann, workspace, "page.edited")) == 2

    await until(is_told_of_both)  # of what it has fired for already
    clock.forward(minutes=2)
    await write(ann, page, "Three")
    await is_waited_for(services, made, page)
    clock.forward(seconds=31)
    await nudge(services, workspace)
    assert len(await has_run(ann, agent, 2)) == 2


async def test_what_is_written_down_after_its_event_was_told_of_fires_soon(
    ann: Api, workspace: str, agent: dict[str, Any], services: Services, clock: Clock
):
    page = await ann.made(f"{workspace}/pages", {"title": "Plan"})
    made = await add(ann, agent, "page_edit", quiet_seconds=5, page_id=page["id"])
    await write(ann, page, "One")
    await is_waited_for(services, made, page)
    async with services.database.transaction() as uow:
        await uow.triggers.forget_page(UUID(made["id"]), UUID(page["id"]))
    clock.forward(seconds=10)
    await nudge(services, workspace)
    await asyncio.sleep(2 * LOOK_SECONDS)  # so that nothing more is told of it: on SQLite it is, once again
    async with services.database.transaction() as uow:
        await uow.triggers.set_page(UUID(made["id"]), UUID(page["id"]), {"due_at": clock.now})
    await has_run(ann, agent, 1)


async def test_only_pages_that_it_is_for_and_only_edits_of_others(
    ann: Api, workspace: str, agent: dict[str, Any], services: Services, clock: Clock
):
    plan = await ann.made(f"{workspace}/pages", {"title": "Plan"})
    below = await ann.made(f"{workspace}/pages", {"title": "Below", "parent_page_id": plan["id"]})
    other = await ann.made(f"{workspace}/pages", {"title": "Other"})
    alone = await add(ann, agent, "page_edit", page_id=plan["id"])
    tree = await add(ann, agent, "page_edit", page_id=plan["id"], below=True)
    place = UUID(workspace.rpartition("/")[2])
    async with services.database.transaction() as uow:
        own = f"agent:{agent['id']}"
        payload = {"page_id": plan["id"], "authors": [own]}
        await uow.events.append(place, "page.edited", own, f"page:{plan['id']}", payload)
    await write(ann, other, "No")
    await write(ann, below, "Yes")
    await is_waited_for(services, tree, below)
    async with services.database.read() as uow:
        for trigger, page in ((alone, plan), (alone, below), (alone, other), (tree, plan), (tree, other)):
            assert await uow.triggers.page(UUID(trigger["id"]), UUID(page["id"])) is None


async def test_a_page_that_goes_to_the_trash_meanwhile_fires_nothing(
    ann: Api, workspace: str, agent: dict[str, Any], services: Services, clock: Clock
):
    page = await ann.made(f"{workspace}/pages", {"title": "Plan"})
    made = await add(ann, agent, "page_edit", quiet_seconds=30)
    await write(ann, page, "One")
    await is_waited_for(services, made, page)
    await ann.delete(f"/v1/pages/{page['id']}")
    clock.forward(seconds=31)
    await nudge(services, workspace)

    async def is_forgotten() -> bool:
        async with services.database.read() as uow:
            return await uow.triggers.page(UUID(made["id"]), UUID(page["id"])) is None

    await until(is_forgotten)
    assert await runs(ann, agent) == []
