"""Playbooks at work: what their steps do, whom they wait for, what ends them, and what a crash leaves."""

from typing import Any
from uuid import UUID

import pytest

from server.bootstrap import Services
from server.settings import Settings
from tests.server.api import Api
from tests.server.conftest import Clock
from tests.server.runs_world import RunsWorld, for_runs
from tests.server.test_blocks import text_block
from tests.server.triggering import again
from tests.services.models import ModelServer
from tests.waiting import until

Json = dict[str, Any]
OVER = ("success", "error", "cancelled")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return for_runs(settings)


@pytest.fixture
async def world(ann: Api, workspace: str, model_server: ModelServer) -> RunsWorld:
    return await RunsWorld.open(ann, workspace, model_server)


async def make(world: RunsWorld, steps: list[Json], **more: Any) -> str:
    body = {"name": "Launch", "trigger_event_type": "manual", "steps": steps, **more}
    return (await world.person.made(f"{world.workspace}/playbooks", body))["id"]


async def begin(world: RunsWorld, playbook: str, **body: Any) -> str:
    return (await world.person.made(f"/v1/playbooks/{playbook}/runs", body))["id"]


async def look(world: RunsWorld, run: str) -> Json:
    return (await world.person.get(f"/v1/playbook-runs/{run}")).json()


async def over(world: RunsWorld, run: str) -> Json:
    async def is_over() -> bool:
        return (await look(world, run))["status"] in OVER

    await until(is_over)
    return await look(world, run)


async def at_step(world: RunsWorld, run: str, step: str, status: str = "running") -> None:
    """Wait until a step stands so."""

    async def is_there() -> bool:
        steps = {one["step_id"]: one["status"] for one in (await look(world, run))["steps"]}
        return steps.get(step) == status

    await until(is_there)


def steps_of(run: Json) -> dict[str, str]:
    return {one["step_id"]: one["status"] for one in run["steps"]}


async def test_steps_of_all_kinds_pass_on_what_they_give(world: RunsWorld):
    world.models.say("campaign_brief", "Agent: buy boots.")
    world.models.say("Shorten", "Boots!")
    channel = world.channel["id"]
    playbook = await make(
        world,
        [
            {"id": "s", "type": "set", "values": {"title": "${inputs.product} week"}},
            {
                "id": "a",
                "type": "agent",
                "agent_id": world.agent["id"],
                "inputs": {"campaign_brief": "${steps.s.output.title}"},
            },
            {
                "id": "m",
                "type": "llm",
                "prompt": "Shorten: ${steps.a.output.text}",
                "model": "small",
                "provider": "Stand-in",
            },
            {
                "id": "c",
                "type": "condition",
                "if": {"value": "${steps.m.output.text}", "contains": "Boots"},
                "then": [
                    {
                        "id": "n",
                        "type": "notify",
                        "channel_id": channel,
                        "text": "Done: ${steps.m.output.text}",
                    }
                ],
                "else": [{"id": "x", "type": "set", "values": {}}],
            },
            {
                "id": "t",
                "type": "tool",
                "tool": "create_page",
                "arguments": {"title": "${steps.s.output.title}"},
            },
            {"id": "w", "type": "wait", "seconds": 1, "when": {"value": "${inputs.slow?}", "equals": True}},
        ],
        inputs=[{"key": "product", "type": "string", "required": True}, {"key": "slow", "type": "boolean"}],
        outputs={"text": "${steps.m.output.text}"},
    )
    run = await over(world, await begin(world, playbook, inputs={"product": "Boots"}))
    assert (run["status"], run["outputs"]) == ("success", {"text": "Boots!"}), run
    assert steps_of(run) == dict.fromkeys("samcnt", "done") | {"w": "skipped"}
    pages = (await world.person.get(f"{world.workspace}/pages")).json()["items"]
    assert [page["title"] for page in pages] == ["Boots week"]
    messages = (await world.person.get(f"/v1/channels/{channel}/messages")).json()["items"]
    assert [one["content"]["text"] for one in messages] == ["Done: Boots!"]
    kinds = {event["type"] for event in await world.events("playbook.*")}
    assert {
        "playbook.run.requested",
        "playbook.run.started",
        "playbook.step.changed",
        "playbook.run.finished",
    } < kinds
    listed = (await world.person.get(f"/v1/playbooks/{playbook}/runs")).json()["items"]
    assert [one["id"] for one in listed] == [run["id"]]


