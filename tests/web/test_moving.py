"""What is moved by hand: columns of a table, by mouse and keyboard, and blocks while somebody drags them."""

from contextlib import suppress

from playwright.async_api import Locator, Page, expect

from tests.services.ionflux import IonfluxServer
from tests.web.desk import open_desk
from tests.web.visitors import Visitors, find_barriers

COLUMNS = {
    "a": {"name": "Tea", "order": "n0"},
    "b": {"name": "Price", "order": "n1"},
    "c": {"name": "Shop", "order": "n2"},
}


def grip(page: Page, column: str) -> Locator:
    return page.get_by_role("button", name=f"Mover a coluna {column}")


async def middle_of(place: Locator) -> tuple[float, float]:
    box = await place.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


async def expect_columns(page: Page, *names: str) -> None:
    """Wait until the columns have this order."""
    await page.wait_for_function(
        """([names]) => {
            const fields = [...document.querySelectorAll('.table-head .head-cell input')];
            return fields.map((field) => field.value).join() === names;
        }""",
        arg=[",".join(names)],
    )


async def press_until_told(page: Page, key: str, told: Locator, text: str) -> None:
    """Press a key, and once more where it came to nothing: one lifts first, and is told so before the
    places are measured that keys lead to."""
    for _ in range(3):
        await page.keyboard.press(key)
        with suppress(AssertionError):
            return await expect(told).to_have_text(text, timeout=3000)
    return await expect(told).to_have_text(text)


async def open_canvas(page: Page) -> None:
    await page.get_by_role("button", name="Canvas", exact=True).click()
    await page.wait_for_function(
        "() => !document.querySelector('.react-flow__viewport').style.transform.includes('NaN')"
    )


async def written_places(page: Page, page_id: str) -> list[tuple[int, int]]:
    """Return where the server has the blocks."""
    answer = await page.request.get(f"/v1/pages/{page_id}/blocks")
    return [(block["position_x"], block["position_y"]) for block in (await answer.json())["items"]]


async def test_columns_are_put_in_another_order_by_mouse_and_by_keyboard(
    visitors: Visitors, ionflux: IonfluxServer
):
    desk = await open_desk(ionflux)
    await desk.add("table_view", {"columns": COLUMNS, "rows": {}})
    anns = await visitors.page_of(desk.owner, desk.path, language="pt")
    bobs = await visitors.page_of(await desk.member("Bob"), desk.path)
    await expect_columns(anns, "Tea", "Price", "Shop")
    # A screen reader is told names, in one's language.
    await grip(anns, "Tea").focus()
    await anns.keyboard.press("Space")
    told = anns.locator("[id^=DndLiveRegion]", has_text="Tea")
    await expect(told).to_have_text("Tea está sobre Tea.")
    await press_until_told(anns, "ArrowRight", told, "Tea está sobre Price.")
    await anns.keyboard.press("Space")
    await expect(told).to_have_text("Tea foi solto sobre Price.")
    for page in (anns, bobs):
        await expect_columns(page, "Price", "Tea", "Shop")
    await grip(anns, "Shop").hover()
    await anns.mouse.down()
    x, y = await middle_of(anns.locator(".head-cell").first)
    await anns.mouse.move(x, y, steps=8)
    # One drops where one sees it lie, which a browser that has much to do shows later.
    told = anns.locator("[id^=DndLiveRegion]", has_text="Shop")
    await expect(told).to_have_text("Shop está sobre Price.")
    await anns.mouse.up()
    for page in (anns, bobs):
        await expect_columns(page, "Shop", "Price", "Tea")
    assert await find_barriers(anns) == []
    # One's own move is one step back.
    await anns.locator(".page-bar").click()
    await anns.keyboard.press("Control+z")
    await expect_columns(bobs, "Price", "Tea", "Shop")


async def test_what_somebody_drags_is_seen_moving_and_is_where_it_was_if_they_vanish(
    visitors: Visitors, ionflux: IonfluxServer
):
    desk = await open_desk(ionflux)
    anns = await visitors.page_of(desk.owner, desk.path)
    bobs = await visitors.page_of(await desk.member("Bob"), desk.path)
    for page in (anns, bobs):
        await open_canvas(page)
    block, seen = anns.locator(".react-flow__node"), bobs.locator(".react-flow__node")
    await expect(seen).to_have_count(1)
    before = await seen.get_attribute("style") or ""
    written = await written_places(bobs, desk.page.id)
    x, y = await middle_of(block)
    await anns.mouse.move(x, y)
    await anns.mouse.down()
    await anns.mouse.move(x + 200, y + 80, steps=5)
    await bobs.locator(".react-flow__node.moved-by-others").wait_for()
    await expect(seen).not_to_have_attribute("style", before)
    assert await written_places(bobs, desk.page.id) == written
    # Whoever goes in the middle of it has dropped nothing.
    await anns.close()
    await expect(seen).to_have_attribute("style", before)
    # What is resized is seen, too, and stays as it was dropped.
    anns = await visitors.page_of(desk.owner, desk.path)
    await open_canvas(anns)
    await anns.locator(".react-flow__node").click()
    x, y = await middle_of(anns.locator(".react-flow__resize-control.handle.bottom.right"))
    await anns.mouse.move(x, y)
    await anns.mouse.down()
    await anns.mouse.move(x + 120, y + 60, steps=5)
    await bobs.locator(".react-flow__node.moved-by-others").wait_for()
    await anns.mouse.up()
    await expect(bobs.locator(".react-flow__node.moved-by-others")).to_have_count(0)
    await expect(seen).not_to_have_attribute("style", before)
