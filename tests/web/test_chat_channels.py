"""Channels as places: their settings, their long past, how they look elsewhere, and no barriers in them."""

from collections.abc import Iterator

import pytest
from playwright.async_api import expect

from tests.services.ionflux import IonfluxServer, expect_no_fault
from tests.web.desk import paragraphs
from tests.web.rooms import field, message, open_room, say
from tests.web.test_pages import PASTE, begin_at_the_end, text_of
from tests.web.visitors import PHONE, Scheme, Visitors, find_barriers, take_picture

LIVE = 20
PAST = 130
"""More than one part of a list from the archive."""

MOST_BYTES = 200_000


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IonfluxServer]:
    """A server that keeps few messages of a channel live, and takes no large files."""
    settings = {
        "IONFLUX_CHANNEL_LIVE_MESSAGES": str(LIVE),
        "IONFLUX_MAX_FILE_BYTES": str(MOST_BYTES),
        "IONFLUX_LLM_BUILT_IN": "false",
    }
    server = IonfluxServer(tmp_path_factory.mktemp("small"), settings)
    server.start()
    yield server
    server.close()
    expect_no_fault(server.log_text())


async def test_a_channel_is_renamed_described_peopled_and_left(visitors: Visitors, ionflux: IonfluxServer):
    room = await open_room(ionflux, visitors)
    bob = await room.member("Bob")
    body = {"name": "launch", "type": "private"}
    made = await room.ann.post(f"{room.workspace}/channels", body)
    path = f"/w/{room.channel.workspace_id}/c/{made['id']}"
    page = await visitors.page_of(room.ann, path)
    bobs = await room.enter(bob)
    await bobs.get_by_role("button", name="Back to all channels").click()

    await page.get_by_role("button", name="About this channel").click()
    about = page.get_by_role("complementary", name="About this channel")
    await about.get_by_label("Name").fill("lift-off")
    await about.get_by_label("What it is for").fill("The big day")
    await about.get_by_role("button", name="Save").click()
    await expect(about.get_by_role("button", name="Save")).to_be_disabled()
    await expect(about.get_by_label("Name")).to_have_value("lift-off")
    await about.get_by_label("Add somebody").select_option("Bob")
    await expect(about.locator(".channel-people .grow")).to_have_text(["Ann", "Bob"])
    assert await find_barriers(page) == []

    # Bob sees it come, with its name and what it is for; he may not change these, and leaves.
    await bobs.get_by_role("button", name="lift-off").click()
    await expect(bobs.get_by_text("The big day")).to_be_visible()
    await bobs.get_by_role("button", name="About this channel").click()
    his = bobs.get_by_role("complementary", name="About this channel")
    await expect(his.get_by_label("Name")).to_be_disabled()
    bobs.on("dialog", lambda dialog: dialog.accept())
    await his.get_by_role("button", name="Leave the channel").click()
    await expect(bobs.get_by_role("button", name="general", exact=True)).to_be_visible()
    await expect(bobs.get_by_role("button", name="lift-off")).to_have_count(0)
    await expect(about.locator(".channel-people .grow")).to_have_text(["Ann"])