async def test_what_is_wrong_with_a_playbook_or_its_inputs_is_told_before_anything_runs(world: RunsWorld):
    path = f"{world.workspace}/playbooks"
    body = {"name": "Bad", "trigger_event_type": "manual", "steps": [{"id": "a", "type": "llm"}]}
    answer = await world.person.post(path, body)
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, "body.steps[0]")
    stray = {"id": "a", "type": "agent", "agent_id": world.channel["id"]}
    answer = await world.person.post(path, {**body, "steps": [stray]})
    assert answer.json()["errors"][0]["path"] == "body.steps"
    playbook = await make(world, [], inputs=[{"key": "n", "type": "number", "required": True}])
    for inputs, place in (
        ({}, "body.inputs.n"),
        ({"n": "x"}, "body.inputs.n"),
        ({"n": 1, "m": 1}, "body.inputs.m"),
    ):
        answer = await world.person.post(f"/v1/playbooks/{playbook}/runs", {"inputs": inputs})
        assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, place)
    await world.person.patch(f"/v1/playbooks/{playbook}", {"is_active": False})
    answer = await world.person.post(f"/v1/playbooks/{playbook}/runs", {"inputs": {"n": 1}})
    assert (answer.status_code, answer.json()["code"]) == (409, "playbook_inactive")


async def test_an_approval_waits_for_those_who_are_asked(world: RunsWorld, bob: Api):
    await world.person.made(f"{world.workspace}/members", {"email": bob.user["email"], "role": "member"})
    ask = {"id": "ok", "type": "approval", "message": "Go?", "approver_ids": [bob.user["id"]]}
    playbook = await make(world, [ask], outputs={"by": "${steps.ok.output.by}"})
    run = await begin(world, playbook)
    await at_step(world, run, "ok")
    (asked,) = await world.events("playbook.approval.requested")
    assert asked["payload"]["approver_ids"] == [bob.user["id"]]
    path = f"/v1/playbook-runs/{run}/approvals/ok"
    assert (await world.person.post(path, {"is_approved": True})).json()["code"] == "not_asked"
    assert (await bob.post(path, {"is_approved": True, "note": "Nice"})).status_code == 200
    found = await over(world, run)
    assert (found["status"], found["outputs"]) == ("success", {"by": f"user:{bob.user['id']}"})
    assert (await bob.post(path, {"is_approved": True})).json()["code"] == "not_waiting"
    again = await begin(world, playbook)
    await at_step(world, again, "ok")
    await bob.post(f"/v1/playbook-runs/{again}/approvals/ok", {"is_approved": False, "note": "Not yet"})
    refused = await over(world, again)
    assert (refused["status"], refused["error_step"], refused["error_code"]) == ("error", "ok", "rejected")


async def test_waiting_for_an_event_that_fits(world: RunsWorld):
    where = {"value": "${event.payload.title}", "equals": "${inputs.title}"}
    playbook = await make(
        world,
        [{"id": "w", "type": "wait", "events": ["page.created"], "where": where}],
        inputs=[{"key": "title", "type": "string"}],
        outputs={"subject": "${steps.w.output.subject}"},
    )
    run = await begin(world, playbook, inputs={"title": "Go"})
    await at_step(world, run, "w")
    await world.person.made(f"{world.workspace}/pages", {"title": "No"})
    page = await world.person.made(f"{world.workspace}/pages", {"title": "Go"})
    found = await over(world, run)
    assert (found["status"], found["outputs"]) == ("success", {"subject": f"page:{page['id']}"})


async def test_what_fails_goes_its_own_way_or_ends_the_run(world: RunsWorld):
    await world.person.patch(f"/v1/agents/{world.agent['id']}", {"status": "inactive"})
    agent = {"type": "agent", "agent_id": world.agent["id"], "inputs": {"campaign_brief": "x"}}
    tool = {"type": "tool", "tool": "dance"}
    playbook = await make(
        world,
        [
            {
                "id": "a",
                **agent,
                "on_error": [{"id": "s", "type": "set", "values": {"why": "${steps.a.error.code?}"}}],
            },
            {"id": "p", "type": "parallel", "branches": [[{"id": "t", **tool}], []]},
        ],
    )
    found = await over(world, await begin(world, playbook))
    assert (found["status"], found["error_step"], found["error_code"]) == ("error", "p", "tool_error")
    assert "There is no tool" in found["error_message"]
    assert steps_of(found) == {"a": "failed", "s": "done", "p": "failed", "t": "failed"}
    assert next(one["output"] for one in found["steps"] if one["step_id"] == "s") == {"why": "agent_inactive"}


