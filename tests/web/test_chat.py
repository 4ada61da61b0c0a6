"""People talk in channels: with each other, without a connection, and with agents."""

import re

import pytest
from playwright.async_api import expect

from tests.services.ionflux import IonfluxServer
from tests.services.models import ModelServer
from tests.web.rooms import field, message, open_room, say
from tests.web.visitors import PHONE, SLOW_FRAMES, STARTING, Visitors, find_barriers, take_picture

SLOW = {"chunkSize": 12, "recordedTimings": {"ttftMs": 0, "interChunkDelaysMs": [0, 0, 0, 3_600_000]}}
"""An answer that stops within its fourth part."""


@pytest.fixture
def llm_settings(model_server: ModelServer) -> dict[str, str]:
    return {"IONFLUX_LLM_HOSTS": model_server.place, "IONFLUX_LLM_BUILT_IN": "false"}


async def test_two_people_talk_with_threads_reactions_and_mentions(
    visitors: Visitors, ionflux: IonfluxServer
):
    room = await open_room(ionflux, visitors)
    bob = await room.member("Bob")
    ann_page, bob_page = await room.enter(room.ann), await room.enter(bob)

    await field(ann_page).press_sequentially("Have a look, @Bo")
    await expect(bob_page.get_by_text("Ann is typing")).to_be_visible()
    await ann_page.get_by_role("option", name="@Bob").click()
    await field(ann_page).press_sequentially("at **this**")
    await ann_page.keyboard.press("Enter")
    heard = message(bob_page, "Have a look")
    await expect(heard.locator(".mention.me")).to_have_text("@Bob")
    await expect(heard.locator("strong", has_text="this")).to_be_visible()

    await heard.hover()
    await heard.get_by_role("button", name="Add a reaction").click()
    await bob_page.get_by_role("searchbox").fill("party popper")
    await bob_page.get_by_role("gridcell", name="party popper").first.click()
    reaction = message(ann_page, "Have a look").get_by_role("button", name="1 person: Bob")
    await reaction.click()
    await expect(heard.get_by_role("button", name="2 people")).to_have_attribute("aria-pressed", "true")

    await heard.hover()
    await heard.get_by_role("button", name="Reply in a thread").click()
    thread = bob_page.get_by_role("complementary", name="Thread")
    await thread.get_by_label("Reply").fill("I like it")
    await bob_page.keyboard.press("Enter")
    await message(ann_page, "Have a look").get_by_role("button", name="1 reply").click()
    await expect(
        ann_page.get_by_role("complementary", name="Thread").get_by_text("I like it")
    ).to_be_visible()
    assert await find_barriers(ann_page, without=[".sidebar", ".middle"]) == []
    await take_picture(bob_page, "chat")


async def test_keys_that_come_before_the_next_frame_follow_what_was_chosen(
    visitors: Visitors, ionflux: IonfluxServer
):
    room = await open_room(ionflux, visitors)
    await room.member("Bob")
    page = await room.enter(room.ann)
    await page.evaluate(SLOW_FRAMES)
    await field(page).press_sequentially("Ask @Bo, not me")
    for _ in ", not me":
        await page.keyboard.press("ArrowLeft")
    await page.keyboard.press("Tab")
    await page.keyboard.type("now")
    await expect(field(page)).to_have_value("Ask @Bob now, not me")


async def test_own_messages_are_edited_pinned_and_deleted(visitors: Visitors, ionflux: IonfluxServer):
    room = await open_room(ionflux, visitors)
    bob = await room.member("Bob")
    page, other = await room.enter(room.ann), await room.enter(bob)
    await say(page, "First")
    mine = message(page, "First")
    await mine.hover()
    await mine.get_by_role("button", name="Edit").click()
    await page.get_by_role("textbox", name="Edit").fill("Second")
    await page.keyboard.press("Enter")
    await expect(message(other, "Second")).to_contain_text("edited")
    await expect(message(other, "Second").get_by_role("button", name="Delete")).to_have_count(0)

    await message(page, "Second").hover()
    await message(page, "Second").get_by_role("button", name="Pin").click()
    await other.get_by_role("button", name="Pinned messages").click()
    pins = other.get_by_role("complementary", name="Pinned messages")
    await expect(pins.get_by_text("Second")).to_be_visible()

    await message(page, "Second").hover()
    await message(page, "Second").get_by_role("button", name="Delete").click()
    await page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    await expect(pins.get_by_text("Nothing is pinned here yet.")).to_be_visible()
    await pins.get_by_role("button", name="Close").click()
    await expect(other.get_by_text("This message was deleted.")).to_be_visible()


