"""The first five minutes: one click, a page that greets, an agent that is asked, watched, stopped, undone."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.services.ionflux import IonfluxServer, expect_no_fault
from tests.services.models import ModelServer
from tests.web.rooms import MODEL, field
from tests.web.test_pages import text_of
from tests.web.visitors import Visitors, find_barriers, take_picture

SLOW = {"chunkSize": 12, "recordedTimings": {"ttftMs": 0, "interChunkDelaysMs": [0, 0, 0, 3_600_000]}}
"""An answer that stops within its fourth part: what is seen meanwhile stays to be seen."""


@pytest.fixture
def seeded(tmp_path: Path, model_server: ModelServer) -> Iterator[IonfluxServer]:
    """A server as `make run` starts it, but that what models say is known."""
    settings = {"IONFLUX_LLM_HOSTS": model_server.place, "IONFLUX_LLM_BUILT_IN": "false"}
    server = IonfluxServer(tmp_path, settings, with_seed=True)
    server.start()
    yield server
    server.close()
    expect_no_fault(server.log_text())


async def call(page: Page, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """Ask the server for something as whoever is signed in."""
    session = await (await page.request.get("/v1/auth/browser-session")).json()
    headers = {"X-CSRF-Token": session["csrf_token"]}
    answer = await page.request.fetch(path, method=method, headers=headers, data=body)
    assert answer.ok, await answer.text()
    return await answer.json()


async def teach(page: Page, workspace_id: str, models: ModelServer) -> None:
    """Have the agent of the demo workspace, as it is otherwise, think with the stand-in."""
    workspace = f"/v1/workspaces/{workspace_id}"
    await call(
        page,
        "POST",
        f"{workspace}/llm-providers",
        {"name": "Stand-in", "base_url": models.url, "models": [MODEL]},
    )
    [agent] = (await call(page, "GET", f"{workspace}/agents"))["items"]
    yaml = agent["yaml_config"].replace("llm: {", "llm: {provider: Stand-in, model: small, ")
    await call(page, "PATCH", f"/v1/agents/{agent['id']}", {"yaml_config": yaml})


async def ask(page: Page, words: str) -> None:
    """Ask the agent in the channel, as somebody who finds its name by the first letters."""
    await field(page).press_sequentially("/scr")
    await page.get_by_role("option", name="/scribe").click()
    await field(page).press_sequentially(words)
    await page.keyboard.press("Enter")


async def test_one_click_and_an_agent_that_is_asked_in_the_chat_types_into_the_page(
    visitors: Visitors, seeded: IonfluxServer, model_server: ModelServer
):
    page = await visitors.stranger(seeded)
    await page.get_by_role("button", name="Open the demo workspace").click()
    await expect(page.get_by_role("navigation", name="Workspace").get_by_text("Welcome")).to_have_count(2)
    path = page.get_by_role("navigation", name="Path")
    await expect(path.get_by_text("Welcome to IONFLUX")).to_be_visible()
    # The page says how it works.
    await expect(text_of(page)).to_contain_text("everybody who opens it, people and agents")
    hint = text_of(page).get_by_role("listitem").filter(has_text="Ask it in the channel")
    await expect(hint).to_contain_text("/scribe What is a good name for a cat?")
    _, workspace_id, _, page_id = page.url.removeprefix(seeded.url).strip("/").split("/")
    await teach(page, workspace_id, model_server)
    before = await call(page, "GET", f"/v1/pages/{page_id}/markdown")

    # What it does is seen while it does it: on the page, in the chat, and above both.
    model_server.say("name for a cat", "A cat may be called Ion, or Flux, or both at once.", **SLOW)
    await page.get_by_role("button", name="general").click()
    await ask(page, "What is a good name for a cat?")
    await page.locator(".document").get_by_text("A cat may be called").scroll_into_view_if_needed()
    answer = text_of(page, 1)
    await expect(answer).to_contain_text("A cat may be called")
    await expect(page.get_by_role("list", name="Who is here")).to_contain_text("Scribe: typing")
    await expect(answer.locator(".caret-name")).to_have_text("Scribe")
    chat = page.get_by_role("log")
    await expect(chat.locator(".run-speech")).to_contain_text("A cat may be called")
    work = page.get_by_role("button", name="Scribe is at work")
    await expect(work).to_be_visible()
    await expect(page.get_by_text("Waiting to be sent")).to_have_count(0)
    panels = await page.get_by_role("button", name="Versions", exact=True).bounding_box()
    dock = await page.locator(".dock").bounding_box()
    assert panels
    assert dock
    assert panels["x"] + panels["width"] <= dock["x"]
    assert await find_barriers(page) == []
    await take_picture(page, "first-minutes")
    await work.click()
    at_work = page.get_by_role("dialog", name="Agents at work")
    await at_work.get_by_role("button", name="Look").click()
    await expect(page.get_by_role("region", name="Run of Scribe")).to_contain_text("A cat may be called")
    await page.go_back()
    await work.click()
    await at_work.get_by_role("button", name="Stop").click()
    await page.keyboard.press("Escape")
    await expect(chat.get_by_text("Scribe: cancelled.")).to_be_visible()
    await expect(work).to_be_hidden()

    # Asked again it has its say, which is saved, and told with what it cost.
    model_server.reset()
    usage = {"prompt_tokens": 2000, "completion_tokens": 500}
    model_server.answer("name for a dog", {"content": "A dog is called **Volt**.", "usage": usage})
    await ask(page, "And a name for a dog?")
    await page.locator(".document").get_by_text("A dog is called").scroll_into_view_if_needed()
    answer = text_of(page, 2)
    await expect(answer.locator("strong")).to_have_text("Volt")
    said = chat.get_by_role("article").filter(has_text="A dog is called Volt.")
    await said.get_by_role("button", name="Show steps").click()
    await expect(said.locator(".run-figures")).to_contain_text(re.compile(r"\$0\.\d*[1-9]"))
    await expect(page.locator(".save-state")).to_have_text("Saved")
    await page.reload()
    await page.locator(".document").get_by_text("A dog is called").scroll_into_view_if_needed()
    await expect(text_of(page, 2)).to_have_text("A dog is called Volt.")
    await expect(page.get_by_role("list", name="Who is here")).not_to_contain_text("Scribe")

    # Somebody writes on in what it wrote, and all of it is taken back: what is theirs stays.
    bob = await seeded.person("Bob")
    member = {"email": bob.email, "role": "member"}
    await call(page, "POST", f"/v1/workspaces/{workspace_id}/members", member)
    bobs = await visitors.page_of(bob, f"/w/{workspace_id}/p/{page_id}")
    await bobs.locator(".document").get_by_text("A dog is called").scroll_into_view_if_needed()
    await text_of(bobs, 2).click()
    await bobs.keyboard.press("Control+End")
    await bobs.keyboard.type(" Or Watt.")
    await expect(text_of(page, 2)).to_contain_text("A dog is called Volt. Or Watt.")
    cancelled = chat.get_by_role("article").filter(has_text="Scribe: cancelled.")
    await cancelled.get_by_role("button", name="Undo this run").click()
    await expect(cancelled.get_by_text("Taken back in 1 document.")).to_be_visible()
    await said.get_by_role("button", name="Undo this run").click()
    await expect(chat.get_by_text("This message was deleted.")).to_be_visible()
    await expect(text_of(page, 1)).to_contain_text("Or Watt.")
    after = await call(page, "GET", f"/v1/pages/{page_id}/markdown")
    was: str = before["markdown"].rstrip()
    rest: str = after["markdown"]
    assert rest.startswith(was)
    assert rest.removeprefix(was).endswith("Or Watt.\n")