async def test_a_run_is_cancelled_with_the_agents_that_it_waits_for(world: RunsWorld):
    await world.person.patch(
        f"/v1/agents/{world.agent['id']}",
        {"yaml_config": "tools: {approvals: {create_page: ask}}\nllm: {provider: Stand-in, model: small}\n"},
    )
    world.call("campaign_brief", "create_page", {"title": "Plan", "markdown": "x"})
    agent = {"id": "a", "type": "agent", "agent_id": world.agent["id"], "inputs": {"campaign_brief": "x"}}
    run = await begin(world, await make(world, [agent]))
    agent_run = await world.first_run()
    await at_step(world, run, "a")
    answer = await world.person.post(f"/v1/playbook-runs/{run}/cancel")
    assert answer.status_code == 200
    assert (await over(world, run))["status"] == "cancelled"
    assert (await world.over(agent_run))["status"] in ("cancelled", "success")


async def test_what_a_crash_left_open_is_done_again_and_writes_nothing_twice(
    world: RunsWorld, services: Services
):
    world.models.say("Shorten", "Boots!")
    page = await world.person.made(f"{world.workspace}/pages", {"title": "Plan"})
    text = {"page_id": page["id"], "markdown": "${steps.m.output.text}"}
    steps = [
        {"id": "m", "type": "llm", "prompt": "Shorten", "model": "small", "provider": "Stand-in"},
        {"id": "n", "type": "notify", "channel_id": world.channel["id"], "text": "${steps.m.output.text}"},
        {"id": "t", "type": "tool", "tool": "add_text", "arguments": text},
        {"id": "ok", "type": "approval", "message": "Go?"},
    ]
    playbook = await make(world, steps)
    for count in (1, 2):  # what another run of the same step has written is nothing to it
        run = await begin(world, playbook)
        await at_step(world, run, "ok")
        async with services.database.transaction() as uow:
            # As if it had been killed before it wrote down what the message and the edit came to.
            for step in "nt":
                values = {"status": "running", "output": None, "ended_at": None}
                await uow.playbook_progress.set_step(UUID(run), step, values)
        await world.person.post(f"/v1/playbook-runs/{run}/approvals/ok", {"is_approved": True})
        assert (await over(world, run))["status"] == "success"
        messages = (await world.person.get(f"/v1/channels/{world.channel['id']}/messages")).json()["items"]
        assert [one["content"]["text"] for one in messages] == ["Boots!"] * count
        markdown = (await world.person.get(f"/v1/pages/{page['id']}/markdown")).json()["markdown"]
        assert markdown.count("Boots") == count


async def shown(world: RunsWorld, run: Json, text: str) -> Json:
    """Wait until the one message that shows a run says something; return it."""

    async def look() -> Json | None:
        items = (await world.person.get(f"/v1/channels/{world.channel['id']}/messages")).json()["items"]
        (message,) = [item for item in items if item["id"] == run["shown_id"]] or [None]
        return message if message is not None and text in message["content"]["text"] else None

    return await until(look)


async def in_page(world: RunsWorld, page: Json, text: str) -> str:
    """Wait until a page says something; return all that it says."""

    async def look() -> str | None:
        found = (await world.person.get(f"/v1/pages/{page['id']}/markdown")).json()["markdown"]
        return found if text in found else None

    return await until(look)


async def test_how_a_run_stands_is_shown_by_one_message_and_one_text_where_it_was_asked_for(world: RunsWorld):
    page = await world.person.made(f"{world.workspace}/pages", {"title": "Plan"})
    blocks = f"/v1/pages/{page['id']}/blocks"
    first, last = [await text_block(world.person, blocks, words) for words in ("First", "Last")]
    steps: list[Json] = [
        {"id": "s", "name": "Prepare *it*", "type": "set", "values": {"secret": "for Ann alone"}},
        {"id": "ok", "type": "approval", "message": "Go?"},
        {"id": "n", "type": "set", "values": {}, "when": {"value": 1, "equals": 2}},
        {"id": "end", "type": "set", "values": {}},
    ]
    places = {"channel_id": world.channel["id"], "page_id": page["id"], "block_id": first["id"]}
    run = await look(world, await begin(world, await make(world, steps), **places))
    message = await shown(world, run, "… ok (waits for an approval)")
    assert message["content"]["text"].splitlines() == [
        "Launch: running.",
        "✓ Prepare *it*",
        "… ok (waits for an approval)",
        "○ n",
        "○ end",
    ]
    assert (message["content"]["status"], message["content"]["data"]["playbook_run_id"]) == (
        "running",
        run["id"],
    )
    found = await in_page(world, page, "… ok")
    assert found.index("First") < found.index("### Launch: running.") < found.index("Last")
    await world.person.post(f"/v1/playbook-runs/{run['id']}/approvals/ok", {"is_approved": True})
    message = await shown(world, run, "Launch: done.")
    assert message["content"]["text"].splitlines()[1:] == ["✓ Prepare *it*", "✓ ok", "✓ end"]
    assert message["content"]["status"] == "finished"
    found = await in_page(world, page, "Launch: done.")
    assert (found.count("Launch"), found.count("✓")) == (1, 3)
    listed = (await world.person.get(blocks)).json()["items"]
    assert [block["id"] for block in listed] == [first["id"], run["shown_id"], last["id"]]


