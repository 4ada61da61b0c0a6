"""Playbooks that start by themselves: by events, by the clock, by other programs; and what stops them."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import delete

from agents.errors import RunTooDeepError
from agents.playbooks import runs as playbook_runs
from agents.playbooks.runs import NewPlaybookRun, begin_run
from agents.runs import MAX_DEPTH
from server.background.trigger_times import TriggerTimes
from server.bootstrap import Services
from storage.models import AgentTrigger, Event
from tests.server.api import Api
from tests.server.conftest import Clock
from tests.server.test_trigger_hooks import send
from tests.server.triggering import again, fires, nudge, told
from tests.waiting import until

Json = dict[str, Any]
NAMED: Json = {"inputs": [{"key": "title", "type": "string"}]}
SET: list[Json] = [{"id": "s", "type": "set", "values": {}}]


async def make(
    api: Api, workspace: str, event_type: str, steps: list[Json] | None = None, **more: Any
) -> Json:
    body = {"name": "Greet", "trigger_event_type": event_type, "steps": SET if steps is None else steps}
    return await api.made(f"{workspace}/playbooks", body | more)


async def runs(api: Api, playbook: Json) -> list[Json]:
    """Return the runs of a playbook, oldest first."""
    return (await api.get(f"/v1/playbooks/{playbook['id']}/runs")).json()["items"][::-1]


async def done(api: Api, playbook: Json, count: int = 1) -> list[Json]:
    """Wait until so many runs are over; return them, with their steps."""

    async def look() -> list[Json] | None:
        found = [one for one in await runs(api, playbook) if one["status"] in ("success", "error")]
        return found if len(found) >= count else None

    found = await until(look)
    return [(await api.get(f"/v1/playbook-runs/{one['id']}")).json() for one in found]


async def fired(api: Api, playbook: Json, count: int = 1) -> list[Json]:
    """Wait until a playbook's trigger has fired so often."""

    async def look() -> list[Json] | None:
        found = await fires(api, {"id": playbook["trigger_id"]})
        return found if len(found) >= count else None

    return await until(look)


async def test_an_event_that_fits_starts_a_playbook_once_with_what_it_tells(ann: Api, workspace: str):
    config = {
        "where": {"value": "${event.payload.title}", "starts_with": "Launch"},
        "inputs": {"title": "New: ${event.payload.title}"},
    }
    playbook = await make(ann, workspace, "page_created", **NAMED, trigger_config=config)
    await ann.made(f"{workspace}/pages", {"title": "Notes"})
    page = await ann.made(f"{workspace}/pages", {"title": "Launch plan"})
    (run,) = await done(ann, playbook)
    assert (run["inputs"], run["acts_for_user_id"]) == ({"title": "New: Launch plan"}, ann.user["id"])
    (event,) = [
        one for one in await told(ann, workspace, "page.created") if one["subject"] == page["document"]
    ]
    assert run["cause"] == f"event:{event['id']}"
    (fire,) = await fires(ann, {"id": playbook["trigger_id"]})
    assert (fire["outcome"], fire["run_id"]) == ("started", run["id"])
    listed = (await ann.get(f"{workspace}/playbooks")).json()["items"]
    assert [one["trigger_id"] for one in listed] == [playbook["trigger_id"]]


async def test_what_could_never_start_a_playbook_is_refused_with_its_place(ann: Api, workspace: str):
    body = {"name": "Bad", **NAMED, "trigger_event_type": "page.created"}
    for config, place in (
        ({"inputs": {"moon": 1}}, "inputs.moon"),
        ({"place": f"channel:{UUID(int=1)}"}, "place"),
    ):
        answer = await ann.post(f"{workspace}/playbooks", {**body, "trigger_config": config})
        (fault,) = answer.json()["errors"]
        assert (answer.status_code, fault["path"]) == (422, f"body.trigger_config.{place}")
    made = await ann.made(f"{workspace}/playbooks", body)
    needed = [{**NAMED["inputs"][0], "required": True}]
    refused = await ann.patch(f"/v1/playbooks/{made['id']}", {"inputs": needed})
    assert refused.json()["errors"][0]["path"] == "body.trigger_config.inputs.title"
    assert (await ann.get(f"/v1/playbooks/{made['id']}")).json() == made


