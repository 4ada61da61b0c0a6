"""Agents in `agent_snippet` blocks: run from there, typing their answer there, showing how they stand."""

import asyncio
import json
from typing import Any
from uuid import UUID, uuid4

import pycrdt
import pytest
from sqlalchemy import delete

from blocks.page import blocks_of
from server.bootstrap import Services
from server.settings import Settings
from storage.models import JobStep
from tests.server.api import Api
from tests.server.runs_world import INPUTS, RunsWorld, for_runs
from tests.server.test_blocks import Json
from tests.server.test_blocks import join as join_workspace
from tests.server.test_collaborators import lines, paragraph
from tests.server.test_runtime import HELD, said_until_held
from tests.server.test_versions import open_as
from tests.services.models import ModelServer
from tests.waiting import until


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return for_runs(settings)


@pytest.fixture
async def world(ann: Api, workspace: str, model_server: ModelServer) -> RunsWorld:
    return await RunsWorld.open(ann, workspace, model_server)


@pytest.fixture
async def page(world: RunsWorld) -> Json:
    return await world.person.made(f"{world.workspace}/pages", {"title": "Plan"})


@pytest.fixture
async def block(world: RunsWorld, page: Json) -> str:
    return await add_snippet(world, page, prompt="Write a poem")


async def add_snippet(world: RunsWorld, page: Json, **given: Any) -> str:
    content = {"agent_configuration_id": world.agent["id"], "input": {**INPUTS, **given}}
    body = {"type": "agent_snippet", "content": content}
    return (await world.person.made(f"/v1/pages/{page['id']}/blocks", body))["id"]


async def start(world: RunsWorld, block: str, **body: Any) -> str:
    return (await world.person.made(f"/v1/blocks/{block}/runs", body))["run_id"]


async def shown(world: RunsWorld, block: str) -> tuple[str | None, str]:
    content = (await world.person.get(f"/v1/blocks/{block}")).json()["content"]
    return content["run_id"], content["status"]


async def shows(world: RunsWorld, block: str, run_id: str | None, status: str) -> None:
    """Wait until a block shows a run."""

    async def is_so() -> bool:
        return await shown(world, block) == (run_id, status)

    await until(is_so)


async def text_of(world: RunsWorld, page: Json) -> list[str]:
    markdown: str = (await world.person.get(f"/v1/pages/{page['id']}/markdown")).json()["markdown"]
    return [line for line in markdown.splitlines() if line and not line.startswith("<!--")]


async def test_an_agent_types_its_answer_into_its_block(world: RunsWorld, page: Json, block: str):
    assert await shown(world, block) == (None, "idle")
    world.models.say("Write a poem", "Roses are **red**.\n\nViolets are blue.")
    run_id = await start(world, block)
    run = await world.over(run_id)
    assert (run["status"], run["place"], run["place_item"]) == ("success", page["document"], block)
    await shows(world, block, run_id, "success")
    assert await text_of(world, page) == ["Roses are **red**.", "Violets are blue."]
    assert (run["prompt"], run["input_params_snapshot"]) == ("Write a poem", INPUTS)
    (step,) = [step for step in await world.steps(run_id) if step["step"] == "1.typed"]
    assert step["result"] == "written"
    assert (await world.person.post(f"/v1/runs/{run_id}/undo")).status_code == 200
    assert await text_of(world, page) == []
    # What runs say is behind what is there.
    world.models.say("Write prose", "It rains.")
    again = await start(world, block, prompt="Write prose")
    await world.over(again)
    await shows(world, block, again, "success")
    assert await text_of(world, page) == ["It rains."]


async def test_what_stands_before_a_call_of_a_tool_is_no_answer(world: RunsWorld, page: Json, block: str):
    call: Json = {"name": "list_people", "arguments": {}}
    first: Json = {"content": "Let me see who is here.", "toolCalls": [call]}
    world.models.answer("Write a poem", first, match={"hasToolResult": False})
    world.then_say("Write a poem", "Ann is here.")
    run_id = await start(world, block)
    assert (await world.over(run_id))["status"] == "success"
    assert await text_of(world, page) == ["Ann is here."]


