"""How a page was: one moves along its versions, sees each, and goes back without losing what came since."""

from playwright.async_api import Locator, Page, expect

from tests.services.ionflux import IonfluxServer
from tests.web.desk import open_desk
from tests.web.test_pages import begin_at_the_end, text_of
from tests.web.visitors import Visitors, find_barriers


async def open_versions(page: Page) -> Locator:
    """Open the panel, anew if it is open; return the line of versions."""
    button = page.get_by_role("button", name="Versions", exact=True)
    if await button.get_attribute("aria-pressed") == "true":
        await button.click()
    await button.click()
    line = page.get_by_role("slider", name="Versions")
    await expect(line).to_be_visible()
    return line


async def seek(page: Page, line: Locator, where: Locator, words: str) -> None:
    """Move into the past until some words are somewhere."""
    await line.focus()
    while True:
        await expect(preview_of(page)).to_be_visible()
        if words in await where.inner_text():
            return
        at = await line.input_value()
        assert at != "0", f"no version has {words!r}"
        await page.keyboard.press("ArrowLeft")
        await expect(line).not_to_have_value(at)


def preview_of(page: Page) -> Locator:
    return page.get_by_role("region", name="How the page was")


async def test_one_moves_along_the_versions_and_goes_back_to_one(visitors: Visitors, ionflux: IonfluxServer):
    desk = await open_desk(ionflux)
    page = await visitors.page_of(desk.owner, desk.path)
    bobs = await visitors.page_of(await desk.member("Bob"), desk.path)
    await begin_at_the_end(page)
    await page.keyboard.type("a plan")
    await expect(text_of(bobs)).to_contain_text("Start: a plan")
    await expect(page.locator(".save-state")).to_have_text("Saved")
    await open_versions(page)
    await page.get_by_label("Name of a version").fill("The plan")
    await page.get_by_role("button", name="Keep this version").click()
    await expect(page.locator(".version-label")).to_contain_text("The plan")
    await begin_at_the_end(bobs)
    await bobs.keyboard.type(" that failed")
    await expect(text_of(page)).to_contain_text("a plan that failed")
    await expect(bobs.locator(".save-state")).to_have_text("Saved")

    # What is seen of a version is how the page was; the page itself stays as it is meanwhile.
    line = await open_versions(page)
    preview = preview_of(page)
    await expect(preview).to_contain_text("a plan that failed")
    await seek(page, line, page.locator(".version-label"), "The plan")
    await expect(preview).to_contain_text("Start: a plan")
    await expect(preview).not_to_contain_text("that failed")
    await expect(text_of(page)).to_contain_text("a plan that failed")
    assert await find_barriers(page) == []

    # To go back is an edit like any other: who has the page open sees it, writes on, and nothing is lost.
    await page.get_by_role("button", name="Restore this version").click()
    await expect(text_of(bobs)).not_to_contain_text("that failed")
    await expect(text_of(bobs)).to_contain_text("Start: a plan")
    await begin_at_the_end(bobs)
    await bobs.keyboard.type(" for two")
    await expect(text_of(page)).to_contain_text("Start: a plan for two")
    await expect(bobs.locator(".save-state")).to_have_text("Saved")
    line = await open_versions(page)
    await seek(page, line, page.locator(".version-label"), "Before an older version was restored")
    await expect(preview).to_contain_text("a plan that failed")
    await expect(text_of(page)).to_contain_text("Start: a plan for two")