async def test_the_trigger_follows_the_playbook_and_whoever_changes_it(ann: Api, bob: Api, workspace: str):
    await ann.made(f"{workspace}/members", {"email": bob.user["email"], "role": "member"})
    playbook = await make(ann, workspace, "page.created")
    path, trigger_path = f"/v1/playbooks/{playbook['id']}", f"/v1/triggers/{playbook['trigger_id']}"
    trigger = (await ann.get(trigger_path)).json()
    assert (trigger["source"], trigger["playbook_id"], trigger["agent_configuration_id"]) == (
        "playbook",
        playbook["id"],
        None,
    )
    for answer in (await ann.delete(trigger_path), await ann.patch(trigger_path, {"name": "x"})):
        assert (answer.status_code, answer.json()["code"]) == (409, "of_playbook")
    changed = (await bob.patch(path, {"description": "Mine now"})).json()
    assert changed["trigger_id"] == playbook["trigger_id"]
    assert (await ann.get(trigger_path)).json()["acts_for_user_id"] == bob.user["id"]
    await ann.patch(path, {"is_active": False})
    trigger = (await ann.get(trigger_path)).json()
    assert (trigger["state"], trigger["paused_reason"]) == ("paused", "playbook_inactive")
    assert (await ann.patch(trigger_path, {"state": "active"})).json()["code"] == "playbook_inactive"
    await ann.patch(path, {"is_active": True})
    assert (await ann.get(trigger_path)).json()["state"] == "active"
    await ann.patch(trigger_path, {"state": "paused"})
    await ann.patch(path, {"description": "Still at rest"})
    assert (await ann.get(trigger_path)).json()["paused_reason"] == "by_hand"
    assert (await ann.patch(trigger_path, {"state": "active"})).json()["state"] == "active"
    refused = await ann.post(f"{trigger_path}/test", {})
    assert (refused.status_code, refused.json()["code"]) == (409, "no_dry_run")
    tried = await ann.made(f"{trigger_path}/test", {"is_dry": False})
    assert [one["id"] for one in await done(ann, playbook)] == [tried["run_id"]]
    other = (await ann.patch(path, {"trigger_event_type": "webhook"})).json()
    assert (await ann.get(trigger_path)).status_code == 404
    assert (await ann.get(f"/v1/triggers/{other['trigger_id']}")).json()["url"].endswith(other["trigger_id"])
    assert (await ann.patch(path, {"trigger_event_type": "manual"})).json()["trigger_id"] is None
    types = {event["type"] for event in await told(ann, workspace, "playbook.trigger.*")}
    assert types == {"playbook.trigger.paused", "playbook.trigger.resumed"}


async def test_an_event_that_its_maker_may_not_see_starts_no_playbook(ann: Api, bob: Api, workspace: str):
    await ann.made(f"{workspace}/members", {"email": bob.user["email"], "role": "member"})
    theirs = await make(bob, workspace, "channel.created")
    own = await make(ann, workspace, "channel.created")
    await ann.made(f"{workspace}/channels", {"name": "secret", "type": "private"})
    await done(ann, own)
    assert await fires(ann, {"id": theirs["trigger_id"]}) == []


async def test_a_playbook_whose_maker_may_not_run_agents_any_more_is_paused(
    ann: Api, bob: Api, workspace: str
):
    await ann.made(f"{workspace}/members", {"email": bob.user["email"], "role": "member"})
    playbook = await make(bob, workspace, "page.created")
    await ann.patch(f"{workspace}/members/{bob.user['id']}", {"role": "guest"})
    await ann.made(f"{workspace}/pages", {"title": "x"})
    (fire,) = await fired(ann, playbook)
    assert (fire["outcome"], fire["code"]) == ("refused", "maker_lost_right")
    trigger = (await ann.get(f"/v1/triggers/{playbook['trigger_id']}")).json()
    assert (trigger["state"], trigger["paused_reason"]) == ("paused", "maker_lost_right")
    assert await runs(ann, playbook) == []


