"""Agents as people find, configure, run, approve and undo them."""

import re
from collections.abc import Iterator

import pytest
from playwright.async_api import expect

from tests.services.ionflux import IonfluxServer, expect_no_fault
from tests.services.models import ModelServer
from tests.web.rooms import open_room
from tests.web.visitors import SLOW_FRAMES, Visitors, find_barriers, take_picture

SLOW = {"chunkSize": 12, "recordedTimings": {"ttftMs": 0, "interChunkDelaysMs": [0, 0, 0, 3_600_000]}}
"""An answer that stops within its fourth part: what is seen meanwhile stays to be seen."""


@pytest.fixture(scope="module")
def agency(tmp_path_factory: pytest.TempPathFactory, _model_process: int) -> Iterator[IonfluxServer]:
    """A server whose agents think with the stand-in: for all tests here, each in a workspace of its own."""
    settings = {"IONFLUX_LLM_HOSTS": f"127.0.0.1:{_model_process}", "IONFLUX_LLM_BUILT_IN": "false"}
    server = IonfluxServer(tmp_path_factory.mktemp("agency"), settings)
    server.start()
    yield server
    server.close()
    expect_no_fault(server.log_text())


async def test_an_agent_asks_before_it_writes_and_is_undone(
    visitors: Visitors, agency: IonfluxServer, model_server: ModelServer
):
    room = await open_room(agency, visitors)
    agent = await room.agent(model_server, yaml="tools: {allowed: null, approval: {create_page: ask}}\n")
    call = {"name": "create_page", "arguments": {"title": "Findings", "markdown": "All of it"}}
    model_server.answer("Find out", {"toolCalls": [call]}, match={"hasToolResult": False})
    model_server.say("Find out", "It is on **a page**.", match={"hasToolResult": True})
    path = f"/w/{room.channel.workspace_id}/agents/agent/{agent}"
    page = await visitors.page_of(room.ann, path)

    await page.get_by_label("question").fill("Find out")
    await page.get_by_role("button", name="Run", exact=True).click()
    wish = page.get_by_role("region", name="It wants to use")
    await expect(wish).to_contain_text("create_page")
    await expect(wish).to_contain_text("Findings")
    assert await find_barriers(page, without=[".sidebar", ".topbar", ".dock"]) == []
    await take_picture(page, "approval")
    await wish.get_by_role("button", name="Approve").click()
    answer = page.get_by_role("region", name="Answer")
    await expect(answer.locator("strong", has_text="a page")).to_be_visible()
    await take_picture(page, "run")
    await page.get_by_role("button", name="Undo this run").click()
    await expect(page.get_by_text("Taken back in 1 document.")).to_be_visible()


async def test_faults_of_a_configuration_have_their_place(
    visitors: Visitors, agency: IonfluxServer, model_server: ModelServer
):
    room = await open_room(agency, visitors)
    agent = await room.agent(model_server)
    above = await room.ann.post(f"{room.workspace}/pages", {"title": "Plans"})
    below = {"title": "Launch", "parent_page_id": above["id"]}
    into = await room.ann.post(f"{room.workspace}/pages", below)
    path = f"/w/{room.channel.workspace_id}/agents/agent/{agent}/configuration"
    page = await visitors.page_of(room.ann, path)
    yaml = page.get_by_label("YAML")
    await page.get_by_label("Steps at most").fill("500")
    await expect(page.get_by_role("button", name="limits.max_steps")).to_contain_text("line")
    await page.get_by_label("Steps at most").fill("12")
    await expect(page.get_by_text("This is a valid configuration.")).to_be_visible()
    assert "max_steps: 12" in await yaml.input_value()
    target = page.get_by_label("Types its answers at the end of")
    await target.select_option("Plans / Launch")
    await expect(yaml).to_have_value(re.compile(f"types_into: {into['id']}"))
    await expect(page.get_by_text("This is a valid configuration.")).to_be_visible()
    await take_picture(page, "configuration")
    await page.get_by_role("button", name="Save", exact=True).click()
    await page.get_by_role("link", name="Versions").click()
    await expect(page.get_by_text("Version 2")).to_be_visible()
    await page.get_by_role("link", name="Configuration").click()
    await expect(target).to_have_value(into["id"])
    await target.select_option("")
    await expect(yaml).not_to_have_value(re.compile("types_into"))


