"""Pages in the browser: people and an agent write together, and nothing of anybody is lost."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import pycrdt
from playwright.async_api import Locator, Page, expect

from blocks.page_edits import add_block
from tests.e2e.test_mcp import connected, key_of
from tests.services.ionflux import PASSWORD, IonfluxServer
from tests.web.cable import Cable
from tests.web.desk import Desk, document_of, open_desk, paragraphs, send
from tests.web.visitors import PHONE, STARTING, Visitors, find_barriers, take_picture

LETTERS = 40


def text_of(page: Page, number: int = 0) -> Locator:
    """Return the editor of a text."""
    return page.get_by_role("textbox", name="Text", exact=True).nth(number)


async def begin_at_the_end(page: Page) -> None:
    await text_of(page).click()
    await page.keyboard.press("Control+End")


async def written(desk: Desk, page: Page) -> str:
    """Return the page's texts as the server has them."""
    answer = await page.request.get(f"/v1/pages/{desk.page.id}/markdown")
    text: str = (await answer.json())["markdown"]
    return text[text.index("Start:") :]


async def test_two_people_and_an_agent_write_on_one_page_and_nothing_is_lost(
    visitors: Visitors, ionflux: IonfluxServer
):
    desk = await open_desk(ionflux)
    bob = await desk.member("Bob")
    anns = await visitors.page_of(desk.owner, desk.path)
    bobs = await visitors.page_of(bob, desk.path)
    await begin_at_the_end(anns)
    await begin_at_the_end(bobs)
    await expect(anns.locator(".caret-name")).to_have_text("Bob")
    key = await key_of(desk.owner, desk.page.workspace_id, "pages:write")
    async with connected(ionflux, key) as agent:
        await asyncio.gather(
            anns.keyboard.type("a" * LETTERS, delay=5),
            bobs.keyboard.type("b" * LETTERS, delay=5),
            agent.call_tool("add_text", {"page_id": desk.page.id, "markdown": "The agent was here."}),
        )
        await expect(anns.get_by_role("list", name="Who is here")).to_contain_text("Ann (Claude)")
    for page in (anns, bobs):
        await expect(page.get_by_text("The agent was here.")).to_be_visible()
        await expect(text_of(page)).to_contain_text("a" * 3)
        await expect(text_of(page)).to_contain_text("b" * 3)
    await expect_letters(desk, anns, bobs)
    # What one takes back is one's own.
    await anns.keyboard.press("Control+z")
    await expect(text_of(bobs)).not_to_contain_text("aaa")
    await anns.keyboard.press("Control+y")
    await expect(text_of(bobs)).to_contain_text("aaa")
    await expect_letters(desk, anns, bobs)


async def expect_letters(desk: Desk, *pages: Page) -> None:
    """Wait until all pages show all that was typed, and the server has it."""
    for page in pages:
        await page.wait_for_function(
            """([letters]) => {
                const text = document.querySelector('.ProseMirror').cloneNode(true);
                text.querySelectorAll('.caret').forEach((caret) => caret.remove());
                return ['a', 'b'].every((letter) => text.textContent.slice(7).split(letter).length > letters);
            }""",
            arg=[LETTERS],
        )
    wanted = {"a": LETTERS, "b": LETTERS}
    await until_written(
        desk, pages[0], lambda text: Counter(text.partition("\n")[0].removeprefix("Start: ")) == wanted
    )


async def expect_written(desk: Desk, page: Page, words: str) -> None:
    """Wait until the server has some words of the page's texts."""
    await until_written(desk, page, lambda text: words in text)


async def until_written(desk: Desk, page: Page, is_so: Callable[[str], bool]) -> None:
    text = ""
    for _ in range(100):
        text = await written(desk, page)
        if is_so(text):
            return
        await asyncio.sleep(0.1)  # the server has it once the pages have sent it: nothing tells of that here
    raise AssertionError(text)


async def test_what_both_write_while_the_server_is_away_is_there_when_it_is_back(
    visitors: Visitors, own_ionflux: IonfluxServer
):
    desk = await open_desk(own_ionflux)
    bob = await desk.member("Bob")
    anns = await visitors.page_of(desk.owner, desk.path)
    bobs = await visitors.page_of(bob, desk.path)
    await begin_at_the_end(anns)
    await begin_at_the_end(bobs)
    half = LETTERS // 2
    await asyncio.gather(
        anns.keyboard.type("a" * half, delay=10),
        bobs.keyboard.type("b" * half, delay=10),
        own_ionflux.kill(),
    )
    await anns.keyboard.type("a" * half)
    await bobs.keyboard.type("b" * half)
    await own_ionflux.restart()
    await expect_letters(desk, anns, bobs)
    visitors.expect(STARTING)