async def test_people_see_it_come_write_beside_it_and_end_it(
    world: RunsWorld, page: Json, block: str, services: Services
):
    world.models.say("Write a poem", "Roses are red, violets are blue.", **HELD)
    async with open_as(services, world.person, page["document"]) as person:
        run_id = await start(world, block)
        await said_until_held(services, run_id)
        await shows(world, block, run_id, "running")
        await until(lambda: lines(person) == ["Roses are red,"])
        assert (await world.person.post(f"/v1/blocks/{block}/runs", {})).json()["code"] == "run_is_open"
        paragraph(person, block, 0).insert(0, "ANN ")
        await person.saved()
        assert (await world.person.post(f"/v1/runs/{run_id}/cancel")).status_code == 200
        await shows(world, block, run_id, "cancelled")
        assert (await world.person.post(f"/v1/runs/{run_id}/undo")).status_code == 200
        await until(lambda: lines(person) == ["ANN "])


async def test_a_run_that_fails_says_so_in_its_block(world: RunsWorld, block: str):
    world.models.refuse("Write a poem", 400)
    run_id = await start(world, block)
    await world.over(run_id)
    await shows(world, block, run_id, "error")


async def test_an_answer_is_typed_once_however_often_the_process_dies(
    world: RunsWorld, page: Json, block: str, services: Services
):
    world.models.say("Write a poem", "Roses are red.")
    run_id = await start(world, block)
    await world.over(run_id)
    await shows(world, block, run_id, "success")
    async with services.database.transaction() as uow:
        gone = delete(JobStep).where(JobStep.job_id == UUID(run_id), JobStep.step.in_(("1.typed", "answer")))
        await uow.session.execute(gone)
        row, job = await uow.agent_runs.get(UUID(run_id)), await uow.jobs.get(UUID(run_id))
        assert row is not None
        assert job is not None
        row.status, row.end_time, job.state = "running", None, "ready"
    await world.over(run_id)
    assert await text_of(world, page) == ["Roses are red."]
    assert "1.typed" in [step["step"] for step in await world.steps(run_id)]


async def test_what_is_half_typed_when_the_process_dies_is_typed_anew(
    world: RunsWorld, page: Json, block: str, services: Services
):
    """The engine loses the run while the model speaks, and takes it up again."""
    world.models.say("Write a poem", "Roses are red, violets are blue.", **HELD)
    async with open_as(services, world.person, page["document"]) as person:
        run_id = await start(world, block)
        await said_until_held(services, run_id)
        await until(lambda: lines(person) == ["Roses are red,"])
        world.models.reset()
        world.models.say("Write a poem", "Something else.")
        async with services.database.transaction() as uow:
            job = await uow.jobs.get(UUID(run_id))
            assert job is not None
            # Somebody who does not live has it: this process's own work is overtaken.
            job.holder = uuid4().hex
        await world.over(run_id)
        await until(lambda: lines(person) == ["Something else."])


@pytest.mark.parametrize("is_for_good", [False, True])
async def test_a_run_in_a_page_that_is_deleted_meanwhile_comes_to_an_end(
    world: RunsWorld, page: Json, block: str, is_for_good: bool
):
    world.call("Write a poem", "ask_person", {"question": "Of which colour?"})
    world.then_say("Write a poem", "Roses are red.", toolResultContains="Red")
    run_id = await start(world, block)
    run = await world.when(run_id, lambda run: run["waiting_for"] is not None)
    assert (await world.person.delete(f"/v1/pages/{page['id']}")).status_code == 204
    if is_for_good:
        assert (await world.person.delete(f"/v1/pages/{page['id']}/forever")).status_code == 204
    answer = f"/v1/runs/{run_id}/approvals/{run['waiting_for']['step']}"
    assert (await world.person.post(answer, {"text": "Red"})).status_code == 200
    run = await world.over(run_id)
    assert (run["status"], await world.answer_of(run_id)) == ("success", "Roses are red.")
    if not is_for_good:
        assert (await world.person.post(f"/v1/pages/{page['id']}/restore")).status_code == 200
        await shows(world, block, run_id, "success")


async def test_who_may_run_a_block(world: RunsWorld, page: Json, block: str, bob: Api):
    path = f"/v1/blocks/{block}/runs"
    assert (await bob.post(path, {})).status_code == 404
    await join_workspace(world.person, world.workspace, bob, "guest")
    assert (await bob.post(path, {})).status_code == 403
    key = {"name": "Writer", "scopes": ["pages:write"]}
    made = await world.person.made(f"{world.workspace}/api-keys", key)
    writer = Api(bob.client, bob.description, made["key"])
    assert (await writer.post(path, {})).status_code == 403
    text = await world.person.made(f"/v1/pages/{page['id']}/blocks", {"type": "text"})
    assert (await world.person.post(f"/v1/blocks/{text['id']}/runs", {})).json()["code"] == "no_agent"
    strange = {"type": "agent_snippet", "content": {"agent_configuration_id": str(uuid4())}}
    other = await world.person.made(f"/v1/pages/{page['id']}/blocks", strange)
    assert (await world.person.post(f"/v1/blocks/{other['id']}/runs", {})).json()["code"] == "no_agent"
    assert (await world.person.delete(f"/v1/blocks/{block}")).status_code == 200
    assert (await world.person.post(path, {})).json()["code"] == "block_trashed"


