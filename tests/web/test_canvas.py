"""The canvas as a table to arrange things on: select, copy, stack, and take back what was one's own."""

import re

from playwright.async_api import Locator, Page, expect

from blocks.page_edits import Place, add_block
from tests.services.ionflux import IonfluxServer
from tests.web.desk import Desk, document_of, paragraphs
from tests.web.visitors import Visitors

CARDS = {"one": Place(0, 0, 240, 160), "two": Place(120, 80, 240, 160), "three": Place(370, 0, 170, 160)}
"""The first two lie over each other. All are so far from the canvas' edges that a frame around them does not
make it move on."""


async def open_table(server: IonfluxServer) -> Desk:
    """Make a page with some cards on the canvas."""
    owner = await server.person("Ann")
    desk = Desk(server, owner, await owner.page(await owner.workspace(), "Table"), "")
    async with document_of(desk) as (doc, stamp):
        for name, place in CARDS.items():
            add_block(doc, name, "text", paragraphs(f"Card {name}"), stamp=stamp, place=place)
    return desk


async def show_canvas(page: Page, path: str) -> None:
    """Open a page as a canvas, and wait until it is where it stays."""
    await page.evaluate("localStorage.setItem('ionflux.page.view', 'canvas')")
    await page.goto(path)
    await expect(page.get_by_role("button", name="Canvas", exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )


def card(page: Page, name: str) -> Locator:
    """Return a block of the canvas."""
    return page.locator(".react-flow__node").filter(has_text=f"Card {name}")


async def expect_on_top(page: Page, name: str) -> None:
    """Wait until a card is what is seen where the first two lie over each other."""
    await page.wait_for_function(
        """(wanted) => {
            const nodes = [...document.querySelectorAll('.react-flow__node')];
            const nodeOf = (name) => nodes.find((node) => node.textContent.includes(`Card ${name}`));
            const [one, two] = ['one', 'two'].map((name) => nodeOf(name).getBoundingClientRect());
            const seen = document.elementFromPoint((two.left + one.right) / 2, (two.top + one.bottom) / 2);
            return seen?.closest('.react-flow__node') === nodeOf(wanted);
        }""",
        arg=name,
    )


async def test_blocks_are_selected_copied_to_another_page_and_stacked(
    visitors: Visitors, ionflux: IonfluxServer
):
    desk = await open_table(ionflux)
    second = await desk.owner.page(desk.page.workspace_id, "Second")
    page = await visitors.page_of(desk.owner, "/account")
    await show_canvas(page, desk.path)
    bobs = await visitors.page_of(await desk.member("Bob"), "/account")
    await show_canvas(bobs, desk.path)
    blocks, selected = page.locator(".react-flow__node"), page.locator(".react-flow__node.selected")
    await expect(blocks).to_have_count(3)
    await expect(card(bobs, "two")).to_be_visible()

    # A frame that is drawn around many selects them; a click beside them none.
    first, last = await card(page, "one").bounding_box(), await card(page, "three").bounding_box()
    assert first
    assert last
    await page.mouse.move(first["x"] - 20, first["y"] - 20)
    await page.mouse.down()
    await page.mouse.move(last["x"] + last["width"] + 10, last["y"] + last["height"] + 10, steps=4)
    await page.mouse.up()
    await expect(selected).to_have_count(2)  # the third reaches out of the frame
    await page.mouse.click(first["x"] - 20, first["y"] - 20)
    await expect(selected).to_have_count(0)

    # What lies below comes to the front, for everybody, and goes back.
    await expect_on_top(bobs, "two")
    await card(page, "one").click(position={"x": 10, "y": 10})
    await expect(bobs.locator(".visitor")).to_have_text("Ann")
    await page.keyboard.press("}")
    await expect_on_top(page, "one")
    await expect_on_top(bobs, "one")
    await page.keyboard.press("{")
    await expect_on_top(bobs, "two")

    # Copied here, pasted there.
    await card(page, "three").click(modifiers=["Shift"], position={"x": 10, "y": 10})
    await expect(selected).to_have_count(2)
    await page.keyboard.press("Control+c")
    await page.get_by_role("region", name="Pages").get_by_role("link", name="Second").click()
    await expect(page).to_have_url(f"{ionflux.url}/w/{desk.page.workspace_id}/p/{second.id}")
    await expect(blocks).to_have_count(0)
    await page.get_by_role("application", name="Canvas").click()
    await page.keyboard.press("Control+v")
    await expect(selected).to_have_count(2)
    await expect(card(page, "three")).to_be_visible()
    await expect(page.locator(".save-state")).to_have_text("Saved")
    # Cut, and pasted again.
    await page.keyboard.press("Control+x")
    await expect(blocks).to_have_count(0)
    await page.keyboard.press("Control+v")
    await expect(blocks).to_have_count(2)
    await page.keyboard.press("Control+z")
    await expect(blocks).to_have_count(0)
    await page.keyboard.press("Control+z")
    await expect(blocks).to_have_count(2)
    await page.reload()
    await expect(card(page, "one")).to_be_visible()
    # Where they were copied they are still.
    await expect(bobs.locator(".react-flow__node")).to_have_count(3)


async def test_undoing_takes_back_what_was_ones_own_while_somebody_else_moves_things(
    visitors: Visitors, ionflux: IonfluxServer
):
    desk = await open_table(ionflux)
    page = await visitors.page_of(desk.owner, "/account")
    await show_canvas(page, desk.path)
    bobs = await visitors.page_of(await desk.member("Bob"), "/account")
    await show_canvas(bobs, desk.path)
    here = {name: card(page, name) for name in CARDS}
    there = {name: card(bobs, name) for name in CARDS}
    await expect(there["one"]).to_be_visible()
    was = {name: await here[name].evaluate("(node) => node.style.transform") for name in CARDS}

    async def expect_moved(where: dict[str, Locator], name: str, *, is_moved: bool) -> None:
        style = re.compile(re.escape(f"transform: {was[name]}"))
        check = expect(where[name])
        await (check.not_to_have_attribute if is_moved else check.to_have_attribute)("style", style)

    await here["one"].click(position={"x": 10, "y": 10})
    await page.keyboard.press("Shift+ArrowDown")
    await expect_moved(there, "one", is_moved=True)
    await there["two"].click(position={"x": 200, "y": 120})
    await bobs.keyboard.press("Shift+ArrowDown")
    await expect_moved(here, "two", is_moved=True)
    await there["three"].click(position={"x": 10, "y": 10})
    await bobs.keyboard.press("Delete")
    await expect(here["three"]).to_have_count(0)
    # Ann takes back: hers goes back, and nothing of Bob's comes with it, however often she tries.
    for _ in range(3):
        await page.keyboard.press("Control+z")
    await expect_moved(there, "one", is_moved=False)
    await expect_moved(here, "two", is_moved=True)
    await expect(here["three"]).to_have_count(0)
    await page.keyboard.press("Control+y")
    await expect_moved(there, "one", is_moved=True)
    # And Bob his.
    await bobs.keyboard.press("Control+z")
    await expect(here["three"]).to_be_visible()
    await bobs.keyboard.press("Control+z")
    await expect_moved(here, "two", is_moved=False)
    await expect_moved(here, "one", is_moved=True)