async def test_an_agent_of_the_catalogue_is_made_scheduled_and_tried(
    visitors: Visitors, agency: IonfluxServer, model_server: ModelServer
):
    room = await open_room(agency, visitors)
    await room.agent(model_server)  # and so a provider that the other may think with
    page = await visitors.page_of(room.ann, f"/w/{room.channel.workspace_id}/agents")
    await page.get_by_role("link", name="Use ResearchAssistant").click()
    await page.get_by_label("Name").fill("Scout")
    # What is wrong is told with its place, and one click leads there.
    yaml = page.get_by_label("YAML")
    before = "llm:\n  provider: Stand-in\n  model: small\nlimits: {max_steps: "
    await yaml.fill(f"{before}many}}\n")
    fault = page.get_by_role("button", name="limits.max_steps")
    await expect(fault).to_contain_text("line 4, column 21")
    await expect(page.locator(".yaml-field .wrong")).to_have_text("4")
    await fault.click()
    assert await yaml.evaluate("(field) => field.value.slice(0, field.selectionStart)") == before
    # Tab indents, and what is typed comes after it, however late the next frame is.
    await page.evaluate(SLOW_FRAMES)
    await yaml.fill("llm:\nmodel: small")
    for _ in "model: small":
        await page.keyboard.press("ArrowLeft")
    await page.keyboard.press("Tab")
    await page.keyboard.type("default_")
    await expect(yaml).to_have_value("llm:\n  default_model: small")
    await yaml.fill("llm:\n  provider: Stand-in\n  model: small\n")
    await expect(page.get_by_text("This is a valid configuration.")).to_be_visible()
    await page.get_by_role("button", name="Create agent").click()
    await expect(page.get_by_role("heading", name="Scout")).to_be_visible()

    await page.get_by_role("link", name="Schedule and triggers").click()
    add = page.get_by_role("button", name="Add", exact=True)
    await page.get_by_label("When").fill("not a time")
    await page.get_by_label("question").fill("What is new?")
    await add.click()
    await expect(page.get_by_role("alert")).to_contain_text("cron")
    await page.get_by_label("When").fill("0 9 * * 1")
    await add.click()
    line = page.get_by_role("listitem").filter(has_text="Schedule 0 9 * * 1")
    await expect(line).to_contain_text("next on")
    await expect(page.get_by_label("question")).to_have_value("")
    # Nothing is added that could not run, and it is said what it lacks.
    await add.click()
    await expect(page.get_by_role("alert")).to_contain_text("question")

    # It is tried at once, and what came of that is told: a run, to be looked at.
    model_server.say("What is new?", "Not much.")
    await line.get_by_role("button", name="What it did").click()
    fires = line.get_by_role("region", name="Fires of Schedule 0 9 * * 1")
    await expect(fires).to_contain_text("It has not fired within the last 30 days.")
    await fires.get_by_role("button", name="Try it now, in a test run").click()
    fire = fires.get_by_role("listitem")
    await expect(fire).to_contain_text("test")
    await expect(fire).to_contain_text("started a run")
    assert await find_barriers(page) == []
    await line.get_by_role("button", name="Pause").click()
    await expect(line.get_by_role("button", name="Resume")).to_be_visible()
    await fire.get_by_role("link", name="Open run").click()
    await expect(page.get_by_role("region", name="Answer")).to_contain_text("Not much.")
    await page.go_back()
    await page.get_by_role("button", name="Delete Schedule 0 9 * * 1").click()
    await expect(line).to_have_count(0)