async def test_what_is_written_offline_meets_what_others_wrote_meanwhile(
    visitors: Visitors, ionflux: IonfluxServer
):
    desk = await open_desk(ionflux)
    async with Cable(ionflux) as cable:
        anns = await visitors.page_of(desk.owner, desk.path, cable=cable)
        carls = await visitors.page_of(await desk.member("Carl"), desk.path, cable=cable)
        bobs = await visitors.page_of(await desk.member("Bob"), desk.path)
        for page in (anns, carls, bobs):
            await begin_at_the_end(page)
        await cable.pull_out()
        for page in (anns, carls):
            await expect(page.locator(".save-state")).to_have_text("Offline")
        await anns.keyboard.type("a" * LETTERS)
        await carls.keyboard.type("c")
        # What the server does not have is in the browser, and people are told so.
        await expect(anns.locator(".save-state")).to_have_text(f"Offline, {LETTERS} changes kept here")
        await expect(carls.locator(".save-state")).to_have_text("Offline, 1 change kept here")
        await carls.close()
        await bobs.keyboard.type("b" * LETTERS)
        key = await key_of(desk.owner, desk.page.workspace_id, "pages:write")
        async with connected(ionflux, key) as agent:
            await agent.call_tool("add_text", {"page_id": desk.page.id, "markdown": "The agent was here."})
        await expect(bobs.get_by_text("The agent was here.")).to_be_visible()
        await expect(anns.get_by_text("The agent was here.")).to_be_hidden()
        await cable.put_in()
        for page in (anns, bobs):
            await expect(page.get_by_text("The agent was here.")).to_be_visible()
            await expect(page.locator(".save-state")).to_have_text("Saved")
        await expect_letters(desk, anns, bobs)
        # Who had closed the page opens any other, and what was written on the first is sent.
        again = await carls.context.new_page()
        await again.goto("/")
        await expect(text_of(bobs)).to_contain_text("c")


async def test_two_tabs_of_one_browser_write_one_page_and_one_is_closed(
    visitors: Visitors, ionflux: IonfluxServer
):
    desk = await open_desk(ionflux)
    async with Cable(ionflux) as cable:
        first = await visitors.page_of(desk.owner, desk.path, cable=cable)
        second = await first.context.new_page()
        await second.goto(desk.path)
        for tab, letter in ((first, "a"), (second, "b")):
            await begin_at_the_end(tab)
            await tab.keyboard.type(letter * LETTERS)
        await expect_letters(desk, first, second)
        await cable.pull_out()
        for tab in (first, second):
            await expect(tab.locator(".save-state")).to_have_text("Offline")
        await second.keyboard.type("c")
        await first.keyboard.type("d")
        for tab in (first, second):
            await expect(tab.locator(".save-state")).to_have_text("Offline, 1 change kept here")
        await second.close()
        await cable.put_in()
        await expect(first.locator(".save-state")).to_have_text("Saved")
        # The tab that was closed could not send what was written in it: the next one does.
        third = await first.context.new_page()
        await third.goto(desk.path)
        for tab in (first, third):
            await expect(text_of(tab)).to_contain_text("c")
            await expect(text_of(tab)).to_contain_text("d")


async def test_a_browser_that_is_full_keeps_nothing_says_so_and_loses_nothing(
    visitors: Visitors, ionflux: IonfluxServer
):
    desk = await open_desk(ionflux)
    async with Cable(ionflux) as cable:
        page = await visitors.page_of(desk.owner, "/healthz", cable=cable)
        session = await page.context.new_cdp_session(page)
        quota = {"origin": ionflux.url, "quotaSize": 1}
        # What the browser answers has no types.
        await session.send("Storage.overrideQuotaForOrigin", quota)  # pyright: ignore[reportUnknownMemberType]
        await page.goto(desk.path)
        await begin_at_the_end(page)
        await cable.pull_out()
        await expect(page.locator(".save-state")).to_have_text("Offline")
        await page.keyboard.type("a")
        await expect(page.locator(".save-state")).to_have_text("Offline, 1 change kept in this window only")
        await page.keyboard.type("b")
        await cable.put_in()
        await expect(page.locator(".save-state")).to_have_text("Saved")
        await expect(text_of(page)).to_have_text("Start: ab")
        await expect_written(desk, page, "Start: ab")


