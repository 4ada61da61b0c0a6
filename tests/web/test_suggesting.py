"""Proposing a change in the browser: somebody writes a branch, somebody else decides on each part of it."""

from playwright.async_api import Page, expect

from tests.services.ionflux import IonfluxServer
from tests.web.desk import Desk, open_desk, paragraphs, send
from tests.web.visitors import Visitors, find_barriers


async def write_at_the_end(page: Page, number: int, words: str) -> None:
    await page.locator(".ProseMirror").nth(number).click()
    await page.keyboard.press("Control+End")
    await page.keyboard.type(words)


async def open_suggestions(desk: Desk) -> list[dict[str, str]]:
    found = await send(desk.owner, "GET", f"/v1/pages/{desk.page.id}/suggestions?status=open")
    return found["items"]


async def test_somebody_proposes_changes_and_another_decides_on_each(
    visitors: Visitors, ionflux: IonfluxServer
):
    desk = await open_desk(ionflux)
    await desk.add("text", paragraphs("Green tea"))
    cid = await desk.commenter("Cid")
    anns = await visitors.page_of(desk.owner, desk.path)
    cids = await visitors.page_of(cid, desk.path, language="pt", scheme="dark")
    # Who may not write the page may propose a change of it. What proposes nothing is no suggestion.
    switch = cids.get_by_role("switch", name="Sugerindo")
    bar = cids.get_by_role("region", name="Sugerindo")
    await switch.click()
    await expect(bar).to_be_visible()
    await expect(switch).to_be_checked()
    await switch.click()
    await expect(bar).to_be_hidden()
    await expect(cids.get_by_text("Nenhuma sugestão aberta")).to_be_visible()
    assert await open_suggestions(desk) == []
    # What is written goes into the branch, which follows the page.
    await switch.click()
    await expect(bar).to_contain_text("a página fica como está")
    await write_at_the_end(cids, 0, "all of it")
    await write_at_the_end(cids, 1, " is better")
    await desk.add("text", paragraphs("New meanwhile"))
    await expect(cids.locator(".ProseMirror")).to_have_text(
        ["Start: all of it", "Green tea is better", "New meanwhile"]
    )
    await expect(cids.locator(".save-state")).to_have_text("Salvo")
    assert await find_barriers(cids) == []
    await expect(anns.locator(".ProseMirror").nth(1)).to_have_text("Green tea")
    await bar.get_by_role("button", name="Entregar").click()
    await expect(bar).to_be_hidden()
    await expect(cids.locator(".ProseMirror").nth(1)).to_have_text("Green tea")
    # The other one sees what would change, and takes one part and not the other.
    await anns.get_by_role("button", name="Suggestions", exact=True).click()
    await anns.locator(".suggestion-head").filter(has_text="Cid").click()
    hunks = anns.locator(".hunk")
    await expect(hunks).to_have_count(2)
    await expect(hunks.locator("ins")).to_have_text(["all of it", " is better"])
    await hunks.last.get_by_role("button", name="Accept", exact=True).click()
    await expect(hunks).to_have_count(1)
    for page in (anns, cids):
        await expect(page.locator(".ProseMirror").nth(1)).to_have_text("Green tea is better")
    # Who proposed it goes on writing it meanwhile, and the other sees what it says now.
    await cids.get_by_role("button", name="Continuar escrevendo").click()
    await write_at_the_end(cids, 0, "!")
    await expect(hunks.locator("ins")).to_have_text("all of it!")
    await hunks.get_by_role("button", name="Reject", exact=True).click()
    await expect(anns.get_by_text("No open suggestions")).to_be_visible()
    await expect(bar).to_contain_text("Já foi decidida")
    await bar.get_by_role("button", name="Voltar à página").click()
    await expect(cids.locator(".ProseMirror").first).to_have_text("Start:")
