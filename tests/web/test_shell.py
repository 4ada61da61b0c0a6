"""The workspace around its pages: the tree, the palette, settings, what is told when something ends."""

import pytest
from playwright.async_api import Locator, Page, Response, expect

from tests.services.ionflux import IonfluxServer, Person
from tests.web.desk import send
from tests.web.visitors import PHONE, STARTING, Scheme, Visitors, find_barriers, take_picture

FIRST_LOAD_BYTES = 400_000
"""What is loaded before the editor's own part, as it comes over the wire."""


async def studio_of(ionflux: IonfluxServer, name: str = "Ann") -> tuple[Person, str]:
    person = await ionflux.person(name)
    return person, await person.workspace("Studio")


def tree_of(page: Page) -> Locator:
    return page.get_by_role("region", name="Pages")


async def test_pages_are_made_named_thrown_away_and_put_back(visitors: Visitors, ionflux: IonfluxServer):
    ann, workspace_id = await studio_of(ionflux)
    await ann.page(workspace_id, "Plan")
    page = await visitors.page_of(ann, f"/w/{workspace_id}")
    tree = tree_of(page)
    await tree.get_by_role("link", name="Plan").focus()
    await page.keyboard.press("F2")
    await tree.get_by_label("Rename").fill("Plan of the year")
    await page.keyboard.press("Enter")
    await tree.get_by_role("link", name="Plan of the year").hover()
    await tree.get_by_role("button", name="New page below Plan of the year").click()
    await expect(tree.get_by_role("link", name="Untitled")).to_have_attribute("aria-current", "page")
    await tree.get_by_role("button", name="More about Untitled").click()
    await page.get_by_role("menuitem", name="Move to the trash").click()
    await expect(tree.get_by_role("link")).to_have_text(["Plan of the year"])
    await page.get_by_role("button", name="Undo", exact=True).click()
    await expect(tree.get_by_role("link")).to_have_text(["Plan of the year", "Untitled"])
    pages = (await send(ann, "GET", f"/v1/workspaces/{workspace_id}/pages"))["items"]
    assert [each["title"] for each in pages] == ["Plan of the year", ""]
    assert pages[1]["parent_page_id"] == pages[0]["id"]
    # What is in the trash is put back from there, or deleted for ever.
    page.on("dialog", lambda dialog: dialog.accept())
    for way in ("Put back", "Delete for ever"):
        await tree.get_by_role("link", name="Untitled").hover()
        await tree.get_by_role("button", name="More about Untitled").click()
        await page.get_by_role("menuitem", name="Move to the trash").click()
        await page.get_by_role("link", name="Trash").click()
        await page.get_by_role("button", name=way).click()
        await expect(page.get_by_text("The trash is empty.")).to_be_visible()
        titles = ["Plan of the year", "Untitled"] if way == "Put back" else ["Plan of the year"]
        await expect(tree.get_by_role("link")).to_have_text(titles)


async def test_a_page_is_dragged_below_another_and_others_see_it(visitors: Visitors, ionflux: IonfluxServer):
    ann, workspace_id = await studio_of(ionflux)
    bob = await ionflux.person("Bob")
    await ann.invite(workspace_id, bob, "member")
    first = await ann.page(workspace_id, "First")
    second = await ann.page(workspace_id, "Second")
    page = await visitors.page_of(ann, f"/w/{workspace_id}")
    bobs = await visitors.page_of(bob, f"/w/{workspace_id}/p/{second.id}")
    await expect(tree_of(bobs).get_by_role("link")).to_have_text(["First", "Second"])
    box = await tree_of(page).get_by_role("link", name="Second").bounding_box()
    assert box
    x, y = box["x"] + 60, box["y"] + box["height"] / 2
    await page.mouse.move(x, y)
    await page.mouse.down()
    await page.mouse.move(x + 12, y, steps=4)
    await page.mouse.move(x + 24, y, steps=4)
    await page.mouse.up()
    # Of the page that Bob looks at, what is above it is shown beside its title.
    path = bobs.get_by_role("navigation", name="Path")
    await expect(path.get_by_role("link")).to_have_text(["First"])
    moved = await send(ann, "GET", f"/v1/pages/{second.id}")
    assert moved["parent_page_id"] == first.id


async def test_the_palette_finds_pages_and_does_things(visitors: Visitors, ionflux: IonfluxServer):
    ann, workspace_id = await studio_of(ionflux)
    plan = await ann.page(workspace_id, "Holiday plan")
    packing = await ann.page(workspace_id, "Holiday packing")
    page = await visitors.page_of(ann, f"/w/{workspace_id}")
    await expect(tree_of(page).get_by_role("link", name="Holiday plan")).to_be_visible()
    await page.keyboard.press("Control+k")
    await page.get_by_placeholder("Search, or say what to do").fill("holiday")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(f"{ionflux.url}/w/{workspace_id}/p/{plan.id}")
    await page.keyboard.press("Control+k")
    await page.get_by_placeholder("Search, or say what to do").fill("holiday")
    second = page.get_by_role("option", name="Holiday packing")
    await expect(second).to_be_visible()
    await page.keyboard.press("ArrowDown")
    await expect(second).to_have_attribute("aria-selected", "true")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(f"{ionflux.url}/w/{workspace_id}/p/{packing.id}")
    await page.keyboard.press("Control+k")
    await page.get_by_placeholder("Search, or say what to do").fill("dark")
    await page.get_by_role("option", name="Use dark colours").click()
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")