async def test_a_schedule_starts_a_playbook(ann: Api, workspace: str, services: Services, clock: Clock):
    clock.now = datetime(2026, 11, 30, 8, 59, tzinfo=UTC)
    ann = await again(ann)
    config = {"cron": "0 9 * * *", "inputs": {"title": "${instant}"}}
    playbook = await make(ann, workspace, "schedule", **NAMED, trigger_config=config)
    clock.forward(minutes=2)
    await nudge(services, workspace)
    (run,) = await done(ann, playbook)
    assert run["inputs"] == {"title": "2026-11-30T09:00:00Z"}


async def test_another_program_starts_a_playbook_once_for_a_message(ann: Api, workspace: str, clock: Clock):
    playbook = await make(ann, workspace, "webhook", **NAMED)
    trigger = (await ann.post(f"/v1/triggers/{playbook['trigger_id']}/secret")).json()
    body = b'{"title": "Hello"}'
    answer = await send(ann, trigger, trigger["secret"], clock, body, id="msg_1")
    again = await send(ann, trigger, trigger["secret"], clock, body, id="msg_1")
    assert (answer.status_code, again.json()) == (202, answer.json()), answer.text
    (run,) = await done(ann, playbook)
    assert (run["id"], run["inputs"]) == (answer.json()["run_id"], {"title": "Hello"})


async def test_a_playbook_is_not_started_by_its_own_end(ann: Api, workspace: str):
    playbook = await make(ann, workspace, "playbook.run.finished")
    other = await make(ann, workspace, "manual")
    await ann.made(f"/v1/playbooks/{other['id']}/runs", {})
    started, stopped = await fired(ann, playbook, 2)
    assert (started["outcome"], stopped["outcome"]) == ("started", "stopped")
    assert stopped["code"] == "agent_loop"
    (run,) = await done(ann, playbook)
    assert run["parent_run_id"] == (await runs(ann, other))[0]["id"]


async def test_a_playbook_is_not_started_by_what_it_writes_itself(ann: Api, workspace: str):
    steps: list[Json] = [{"id": "t", "type": "tool", "tool": "create_page", "arguments": {"title": "Answer"}}]
    playbook = await make(ann, workspace, "page.created", steps)
    await ann.made(f"{workspace}/pages", {"title": "Question"})
    started, stopped = await fired(ann, playbook, 2)
    assert (started["outcome"], stopped["outcome"], stopped["code"]) == ("started", "stopped", "agent_loop")
    await done(ann, playbook)
    # What the person does themselves begins anew, also at once.
    await ann.made(f"{workspace}/pages", {"title": "Question"})
    assert [one["outcome"] for one in (await fired(ann, playbook, 4))[2:]] == ["started", "stopped"]


async def test_playbooks_that_start_each_other_in_a_circle_are_stopped(ann: Api, workspace: str):
    channel = await ann.made(f"{workspace}/channels", {"name": "general"})
    say: list[Json] = [{"id": "n", "type": "notify", "channel_id": channel["id"], "text": "A page"}]
    write: list[Json] = [{"id": "t", "type": "tool", "tool": "create_page", "arguments": {"title": "Answer"}}]
    first = await make(ann, workspace, "page.created", say)
    second = await make(ann, workspace, "message.posted", write)
    await ann.made(f"{workspace}/pages", {"title": "Question"})
    started, stopped = await fired(ann, first, 2)
    assert (started["outcome"], stopped["outcome"], stopped["code"]) == ("started", "stopped", "agent_loop")
    (run,) = await done(ann, second)
    assert run["parent_run_id"] == started["run_id"]


