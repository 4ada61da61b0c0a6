"""The way in with an account of one's own, and out again; that with one click is in `test_first_minutes`."""

from playwright.async_api import expect

from tests.services.ionflux import PASSWORD, IonfluxServer
from tests.web.visitors import Visitors, find_barriers


async def test_somebody_new_makes_an_account_and_a_workspace(visitors: Visitors, ionflux: IonfluxServer):
    page = await visitors.stranger(ionflux, "/sign-up")
    await page.get_by_label("Your name").fill("Ann Lee")
    await page.get_by_label("Email address").fill("ann.lee@example.test")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.get_by_label("Name of the workspace").fill("Studio")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Hello, Ann Lee")).to_be_visible()
    await page.reload()
    await expect(page.get_by_role("heading", name="Hello, Ann Lee")).to_be_visible()


async def test_a_wrong_password_is_told_and_nothing_typed_is_lost(visitors: Visitors, ionflux: IonfluxServer):
    ann = await ionflux.person("Ann")
    page = await visitors.stranger(ionflux, "/sign-in")
    await expect(page.get_by_role("button", name="Open the demo workspace")).to_be_hidden()
    await page.get_by_label("Email address").fill(ann.email)
    await page.get_by_label("Password").fill("something else")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_have_text("Address and password do not fit.")
    await expect(page.get_by_label("Email address")).to_have_value(ann.email)


async def test_a_browser_in_portuguese_is_spoken_to_in_portuguese(visitors: Visitors, ionflux: IonfluxServer):
    page = await visitors.stranger(ionflux, "/sign-in", language="pt")
    await expect(page.get_by_role("heading", name="Entrar")).to_be_visible()
    assert await page.locator("html").get_attribute("lang") == "pt"


async def test_signing_out_leaves_nothing_open(visitors: Visitors, ionflux: IonfluxServer):
    ann = await ionflux.person("Ann")
    workspace_id = await ann.workspace("Studio")
    page = await visitors.page_of(ann, f"/w/{workspace_id}")
    await page.get_by_role("button", name="account and appearance").click()
    await page.get_by_role("menuitem", name="Sign out").click()
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    await page.goto(f"/w/{workspace_id}")
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


async def test_without_a_server_the_page_says_so_and_goes_on_once_there_is_one(
    visitors: Visitors, ionflux: IonfluxServer
):
    ann = await ionflux.person("Ann")
    plan = await ann.page(await ann.workspace("Studio"), "Plan")
    path = f"/w/{plan.workspace_id}/p/{plan.id}"
    page = await visitors.page_of(ann, "/healthz")
    await page.context.route("**/v1/**", lambda route: route.abort())
    await page.goto(path)
    await expect(page.get_by_role("heading", name="The server cannot be reached")).to_be_visible()
    assert await find_barriers(page) == []
    await page.context.unroute_all()
    await page.get_by_role("button", name="Try again").click()
    await expect(page.locator(".page-title")).to_have_value("Plan")
    # Whose session has ended before signs in, and is where they were going.
    await page.context.clear_cookies()
    await page.reload()
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    await page.get_by_label("Email address").fill(ann.email)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.locator(".page-title")).to_have_value("Plan")
    await expect(page).to_have_url(f"{ionflux.url}{path}")