async def test_what_is_unsaved_when_a_session_ends_is_saved_once_one_signs_in_again(
    visitors: Visitors, ionflux: IonfluxServer
):
    desk = await open_desk(ionflux)
    async with Cable(ionflux) as cable:
        page = await visitors.page_of(desk.owner, desk.path, cable=cable)
        await begin_at_the_end(page)
        await cable.pull_out()
        await expect(page.locator(".save-state")).to_have_text("Offline")
        await page.keyboard.type("a")
        await send(desk.owner, "DELETE", "/v1/me/sessions")
        await cable.put_in()
        dialog = page.get_by_role("dialog", name="You are signed out")
        await expect(text_of(page)).to_have_text("Start: a")
        await dialog.get_by_label("Password").fill(PASSWORD)
        await page.keyboard.press("Enter")
        await expect(dialog).to_be_hidden()
        await expect(page.locator(".save-state")).to_have_text("Saved")
        await begin_at_the_end(page)
        await page.keyboard.type("b")
        await expect(page.locator(".save-state")).to_have_text("Saved")
        await expect(text_of(page)).to_have_text("Start: ab")
        await expect_written(desk, page, "Start: ab")


async def test_a_page_renamed_in_its_heading_is_called_as_before_once_that_is_taken_back(
    visitors: Visitors, ionflux: IonfluxServer
):
    owner = await ionflux.person("Ann")
    made = await owner.page(await owner.workspace(), "Launch")
    page = await visitors.page_of(owner, f"/w/{made.workspace_id}/p/{made.id}")
    heading, listed = page.get_by_label("Title of the page"), page.get_by_role("region", name="Pages")
    await expect(heading).to_have_value("Launch")
    await heading.fill("Landing")
    await heading.press("Enter")
    await expect(listed).to_contain_text("Landing")
    await page.keyboard.press("Control+z")
    await expect(listed).to_contain_text("Launch")
    await expect(heading).to_have_value("Launch")


async def test_a_block_is_moved_on_the_canvas_copied_deleted_and_taken_back(
    visitors: Visitors, ionflux: IonfluxServer
):
    desk = await open_desk(ionflux)
    page = await visitors.page_of(desk.owner, desk.path)
    other = await visitors.page_of(await desk.member("Bob"), desk.path)
    for each in (page, other):
        await each.get_by_role("button", name="Canvas", exact=True).click()
    blocks, shown = page.locator(".react-flow__node"), other.locator(".react-flow__node")
    await expect(shown).to_have_count(1)
    place = await shown.get_attribute("style")
    await page.wait_for_function(
        "() => !document.querySelector('.react-flow__viewport').style.transform.includes('NaN')"
    )
    box = await blocks.first.bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + 80, box["y"] + box["height"] - 10)
    await page.mouse.down()
    await page.mouse.move(box["x"] + 280, box["y"] + box["height"] + 90, steps=5)
    await page.mouse.up()
    await expect(shown).not_to_have_attribute("style", place or "")
    await expect(other.locator(".visitor")).to_have_text("Ann")
    await page.keyboard.press("Control+z")
    await expect(shown).to_have_attribute("style", place or "")
    await page.keyboard.press("Control+d")
    await expect(shown).to_have_count(2)
    await page.keyboard.press("Control+a")
    await page.keyboard.press("Delete")
    await expect(shown).to_have_count(0)
    await page.keyboard.press("Control+z")
    await expect(shown).to_have_count(2)
    # Written on the canvas, read in the document.
    await blocks.last.dblclick()
    await expect(blocks.last.locator(".ProseMirror-focused")).to_be_visible()
    await page.keyboard.press("Control+End")
    await page.keyboard.type("and more")
    await other.get_by_role("button", name="Document", exact=True).click()
    await expect(other.get_by_text("Start: and more")).to_be_visible()


TEN: dict[str, dict[str, Any]] = {
    "chat_bubble": {"channel_id": "c", "message_id": "m", **paragraphs("Said of it")},
    "agent_snippet": {"agent_configuration_id": "a", "input": {"prompt": "Write a headline"}},
    "embed_panel": {"url": "https://example.com/tea", "title": "Tea, explained"},
    "table_view": {"columns": {"c1": {"name": "Garden"}}, "rows": {"r1": {"cells": {"c1": "Assam"}}}},
    "kanban_board": {
        "columns": {"a": {"name": "To do"}, "b": {"name": "Done"}},
        "cards": {"k": {"column": "a", "title": "Buy tea"}},
    },
    "image": {"file_id": "none", "alt": "A cup of tea"},
    "video": {"file_id": "none", "caption": "A film"},
    "shopify_product": {"brand_id": "b", "query": "green tea"},
    "tiktok_post": {"creator_id": "z", "video_id": "7123"},
}
SHOWN = (
    "Said of it",
    "Write a headline",
    "Tea, explained",
    "Assam",
    "Buy tea",
    "A cup of tea",
    "A film",
    "green tea",
    "7123",
)