async def test_runs_of_a_playbook_that_never_end_are_so_many(
    ann: Api, workspace: str, services: Services, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(playbook_runs, "MAX_ACTIVE", 2)
    playbook = await make(ann, workspace, "page.created", [{"id": "w", "type": "wait", "events": ["never"]}])
    for _ in range(2):
        await ann.made(f"{workspace}/pages", {"title": "x"})
    await fired(ann, playbook, 2)
    await ann.made(f"{workspace}/pages", {"title": "x"})
    refused = (await fired(ann, playbook, 3))[2]
    assert (refused["outcome"], refused["code"]) == ("refused", "agent_busy")
    answer = await ann.post(f"/v1/playbooks/{playbook['id']}/runs", {})
    assert (answer.status_code, answer.json()["code"]) == (409, "agent_busy")
    (waiting, _) = await runs(ann, playbook)
    assert (await ann.post(f"/v1/playbook-runs/{waiting['id']}/cancel")).json()["status"] == "cancelled"
    await ann.made(f"/v1/playbooks/{playbook['id']}/runs", {})
    async with services.database.read() as uow:
        row = await uow.playbooks.get(UUID(playbook["id"]))
        assert row is not None
        new = NewPlaybookRun(acts_for="", user_id=UUID(ann.user["id"]), cause="", depth=MAX_DEPTH + 1)
        with pytest.raises(RunTooDeepError):
            await begin_run(uow, row, {}, new)


async def test_what_shows_a_run_starts_nothing(ann: Api, workspace: str):
    """Each message of a channel starts one run that is shown there, and that is no message to start one."""
    channel = await ann.made(f"{workspace}/channels", {"name": "general"})
    playbook = await make(ann, workspace, "message.posted")
    path = f"/v1/channels/{channel['id']}/messages"
    for words in ("One", "Two"):
        await ann.made(path, {"content_type": "text", "content": {"text": words}})
        found = await done(ann, playbook, 1 if words == "One" else 2)

        async def are_shown() -> bool:
            items = {one["id"]: one for one in (await ann.get(path)).json()["items"]}
            shown = [items.get(run["shown_id"]) for run in found]  # noqa: B023 - awaited in this round
            return all(one is not None and "done." in one["content"]["text"] for one in shown)

        await until(are_shown)
    assert [fire["outcome"] for fire in await fires(ann, {"id": playbook["trigger_id"]})] == ["started"] * 2
    types = [event["actor"] for event in await told(ann, workspace, "message.posted")]
    assert types.count("system:chat") >= 1


async def forget_triggers(services: Services) -> None:
    """Leave the playbooks as they were before there were triggers."""
    async with services.database.transaction() as uow:
        await uow.session.execute(delete(AgentTrigger))


async def test_playbooks_that_were_stored_before_triggers_get_theirs_at_the_start(
    ann: Api, bob: Api, workspace: str, services: Services
):
    await ann.made(f"{workspace}/members", {"email": "bob@example.com", "role": "member"})
    wanted = {"page_created": {}, "webhook": {}, "schedule": {"cron": "0 6 * * 1"}, "manual": {}}
    made = [await make(ann, workspace, type, trigger_config=config) for type, config in wanted.items()]
    changed = made[0]
    await bob.patch(f"/v1/playbooks/{changed['id']}", {"description": "Bob's now"})
    async with services.database.transaction() as uow:  # it could never start, and nobody checked it then
        broken = await uow.playbooks.get(UUID(made[1]["id"]))
        assert broken is not None
        broken.trigger_event_type, broken.trigger_config = "schedule", None
    await forget_triggers(services)
    for _ in range(2):
        await TriggerTimes(services.database, services.feed).catch_up()
    after = [(await ann.get(f"/v1/playbooks/{one['id']}")).json() for one in made]
    assert [one["trigger_id"] is not None for one in after] == [True, True, True, False]
    triggers = [(await ann.get(f"/v1/triggers/{one['trigger_id']}")).json() for one in after[:3]]
    assert [one["state"] for one in triggers] == ["active", "paused", "active"]
    assert "cron" in triggers[1]["paused_message"]
    acts_for = [one["acts_for_user_id"] for one in triggers]
    assert acts_for == [bob.user["id"], ann.user["id"], ann.user["id"]]
    await ann.made(f"{workspace}/pages", {"title": "Notes"})
    await done(ann, changed)


async def test_a_stored_playbook_whose_author_nobody_knows_starts_nothing(
    ann: Api, workspace: str, services: Services
):
    playbook = await make(ann, workspace, "page_created")
    await forget_triggers(services)
    async with services.database.transaction() as uow:
        await uow.session.execute(delete(Event).where(Event.subject == f"playbook:{playbook['id']}"))
    await TriggerTimes(services.database, services.feed).catch_up()
    assert (await ann.get(f"/v1/playbooks/{playbook['id']}")).json()["trigger_id"] is None
    changed = await ann.patch(f"/v1/playbooks/{playbook['id']}", {"trigger_config": {"where": None}})
    assert changed.json()["trigger_id"] is not None, changed.text
