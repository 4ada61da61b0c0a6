"""Comments on a part of a text: it is marked, stays marked while people write, and opens what was said."""

from playwright.async_api import Locator, Page, expect

from tests.services.ionflux import IonfluxServer
from tests.web.desk import open_desk, paragraphs
from tests.web.visitors import Visitors, find_barriers


def text_of(page: Page, number: int) -> Locator:
    """Return the editor of a text."""
    return page.locator(".ProseMirror").nth(number)


async def expect_marked(words: str, *pages: Page) -> None:
    """Wait until just these words are marked, whoever's caret stands in them."""
    for page in pages:
        await page.wait_for_function(
            """([words]) => {
                const marks = [...document.querySelectorAll('mark.commented')];
                return marks.map((mark) => mark.textContent).join('') === words;
            }""",
            arg=[words],
        )


async def test_a_comment_is_marked_in_the_text_and_stays_on_its_words(
    visitors: Visitors, ionflux: IonfluxServer
):
    desk = await open_desk(ionflux)
    await desk.add("text", paragraphs("Green tea", "Black tea is strong"))
    bob, cid = await desk.member("Bob"), await desk.commenter("Cid")
    anns = await visitors.page_of(desk.owner, desk.path)
    bobs = await visitors.page_of(bob, desk.path, scheme="dark", language="pt")
    # One chooses words, and is offered to comment on them.
    await text_of(anns, 1).click()
    await anns.keyboard.press("Control+End")
    await expect(anns.get_by_role("button", name="Comment", exact=True)).to_have_count(0)
    await anns.keyboard.press("Control+Shift+ArrowLeft")
    await anns.get_by_role("button", name="Comment", exact=True).click()
    field = anns.get_by_label("Comment on this text")
    await expect(field).to_be_focused()
    await anns.keyboard.type("Is it?")
    await anns.keyboard.press("Enter")
    await expect(anns.locator(".thread.chosen")).to_contain_text("Is it?")
    await expect_marked("strong", anns, bobs)
    # What is written around the words is not in it, and what is written in them is.
    await text_of(bobs, 1).click()
    await bobs.keyboard.press("Control+End")
    await bobs.keyboard.type("!")
    for _ in "strong!":
        await bobs.keyboard.press("ArrowLeft")
    await bobs.keyboard.type("very ")
    for _ in "str":
        await bobs.keyboard.press("ArrowRight")
    await bobs.keyboard.type("--")
    await expect_marked("str--ong", anns, bobs)
    await expect(text_of(bobs, 1)).to_contain_text("is very str--ong!")
    # A line that comes above them moves them, and they keep their comment.
    await bobs.keyboard.press("Control+Home")
    await bobs.keyboard.type("On top")
    await bobs.keyboard.press("Enter")
    await expect(text_of(anns, 1)).to_contain_text("On top")
    await expect_marked("str--ong", anns, bobs)
    # A click on them opens what was said, also for who may not write.
    await bobs.locator("mark.commented").click()
    panel = bobs.get_by_role("complementary", name="Comentários")
    await expect(panel.locator(".thread.chosen")).to_contain_text("Is it?")
    assert await find_barriers(bobs) == []
    cids = await visitors.page_of(cid, desk.path)
    await expect_marked("str--ong", cids)
    await text_of(cids, 1).get_by_text("Green tea").dblclick(position={"x": 12, "y": 10})
    await cids.get_by_role("button", name="Comment", exact=True).click()
    await cids.get_by_label("Comment on this text").fill("Which one?")
    await cids.keyboard.press("Enter")
    await expect_marked("Greenstr--ong", anns, bobs, cids)
    # What is settled is not marked any more.
    await panel.locator(".thread.chosen").get_by_role("button", name="Resolver").click()
    await expect_marked("Green", anns, bobs, cids)