async def test_a_channel_can_be_read_to_its_beginning(visitors: Visitors, small: IonfluxServer):
    room = await open_room(small, visitors)
    for number in range(PAST):
        await room.ann.post(
            f"/v1/channels/{room.channel.id}/messages",
            {"content_type": "text", "content": {"text": f"Message {number}."}},
        )
    page = await room.enter(room.ann)
    await expect(message(page, f"Message {PAST - 1}.")).to_be_visible()
    await expect(page.get_by_text("This is where general begins.")).to_have_count(0)
    log = page.get_by_role("log")
    await log.hover()
    begin = page.get_by_text("This is where general begins.")
    while not await begin.count():  # a page of the past comes, and one scrolls on
        await page.mouse.wheel(0, -4000)
        await page.wait_for_function("() => new Promise((done) => requestAnimationFrame(() => done(true)))")
    await page.mouse.wheel(0, -100_000)
    await expect(message(page, "Message 0.")).to_be_visible()
    await page.get_by_role("button", name="To the newest message").click()
    await expect(message(page, f"Message {PAST - 1}.")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_there_are_no_barriers_in_the_chat(visitors: Visitors, ionflux: IonfluxServer, scheme: Scheme):
    room = await open_room(ionflux, visitors)
    bob = await room.member("Bob")
    body = {
        "content_type": "markdown",
        "content": {"text": "Have a look at **this**, `code` and [that](https://a.test)"},
    }
    sent = await bob.post(f"/v1/channels/{room.channel.id}/messages", body)
    reply = {"content_type": "text", "content": {"text": "Yes"}, "thread_id": sent["message"]["id"]}
    await bob.post(f"/v1/channels/{room.channel.id}/messages", reply)
    page = await room.enter(room.ann, scheme=scheme)
    await say(page, "Mine")
    await expect(page.get_by_text("Waiting to be sent")).to_have_count(0)
    await field(page).press_sequentially("Hello @")
    await expect(page.get_by_role("option", name="@Bob")).to_be_visible()
    assert await find_barriers(page) == []
    if scheme == "dark":
        await take_picture(page, "chat-dark")
    await page.keyboard.press("Escape")
    await message(page, "Have a look").get_by_role("button", name="1 reply").click()
    await expect(page.get_by_role("complementary", name="Thread").get_by_text("Yes")).to_be_visible()
    assert await find_barriers(page) == []
    await page.get_by_role("button", name="Close the thread").click()
    await page.get_by_role("button", name="Back to all channels").click()
    await page.get_by_role("button", name="New channel").click()
    await expect(page.get_by_label("Name")).to_be_visible()
    assert await find_barriers(page) == []


async def test_the_chat_fits_a_phone(visitors: Visitors, ionflux: IonfluxServer):
    room = await open_room(ionflux, visitors)
    page = await room.enter(room.ann, viewport=PHONE)
    await say(page, "A rather long message that has to be broken into several lines on a small screen")
    await expect(message(page, "A rather long message")).to_be_visible()
    await expect(page.get_by_text("Waiting to be sent")).to_have_count(0)
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"]
    assert await find_barriers(page) == []


async def test_a_file_that_is_too_large_is_told_and_nothing_is_lost(visitors: Visitors, small: IonfluxServer):
    room = await open_room(small, visitors)
    page = await room.enter(room.ann)
    large = {"name": "film.txt", "mimeType": "text/plain", "buffer": b"x" * (40 * MOST_BYTES)}
    fitting = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"Hello"}
    await field(page).fill("Our files")
    files = page.locator("input[type=file]")
    await files.set_input_files([large, fitting])  # pyright: ignore[reportArgumentType]
    told = page.get_by_role("alert").filter(has_text="film.txt")
    await expect(told).to_contain_text("A file may have 200000 bytes.")
    assert await find_barriers(page) == []
    # What was written is there, and what fits goes.
    await page.get_by_role("button", name="Leave out film.txt").click()
    await expect(field(page)).to_have_value("Our files")
    await page.get_by_role("button", name="Send").click()
    await expect(message(page, "Our files").get_by_role("link", name="Download notes.txt")).to_be_visible()

    # The same on a page: the text stays, and the page goes on.
    plan = await room.ann.page(room.channel.workspace_id, "Plan")
    text = {"type": "text", "content": paragraphs("Start: ")}
    await room.ann.post(f"/v1/pages/{plan.id}/blocks", text)
    await page.goto(f"/w/{room.channel.workspace_id}/p/{plan.id}")
    await begin_at_the_end(page)
    await page.evaluate(PASTE, ["text/plain", "tea and milk\n", 400_000])
    await expect(page.get_by_text("pasted-").first).to_be_visible()
    await expect(page.get_by_text("A file may have 200000 bytes.")).to_be_visible()
    await page.keyboard.type("more")
    await expect(text_of(page)).to_have_text("Start: more")
    await expect(page.locator(".save-state")).to_have_text("Saved")
