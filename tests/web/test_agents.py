"""Agents as people find, configure, run, approve and undo them."""

from collections.abc import Iterator

import pytest
from playwright.async_api import expect

from tests.services.ionflux import IonfluxServer, expect_no_fault
from tests.services.models import ModelServer
from tests.web.rooms import open_room
from tests.web.visitors import Visitors, find_barriers, take_picture


@pytest.fixture
def agency(tmp_path_factory: pytest.TempPathFactory, model_server: ModelServer) -> Iterator[IonfluxServer]:
    """A server whose agents think with the stand-in."""
    settings = {"IONFLUX_LLM_HOSTS": model_server.place, "IONFLUX_LLM_BUILT_IN": "false"}
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
    path = f"/w/{room.channel.workspace_id}/agents/agent/{agent}/configuration"
    page = await visitors.page_of(room.ann, path)
    yaml = page.get_by_label("YAML")
    await page.get_by_label("Steps at most").fill("500")
    await expect(page.get_by_role("button", name="limits.max_steps")).to_contain_text("line")
    await page.get_by_label("Steps at most").fill("12")
    await expect(page.get_by_text("This is a valid configuration.")).to_be_visible()
    assert "max_steps: 12" in await yaml.input_value()
    await take_picture(page, "configuration")
    await page.get_by_role("button", name="Save", exact=True).click()
    await page.get_by_role("link", name="Versions").click()
    await expect(page.get_by_text("Version 2")).to_be_visible()


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