async def test_somebody_is_invited_and_a_key_is_told_once(visitors: Visitors, ionflux: IonfluxServer):
    ann, workspace_id = await studio_of(ionflux)
    page = await visitors.page_of(ann, f"/w/{workspace_id}/settings/members")
    await page.get_by_label("Email address").fill("cy@example.test")
    await page.get_by_role("button", name="Invite", exact=True).click()
    await expect(page.get_by_role("listitem").filter(has_text="cy@example.test")).to_be_visible()
    await page.get_by_role("link", name="API keys").click()
    await page.get_by_label("What it is for").fill("backups")
    await page.get_by_role("button", name="Make").click()
    key = await page.locator(".secret code").inner_text()
    assert key.startswith("if")
    await page.reload()
    await expect(page.get_by_role("listitem").filter(has_text="backups")).to_be_visible()
    await expect(page.get_by_text(key)).to_have_count(0)


async def test_what_is_loaded_first_is_small(visitors: Visitors, ionflux: IonfluxServer):
    ann, workspace_id = await studio_of(ionflux)
    page = await visitors.page_of(ann, "/account")
    answers: list[Response] = []

    def note(answer: Response) -> None:
        answers.append(answer)

    page.on("response", note)
    await page.goto(f"/w/{workspace_id}")
    await expect(page.get_by_role("heading", name="Hello, Ann")).to_be_visible()
    assets = [answer for answer in answers if "/assets/" in answer.url]
    assert assets
    sizes = {answer.url: (await answer.request.sizes())["responseBodySize"] for answer in assets}
    assert sum(sizes.values()) < FIRST_LOAD_BYTES, sizes


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_barriers_in_the_main_views(visitors: Visitors, ionflux: IonfluxServer, scheme: Scheme):
    ann, workspace_id = await studio_of(ionflux)
    await ann.page(workspace_id, "Plan")
    door = await visitors.stranger(ionflux, "/sign-in", scheme=scheme)
    await expect(door.get_by_role("heading", name="Sign in")).to_be_visible()
    assert await find_barriers(door) == []
    page = await visitors.page_of(ann, f"/w/{workspace_id}", scheme=scheme)
    await expect(tree_of(page).get_by_role("link", name="Plan")).to_be_visible()
    await expect(page.get_by_role("heading", name="Hello, Ann")).to_be_visible()
    await take_picture(page, f"home-{scheme}")
    assert await find_barriers(page, without=[".dock"]) == []
    await page.keyboard.press("Control+k")
    await expect(page.get_by_role("option", name="Plan")).to_be_visible()
    assert await find_barriers(page, without=[".dock"]) == []
    await page.keyboard.press("Escape")
    await page.get_by_role("link", name="Settings").click()
    await page.get_by_role("link", name="Members").click()
    await expect(page.get_by_role("heading", name="Members")).to_be_visible()
    assert await find_barriers(page, without=[".dock"]) == []


async def test_an_ended_session_is_told_over_the_page_and_signing_in_goes_on(
    visitors: Visitors, ionflux: IonfluxServer
):
    ann, workspace_id = await studio_of(ionflux)
    page = await visitors.page_of(ann, f"/w/{workspace_id}")
    await expect(page.get_by_role("heading", name="Hello, Ann")).to_be_visible()
    await send(ann, "DELETE", "/v1/me/sessions")
    dialog = page.get_by_role("dialog", name="You are signed out")
    await expect(dialog).to_be_visible()
    await dialog.get_by_label("Password").fill("correct horse battery")
    await page.keyboard.press("Enter")
    await expect(dialog).to_be_hidden()
    await page.get_by_role("button", name="New page", exact=True).click()
    await expect(tree_of(page).get_by_role("link", name="Untitled")).to_be_visible()


async def test_a_member_who_is_removed_is_told(visitors: Visitors, ionflux: IonfluxServer):
    ann, workspace_id = await studio_of(ionflux)
    bob = await ionflux.person("Bob")
    await ann.invite(workspace_id, bob, "member")
    page = await visitors.page_of(bob, f"/w/{workspace_id}")
    await expect(page.get_by_role("heading", name="Hello, Bob")).to_be_visible()
    await send(ann, "DELETE", f"/v1/workspaces/{workspace_id}/members/{bob.user_id}")
    await expect(page.get_by_role("heading", name="This workspace is not open to you")).to_be_visible()


async def test_without_the_server_the_page_lives_and_comes_back(
    visitors: Visitors, own_ionflux: IonfluxServer
):
    ann, workspace_id = await studio_of(own_ionflux)
    page = await visitors.page_of(ann, f"/w/{workspace_id}")
    state = page.locator(".save-state")
    await expect(state).to_have_text("Connected")
    await page.get_by_role("link", name="Settings").click()
    await expect(page.get_by_role("heading", name="Profile")).to_be_visible()
    await page.get_by_role("link", name="Home").click()
    await own_ionflux.kill()
    await expect(state).to_have_text("Offline")
    await page.get_by_role("link", name="Settings").click()
    await expect(page.get_by_role("heading", name="Profile")).to_be_visible()
    await own_ionflux.restart()
    await expect(state).to_have_text("Connected")
    await expect(page.get_by_text("this one", exact=True)).to_be_visible()
    visitors.expect(STARTING)


async def test_on_a_phone_the_sidebar_makes_way(visitors: Visitors, ionflux: IonfluxServer):
    ann, workspace_id = await studio_of(ionflux)
    page = await visitors.page_of(ann, f"/w/{workspace_id}", viewport=PHONE)
    await expect(page.get_by_role("heading", name="Hello, Ann")).to_be_visible()
    await take_picture(page, "phone")
    await page.get_by_role("button", name="Show the sidebar").click()
    await page.get_by_role("link", name="Settings").click()
    await expect(page.get_by_role("heading", name="Profile")).to_be_visible()
    await expect(page.get_by_role("navigation", name="Workspace")).to_be_hidden()
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"]