async def test_all_types_of_blocks_are_shown_and_changed(visitors: Visitors, ionflux: IonfluxServer):
    desk = await open_desk(ionflux)
    for type_, content in TEN.items():
        await desk.add(type_, content)
    page = await visitors.page_of(desk.owner, desk.path)
    other = await visitors.page_of(await desk.member("Bob"), desk.path, viewport=PHONE, scheme="dark")
    for words in SHOWN:
        await expect(page.get_by_text(words).first).to_be_visible()
    await expect(page.get_by_text("This file cannot be shown.")).to_have_count(2)
    assert await find_barriers(page) == []
    await page.get_by_role("button", name="Garden 1: Assam").click()
    await page.keyboard.press("Control+a")
    await page.keyboard.type("Uji")
    await page.keyboard.press("Enter")
    await expect(other.get_by_text("Uji")).to_be_visible()
    card = page.get_by_label("Card: Buy tea")
    await card.focus()
    # What a screen reader is told: the board moves a card once it has measured it.
    told = page.locator("[id^=DndLiveRegion]", has_text="Buy tea")
    await page.keyboard.press("Space")
    await expect(told).to_have_text("Buy tea was moved over Buy tea (To do).")
    where = await told.inner_text()
    await page.keyboard.press("ArrowRight")
    await expect(told).not_to_have_text(where)
    await page.keyboard.press("Space")
    await expect(told).to_have_text("Buy tea was dropped over Done.")
    await expect(other.get_by_role("region", name="Done").get_by_text("Buy tea")).to_be_visible()
    await page.get_by_role("button", name="Chat", exact=True).click()
    await take_picture(page, "page-document")
    await take_picture(other, "page-phone-dark")
    await page.get_by_role("button", name="Canvas", exact=True).click()
    await expect(page.locator(".react-flow__node")).to_have_count(len(TEN) + 1)
    await expect(page.locator(".react-flow__node").get_by_text("Uji")).to_be_visible()
    assert await find_barriers(page) == []
    await take_picture(page, "page-canvas")


async def test_what_is_not_known_here_is_shown_and_kept(visitors: Visitors, ionflux: IonfluxServer):
    desk = await open_desk(ionflux)
    odd = {"type": "hologram", "content": [{"type": "text", "text": "kept"}]}
    await desk.add("text", {"doc": {"type": "doc", "content": [odd]}})
    async with document_of(desk) as (doc, stamp):
        add_block(doc, "odd", "text", {}, stamp=stamp)
        doc.get("blocks", type=pycrdt.Map[Any])["odd"]["type"] = "hologram"
    page = await visitors.page_of(desk.owner, desk.path)
    await expect(page.get_by_text("A block of a type that is not known here: hologram")).to_be_visible()
    await expect(page.get_by_text("This text has a part (hologram)")).to_be_visible()
    await begin_at_the_end(page)
    await page.keyboard.type("more")
    await expect(page.get_by_text("Start: more")).to_be_visible()
    await expect_written(desk, page, "kept")


WORD = """<html xmlns:o="urn:schemas-microsoft-com:office:office"><body><!--StartFragment-->
<p class=MsoNormal><b style="mso-bidi-font-weight:normal">Bold<o:p></o:p></b> and
<span style="font-style:italic">slanted</span><script>document.title = 'no'</script></p>
<b style="font-weight:normal"><p>Plain</p></b><!--EndFragment--></body></html>"""

PASTE = """([kind, text, times]) => {
    const data = new DataTransfer();
    data.setData(kind, text.repeat(times));
    const event = new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true });
    document.activeElement.dispatchEvent(event);
}"""


async def test_what_is_pasted_from_word_fits_and_five_megabytes_become_a_file(
    visitors: Visitors, ionflux: IonfluxServer
):
    desk = await open_desk(ionflux)
    page = await visitors.page_of(desk.owner, desk.path)
    await begin_at_the_end(page)
    await page.evaluate(PASTE, ["text/html", WORD, 1])
    text = text_of(page)
    await expect(text.locator("strong")).to_have_text("Bold")
    await expect(text.locator("em")).to_have_text("slanted")
    await expect(text.get_by_text("Plain")).to_be_visible()
    await page.evaluate(PASTE, ["text/plain", "tea and milk\n", 400_000])
    await expect(page.get_by_text("That is 5.2 MB of text")).to_be_visible()
    link = text.get_by_role("link", name="pasted-")
    await expect(link).to_be_visible()
    kept = await page.request.get(await link.get_attribute("href") or "")
    assert (kept.status, len(await kept.body())) == (200, 5_200_000)