async def test_nobody_but_the_server_says_how_a_run_stands(
    world: RunsWorld, page: Json, block: str, services: Services
):
    forged = {"content": {"status": "success"}}
    assert (await world.person.patch(f"/v1/blocks/{block}", forged)).status_code == 422
    world.models.say("Write a poem", "Roses are red.")
    run_id = await start(world, block)
    await world.over(run_id)
    await shows(world, block, run_id, "success")
    copy = (await world.person.made(f"/v1/blocks/{block}/duplicate", {}))["id"]
    await shows(world, copy, None, "idle")
    async with open_as(services, world.person, page["document"]) as person:
        for one, status in ((block, "running"), (copy, "success")):
            content: pycrdt.Map[Any] = blocks_of(person.doc)[one]["content"]
            content["run_id"], content["status"] = str(uuid4()), status
        await person.saved()
    await asyncio.gather(shows(world, block, run_id, "success"), shows(world, copy, None, "idle"))


async def test_a_block_that_was_moved_shows_its_run_where_it_is(world: RunsWorld, page: Json, block: str):
    yes = {"name": "ask_person", "arguments": {"question": "Shall I?"}}
    world.models.answer("Write a poem", {"toolCalls": [yes]})
    run_id = await start(world, block)
    await world.when(run_id, lambda run: run["waiting_for"] is not None)
    other = await world.person.made(f"{world.workspace}/pages", {"title": "Elsewhere"})
    moved = await world.person.post(f"/v1/blocks/{block}/move", {"page_id": other["id"]})
    assert moved.status_code == 200
    await world.person.post(f"/v1/runs/{run_id}/cancel")
    await shows(world, block, run_id, "cancelled")


async def typing_agent(world: RunsWorld, page: Json) -> Json:
    """Return an agent that types what it says at a page's end, whoever asks it wherever."""
    yaml = f"{world.agent['yaml_config']}\ntypes_into: {page['id']}\ninputs: {json.dumps(INPUTS)}\n"
    body = {"name": "Scribe", "agent_definition_id": world.agent["agent_definition_id"], "yaml_config": yaml}
    return await world.person.made(f"{world.workspace}/agents", body)


async def test_an_agent_that_is_asked_in_the_chat_types_into_its_page(world: RunsWorld, page: Json):
    agent = await typing_agent(world, page)
    await world.person.made(f"/v1/pages/{page['id']}/blocks", {"type": "text"})
    world.models.say("name for a cat", "**Minka**, of course.")
    body = {"content_type": "text", "content": {"text": "/scribe Find a name for a cat."}}
    await world.person.made(f"/v1/channels/{world.channel['id']}/messages", body)

    async def runs() -> list[Json]:
        return (await world.person.get(f"/v1/agents/{agent['id']}/runs")).json()["items"]

    (run,) = await until(runs)
    run = await world.over(run["run_id"])
    assert (run["status"], run["place"]) == ("success", world.channel["document"]), run
    assert await text_of(world, page) == ["**Minka**, of course."]
    _progress, answer = await world.messages(run["run_id"], "finished", 2)
    assert "Minka" in answer["content"]["text"]
    assert (await world.person.post(f"/v1/runs/{run['run_id']}/undo")).status_code == 200
    assert await text_of(world, page) == []


async def test_what_is_no_answer_makes_no_block(world: RunsWorld, page: Json):
    agent = await typing_agent(world, page)
    call: Json = {"name": "list_people", "arguments": {}}
    world.models.answer(
        "Who is here", {"content": "Let me see.", "toolCalls": [call]}, match={"hasToolResult": False}
    )
    world.then_say("Who is here", "Ann is.")
    run = await world.done("Who is here?", agent=agent["id"])
    assert run["status"] == "success"
    assert await text_of(world, page) == ["Ann is."]
    world.models.say("Try it", "Nothing is written.")
    await world.done("Try it", agent=agent["id"], is_dry=True)
    world.models.refuse("Fail", 400)
    assert (await world.done("Fail", agent=agent["id"]))["status"] == "error"
    blocks = (await world.person.get(f"/v1/pages/{page['id']}/blocks")).json()["items"]
    assert len(blocks) == 1