async def test_a_run_is_followed_stopped_refused_and_paid(
    visitors: Visitors, agency: IonfluxServer, model_server: ModelServer
):
    room = await open_room(agency, visitors)
    agent = await room.agent(model_server, yaml="tools: {allowed: null, approval: {create_page: ask}}\n")
    path = f"/w/{room.channel.workspace_id}/agents/agent/{agent}"
    page = await visitors.page_of(room.ann, path)
    usage = {"prompt_tokens": 2000, "completion_tokens": 500}
    call = {"name": "create_page", "arguments": {"title": "Findings", "markdown": "All of it"}}
    model_server.answer("Find out", {"toolCalls": [call], "usage": usage}, match={"hasToolResult": False})
    model_server.say("Find out", "Then I tell you what I found here.", match={"hasToolResult": True}, **SLOW)
    await page.get_by_label("question").fill("Find out")
    await page.get_by_role("button", name="Run", exact=True).click()
    wish = page.get_by_role("region", name="It wants to use")
    await wish.get_by_label("A word to it, if you like").fill("Tell me here instead")
    await wish.get_by_role("button", name="Reject").click()
    # What it does is seen step by step, with what it says now and what all that costs.
    steps = page.get_by_role("list", name="Steps")
    await expect(steps.locator("[aria-current=step]")).to_contain_text("Then I tell you")
    refused = steps.get_by_role("listitem").filter(has_text="create_page").last
    await expect(refused).to_be_visible()
    await expect(page.locator(".run-figures")).to_contain_text(re.compile(r"\$0\.\d*[1-9]"))
    await page.get_by_role("button", name="Stop").click()
    await expect(page.locator(".detail-head .status-mark")).to_have_text("stopped")
    await page.get_by_role("button", name="Undo this run").click()
    await expect(page.get_by_text("There was nothing to take back.")).to_be_visible()
    asked = model_server.asked[-1]["body"]["messages"][-1]
    assert "Tell me here instead" in str(asked["content"])
    # Whoever was asked is led to it, from wherever they are; the agent has its list of runs.
    await page.get_by_role("link", name="Notifications").click()
    await page.get_by_role("link", name="An agent asks for your approval").click()
    await page.get_by_role("region", name="Run of Writer").get_by_role("link", name="Writer").click()
    await expect(page.get_by_role("listitem").filter(has_text="stopped")).to_be_visible()


async def test_a_playbook_is_run_decided_and_seen_step_by_step(
    visitors: Visitors, agency: IonfluxServer, model_server: ModelServer
):
    room = await open_room(agency, visitors)
    steps = [
        {"id": "plan", "type": "set", "values": {"text": "Ship ${inputs.product}"}},
        {"id": "ok", "type": "approval", "message": "Ship **${inputs.product}**?"},
        {
            "id": "post",
            "type": "notify",
            "channel_id": room.channel.id,
            "text": "It ships: ${inputs.product}",
        },
    ]
    inputs = [{"key": "product", "type": "string", "required": True}]
    body = {"name": "Launch", "trigger_event_type": "manual", "inputs": inputs, "steps": steps}
    made = await room.ann.post(f"{room.workspace}/playbooks", body)
    path = f"/w/{room.channel.workspace_id}/agents/playbook/{made['id']}"
    page = await visitors.page_of(room.ann, path)
    await expect(page.get_by_role("region", name="Steps").get_by_role("listitem")).to_have_count(3)
    await page.get_by_role("button", name="Run", exact=True).click()
    await expect(page.get_by_text("This is needed.")).to_be_visible()
    await page.get_by_label("product").fill("Flux 2")
    await page.get_by_role("button", name="Run", exact=True).click()
    wish = page.get_by_role("region", name="“ok” waits for a decision")
    await expect(wish.locator("strong")).to_have_text("Flux 2")
    assert await find_barriers(page) == []
    await take_picture(page, "playbook")
    await wish.get_by_role("button", name="Approve").click()
    run = page.get_by_role("region", name="Run of Launch")
    await expect(run.locator(".detail-head .status-mark")).to_have_text("done")
    await expect(run.get_by_role("listitem").filter(has_text="post")).to_contain_text("done")