async def test_words_are_never_scripts(visitors: Visitors, ionflux: IonfluxServer):
    room = await open_room(ionflux, visitors)
    page = await room.enter(room.ann)
    await say(page, "<img src=x onerror=alert(1)> [a](javascript:alert(1)) [b](https://example.test/)")
    said = message(page, "<img src=x onerror=alert(1)>")
    await expect(said.locator("img")).to_have_count(0)
    await expect(said.get_by_text("a", exact=True)).not_to_have_attribute("href", re.compile("script"))
    await expect(said.get_by_role("link", name="b")).to_have_attribute("href", "https://example.test/")


async def test_the_newest_message_stays_in_sight_unless_one_has_scrolled_up(
    visitors: Visitors, ionflux: IonfluxServer
):
    room = await open_room(ionflux, visitors)
    bob = await room.member("Bob")
    page = await room.enter(room.ann)
    newest = page.get_by_role("article").last
    for number in range(4):
        await say(page, f"Line {number}\n\n- one\n- two\n- three")
        await field(page).fill("/help")
        await page.keyboard.press("Escape")  # the list of commands
        await page.keyboard.press("Enter")
        await expect(newest).to_contain_text("this list")
        await expect(newest).to_be_in_viewport(ratio=0.98)  # all but a fraction of a pixel
    answer = newest.get_by_text("this list")
    gap = await answer.evaluate("(item) => getComputedStyle(item.closest('.markdown')).whiteSpace")
    assert gap == "normal", "what is between elements is not shown"

    await page.get_by_role("log").hover()
    await page.mouse.wheel(0, -10_000)
    beginning = page.get_by_text("This is where general begins.")
    await expect(beginning).to_be_in_viewport()
    other = await room.enter(bob)
    await say(other, "Hello from below")
    await expect(page.get_by_role("button", name="1 new message")).to_be_visible()
    await expect(beginning).to_be_in_viewport()
    await say(page, "What I say I want to see")
    await expect(message(page, "What I say I want to see")).to_be_in_viewport(ratio=0.98)


async def test_files_are_attached(visitors: Visitors, ionflux: IonfluxServer):
    room = await open_room(ionflux, visitors)
    page = await room.enter(room.ann)
    content = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"Hello"}
    await page.locator("input[type=file]").set_input_files([content])  # pyright: ignore[reportArgumentType]
    await expect(page.get_by_role("button", name="Leave out notes.txt")).to_be_visible()
    await field(page).fill("Our notes")
    await expect(page.get_by_role("button", name="Send")).to_be_enabled()
    await page.keyboard.press("Enter")
    link = message(page, "Our notes").get_by_role("link", name="Download notes.txt")
    await expect(link).to_be_visible()
    answer = await page.request.get(await link.get_attribute("href") or "")
    assert await answer.body() == b"Hello"


async def test_what_is_written_without_a_connection_arrives_after_it(
    visitors: Visitors, own_ionflux: IonfluxServer
):
    room = await open_room(own_ionflux, visitors)
    bob = await room.member("Bob")
    page, other = await room.enter(room.ann), await room.enter(bob)
    await say(page, "Before")
    await expect(message(other, "Before")).to_be_visible()
    # Others see it before its sender has been told that it is saved.
    await expect(message(page, "Before").get_by_text("Waiting to be sent")).to_have_count(0)
    await own_ionflux.kill()
    await expect(page.get_by_text("No connection")).to_be_visible()
    await say(page, "Meanwhile")
    await expect(message(page, "Meanwhile").get_by_text("Waiting to be sent")).to_be_visible()
    await expect(message(page, "Before").get_by_text("Waiting to be sent")).to_have_count(0)
    await expect(page.get_by_text("1 message is kept here")).to_be_visible()
    await own_ionflux.restart()
    await expect(message(other, "Meanwhile")).to_be_visible()
    await expect(page.get_by_text("Waiting to be sent")).to_have_count(0)
    await expect(message(other, "Meanwhile")).to_have_count(1)
    visitors.expect(STARTING)


