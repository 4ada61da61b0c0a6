"""What is not saved is never said to be, however silently a network goes; what nobody takes is given back."""

from pathlib import Path

from playwright.async_api import expect

from tests.services.ionflux import IonfluxServer
from tests.web.cable import Cable
from tests.web.desk import open_desk
from tests.web.visitors import Visitors, find_barriers

TOO_LONG = "tea " * 2501


async def test_a_network_that_goes_silently_is_noticed(visitors: Visitors, ionflux: IonfluxServer):
    desk = await open_desk(ionflux)
    async with Cable(ionflux) as cable:
        page = await visitors.page_of(desk.owner, desk.path, cable=cable)
        text, state = page.locator(".ProseMirror"), page.locator(".save-state")
        await text.click()
        await page.keyboard.press("Control+End")
        await page.keyboard.type("a")
        await expect(state).to_have_text("Saved")
        cable.block()
        await page.keyboard.type("b")
        await expect(state).to_have_text("Saving")
        await expect(state).to_have_text("No answer, 1 change not saved yet")
        # The browser says that the network is gone; then that it is back.
        await page.evaluate("dispatchEvent(new Event('offline'))")
        await expect(state).to_have_text("Offline, 1 change kept here")
        cable.unblock()
        await page.evaluate("dispatchEvent(new Event('online'))")
        await expect(state).to_have_text("Saved")
        await expect(text).to_have_text("Start: ab")


async def test_what_could_not_be_taken_over_is_handed_back(
    visitors: Visitors, ionflux: IonfluxServer, tmp_path: Path
):
    desk = await open_desk(ionflux)
    page = await visitors.page_of(desk.owner, desk.path)
    await page.get_by_role("button", name="Comments", exact=True).click()
    field = page.get_by_label("Comment on the page")
    # A program that breaks the rules of a document: its copy is of no use any more.
    await field.evaluate("(field) => { field.removeAttribute('maxlength'); }")
    await field.fill(TOO_LONG)
    await page.keyboard.press("Enter")
    told = page.get_by_role("alert", name="Changes of yours could not be taken over.")
    await expect(told).to_contain_text("A comment is a text of 1 to 10000 characters.")
    assert await find_barriers(page) == []
    await told.get_by_role("button", name="Show it").click()
    await expect(told.locator("pre")).to_contain_text("tea tea tea")
    async with page.expect_download() as downloading:
        await told.get_by_role("link", name="Download").click()
    kept = tmp_path / "kept.txt"
    await (await downloading.value).save_as(kept)
    assert kept.read_text("utf-8").strip() == TOO_LONG.strip()
    await told.get_by_role("button", name="Throw it away").click()
    await expect(told).to_be_hidden()
    # The comments go on, with a copy that is as the server has it.
    await field.fill("Short")
    await page.keyboard.press("Enter")
    await expect(page.locator(".thread")).to_contain_text("Short")