async def test_a_run_goes_on_where_its_message_or_text_was_taken_away(world: RunsWorld):
    page = await world.person.made(f"{world.workspace}/pages", {"title": "Plan"})
    steps = [
        {"id": "ok", "type": "approval", "message": "Go?"},
        {"id": "bad", "type": "tool", "tool": "dance"},
    ]
    playbook = await make(world, steps)
    run = await look(world, await begin(world, playbook, channel_id=world.channel["id"], page_id=page["id"]))
    await in_page(world, page, "… ok")

    async def is_gone() -> bool:  # once its row has followed
        return (await world.person.delete(f"/v1/blocks/{run['shown_id']}")).status_code == 200

    await until(is_gone)
    await world.person.post(f"/v1/playbook-runs/{run['id']}/approvals/ok", {"is_approved": True})
    message = await shown(world, run, "failed")
    assert message["content"]["text"] == "Launch: failed at bad (tool_error).\n✓ ok\n✗ bad (tool_error)"
    assert message["content"]["status"] == "failed"
    assert "Launch" not in (await world.person.get(f"/v1/pages/{page['id']}/markdown")).json()["markdown"]


async def test_a_run_is_shown_only_where_who_asks_may_see_and_write(world: RunsWorld, bob: Api):
    await world.person.made(f"{world.workspace}/members", {"email": bob.user["email"], "role": "member"})
    page = await world.person.made(f"{world.workspace}/pages", {"title": "Plan"})
    secret = await world.person.made(f"{world.workspace}/channels", {"name": "secret", "type": "private"})
    path = f"/v1/playbooks/{await make(world, [])}/runs"
    for body, place in (
        ({"channel_id": secret["id"]}, "channel_id"),
        ({"page_id": str(UUID(int=7))}, "page_id"),
        ({"block_id": page["id"]}, "block_id"),
    ):
        answer = await bob.post(path, body)
        assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, f"body.{place}"), answer.text


async def test_waiting_for_what_never_comes_ends_by_the_clock_or_by_hand(world: RunsWorld, clock: Clock):
    wait = {"id": "w", "type": "wait", "events": ["page.created"], "timeout_seconds": 3600}
    where = {"where": {"value": "${event.payload.title}", "equals": "Never"}}
    playbook = await make(world, [{**wait, **where}])
    late, ended = [await begin(world, playbook) for _ in range(2)]
    for run in (late, ended):
        await at_step(world, run, "w")
    await world.person.made(f"{world.workspace}/pages", {"title": "Other"})
    assert (await world.person.post(f"/v1/playbook-runs/{ended}/cancel")).json()["status"] == "cancelled"
    clock.forward(hours=2)
    world.person = await again(world.person)
    found = await over(world, late)
    assert (found["status"], found["error_step"], found["error_code"]) == ("error", "w", "timed_out")
    assert found["error_message"] == "It has taken too long"
    assert (await look(world, ended))["status"] == "cancelled"


async def test_many_ways_at_once_end_and_too_many_are_refused(world: RunsWorld):
    def bomb(level: int, width: int, name: str = "p") -> Json:
        if not level:
            return {"id": name, "type": "set", "values": {}}
        branches = [[bomb(level - 1, width, f"{name}_{n}")] for n in range(width)]
        return {"id": name, "type": "parallel", "branches": branches}

    for levels, width, place in ((2, 10, "body.steps"), (1, 11, "body.steps[0]")):
        body = {"name": "Bomb", "trigger_event_type": "manual", "steps": [bomb(levels, width)]}
        answer = await world.person.post(f"{world.workspace}/playbooks", body)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_config"), answer.text
        assert answer.json()["errors"][0]["path"].startswith(place)
    run = await over(world, await begin(world, await make(world, [bomb(2, 9)])))
    assert (run["status"], len(run["steps"])) == ("success", 1 + 9 + 81)