async def test_what_is_unread_is_counted_and_divided(visitors: Visitors, ionflux: IonfluxServer):
    room = await open_room(ionflux, visitors)
    bob = await room.member("Bob")
    page, other = await room.enter(room.ann), await room.enter(bob, viewport=PHONE)
    await say(page, "Seen")
    await expect(message(other, "Seen")).to_be_visible()
    await other.get_by_role("button", name="Back to all channels").click()
    await say(page, "Not seen")
    entry = other.get_by_role("button", name="general 1 unread")
    await expect(entry).to_be_visible()
    await entry.click()
    await expect(other.get_by_role("separator").filter(has_text="New")).to_be_visible()
    await other.get_by_role("button", name="Back to all channels").click()
    await expect(other.get_by_role("button", name="general", exact=True)).to_be_visible()
    # What one has read in one browser one has read in the others.
    desktop = await visitors.page_of(bob, f"/w/{room.channel.workspace_id}")
    await say(page, "Once more")
    await expect(entry).to_be_visible()
    await expect(desktop.get_by_role("button", name="general 1 unread")).to_be_visible()
    await entry.click()
    await expect(desktop.get_by_role("button", name="general", exact=True)).to_be_visible()


async def test_channels_and_direct_conversations_are_made(visitors: Visitors, ionflux: IonfluxServer):
    room = await open_room(ionflux, visitors)
    bob = await room.member("Bob")
    page, other = await room.enter(room.ann, viewport=PHONE), await room.enter(bob, viewport=PHONE)
    await other.get_by_role("button", name="Back to all channels").click()
    await page.get_by_role("button", name="Back to all channels").click()
    await page.get_by_role("button", name="New channel").click()
    await page.get_by_label("Name").fill("plans")
    await page.get_by_role("button", name="Create").click()
    await expect(page.get_by_label("Message plans")).to_be_visible()
    await expect(other.get_by_role("button", name="plans")).to_be_visible()

    await page.get_by_role("button", name="Back to all channels").click()
    await page.get_by_role("button", name="New direct message").click()
    await page.get_by_role("checkbox", name="Bob").check()
    await page.get_by_role("button", name="Create").click()
    await page.get_by_label("Message Bob").fill("Just you and me")
    await page.keyboard.press("Enter")
    await other.get_by_role("button", name="Ann 1 unread").click()
    await expect(message(other, "Just you and me")).to_be_visible()


async def test_an_agent_answers_a_command_live_and_is_undone(
    visitors: Visitors,
    tmp_path_factory: pytest.TempPathFactory,
    llm_settings: dict[str, str],
    model_server: ModelServer,
):
    server = IonfluxServer(tmp_path_factory.mktemp("agents"), llm_settings)
    server.start()
    try:
        room = await open_room(server, visitors)
        await room.agent(model_server)
        page = await room.enter(room.ann)
        words = "Once upon a time there was a very slow answer."
        model_server.say("slowly", words, **SLOW)

        await field(page).press_sequentially("/wri")
        await page.get_by_role("option", name="/writer").click()
        await field(page).press_sequentially("qu")
        await expect(page.get_by_role("option", name="question=")).to_be_visible()
        await page.keyboard.press("Tab")
        await field(page).press_sequentially('Tell it slowly"')
        await page.keyboard.press("Enter")
        log = page.get_by_role("log")
        await expect(log.locator(".run-speech").get_by_text("Once upon a time")).to_be_visible()
        await log.get_by_role("button", name="Stop").click()
        await expect(log.get_by_text("Writer: cancelled.")).to_be_visible()

        model_server.reset()
        model_server.say("quickly", "Here is **all** of it.")
        await say(page, '/writer question="Tell it quickly"')
        # What tells of the run shows these words, too, and goes away above the answer, which moves up then.
        answer = message(page, "Here is all of it.").and_(page.get_by_role("article", name="Writer"))
        await expect(answer).to_be_visible()
        await expect(answer.locator("strong", has_text="all")).to_be_visible()
        await expect(log.get_by_role("article", name="IONFLUX")).to_have_count(1)
        await answer.get_by_role("button", name="Show steps").click()
        await expect(answer.get_by_text("1 step")).to_be_visible()
        await take_picture(page, "agent-in-chat")
        await answer.get_by_role("button", name="Undo this run").click()
        await expect(page.get_by_text("This message was deleted.")).to_be_visible()
        await expect(page.get_by_text("Here is all of it.")).to_have_count(0)
    finally:
        server.close()