async def test_files_that_are_dropped_become_blocks(visitors: Visitors, ionflux: IonfluxServer):
    desk = await open_desk(ionflux)
    page = await visitors.page_of(desk.owner, desk.path)
    await expect(text_of(page)).to_be_visible()
    pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    await page.evaluate(
        """([pixel]) => {
            const bytes = Uint8Array.from(atob(pixel), (character) => character.charCodeAt(0));
            const data = new DataTransfer();
            data.items.add(new File([bytes], 'dot.png', { type: 'image/png' }));
            const drop = new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true });
            document.querySelector('.document').dispatchEvent(drop);
        }""",
        [pixel],
    )
    picture = page.get_by_role("img", name="dot.png")
    await expect(picture).to_be_visible()
    await page.wait_for_function("() => document.querySelector('.medium img').naturalWidth === 1")


async def test_a_comment_a_suggestion_and_a_version(visitors: Visitors, ionflux: IonfluxServer):
    desk = await open_desk(ionflux)
    page = await visitors.page_of(desk.owner, desk.path)
    await page.get_by_label("Menu of the block").click()
    await page.get_by_role("button", name="Comment", exact=True).click()
    await page.get_by_placeholder("Comment on the block").fill("Is that right?")
    await page.keyboard.press("Enter")
    await expect(page.locator(".thread").get_by_text("Is that right?")).to_be_visible()
    await page.get_by_role("button", name="Resolve").click()
    await expect(page.get_by_text("No open comments")).to_be_visible()
    await desk.owner.post(
        f"/v1/pages/{desk.page.id}/suggestions",
        {"note": "Shorter", "blocks": [{"type": "text", "content": paragraphs("A better line")}]},
    )
    await page.get_by_role("button", name="Suggestions", exact=True).click()
    await page.get_by_role("button", name="Shorter").click()
    await expect(page.locator(".hunk").get_by_text("A better line")).to_be_visible()
    await page.get_by_role("button", name="Accept all").click()
    await expect(text_of(page, 1)).to_have_text("A better line")
    await page.get_by_role("button", name="Versions", exact=True).click()
    await page.get_by_label("Name of a version").fill("Before")
    await page.get_by_role("button", name="Keep this version").click()
    await expect(page.locator(".version-label")).to_contain_text("Before")
    await begin_at_the_end(page)
    await page.keyboard.type("something wrong")
    await expect(text_of(page)).to_contain_text("something wrong")


BIG = 500


async def test_of_five_hundred_blocks_those_in_sight_are_there_and_stay_while_one_pans(
    visitors: Visitors, ionflux: IonfluxServer
):
    desk = await open_desk(ionflux)
    async with document_of(desk) as (doc, stamp):
        for number in range(BIG - 1):
            add_block(doc, f"b{number}", "text", paragraphs(f"Block {number}"), stamp=stamp)
    page = await visitors.page_of(desk.owner, "/account")
    await page.evaluate("localStorage.setItem('ionflux.page.view', 'canvas')")
    await page.goto(desk.path)
    blocks = page.locator(".react-flow__node")
    # From afar all are there, and cost nothing: none has its content.
    await expect(blocks).to_have_count(BIG)
    await expect(blocks.locator(".far-type")).to_have_count(BIG)
    await expect(page.locator(".canvas-dots")).to_have_count(0)
    for _ in range(10):
        await page.get_by_role("button", name="Zoom in").click()
    await expect(blocks.locator(".far-type")).to_have_count(0)
    await expect(blocks.locator(".prose").first).to_be_visible()
    await expect(page.locator(".canvas-dots")).to_be_visible()
    assert 0 < await blocks.count() < BIG / 10
    # What stays in sight while one pans is moved, and nothing of it is made anew.
    await blocks.evaluate_all("(all) => all.forEach((each) => { each.isOld = true; })")
    await page.mouse.move(600, 400)
    before = await page.locator(".react-flow__viewport").get_attribute("style")
    await page.mouse.wheel(60, 60)
    await expect(page.locator(".react-flow__viewport")).not_to_have_attribute("style", before or "")
    kept = await blocks.evaluate_all("(all) => all.filter((each) => each.isOld).length")
    assert kept > 0
