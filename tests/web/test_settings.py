"""Settings: each part is changed, and is as it was left after a reload. And what people are told of."""

import asyncio

from playwright.async_api import Page, Route, expect

from tests.services.ionflux import PASSWORD, IonfluxServer
from tests.web.visitors import Visitors, find_barriers

NEW_PASSWORD = "a longer and better one"


async def delay(route: Route) -> None:
    """Let a request reach the server late."""
    await asyncio.sleep(0.5)
    await route.continue_()


async def go_to(page: Page, part: str) -> None:
    """Open a part of the settings."""
    await page.get_by_role("navigation", name="Settings").get_by_role("link", name=part).click()
    await expect(page.get_by_role("heading", name=part, level=1)).to_be_visible()


async def test_every_part_is_changed_and_is_as_it_was_left(visitors: Visitors, ionflux: IonfluxServer):
    ann, bob = await ionflux.person("Ann"), await ionflux.person("Bob")
    workspace_id = await ann.workspace("Studio")
    await ann.invite(workspace_id, bob, "member")
    page = await visitors.page_of(ann, f"/w/{workspace_id}/settings/profile")
    said = page.get_by_role("status").filter(has_text="Saved.")
    await page.get_by_label("Name", exact=True).fill("Ann Lee")
    await page.get_by_label("About you").fill("Paints")
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(said).to_be_visible()
    password = page.get_by_role("region", name="Password")
    await password.get_by_label("Current password").fill("something else")
    await password.get_by_label("New password").fill(NEW_PASSWORD)
    await password.get_by_role("button", name="Change").click()
    await expect(password.get_by_role("alert")).not_to_be_empty()
    await password.get_by_label("Current password").fill(PASSWORD)
    await password.get_by_role("button", name="Change").click()
    await expect(password.get_by_role("alert")).to_have_count(0)

    await go_to(page, "Notifications")
    mails = page.get_by_role("combobox", name="Mails")
    await expect(mails).to_be_visible()
    await page.route("**/v1/notification-preferences", delay, times=1)  # the next choice does not overtake it
    await mails.select_option("once a day")
    await page.get_by_label("Answers in your threads").select_option("not at all")
    await go_to(page, "General")
    await page.get_by_role("textbox", name="Name of the workspace").fill("Atelier")
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page.get_by_role("button", name="Atelier")).to_be_visible()
    await go_to(page, "Members")
    await page.get_by_label("Role of Bob").select_option("Admin")
    await go_to(page, "Language models")
    providers = page.get_by_role("region", name="Providers")
    await providers.get_by_label("Name").fill("Ours")
    await providers.get_by_label("Kind").select_option("openai")
    await providers.get_by_label("Key", exact=True).fill("sk-secret-of-ours")
    await providers.get_by_role("button", name="Add").click()
    await expect(providers.get_by_role("listitem").filter(has_text="Ours")).to_be_visible()
    budgets = page.get_by_role("region", name="Budgets")
    await budgets.get_by_label("Limit in US dollars").fill("12.5")
    await budgets.get_by_role("button", name="Set").click()
    await expect(budgets.get_by_role("listitem")).to_contain_text("Workspace, a month")
    assert await find_barriers(page) == []
    await go_to(page, "Webhooks")
    await page.get_by_label("Address").fill("https://example.com/hook")
    await page.get_by_label("Events; all if empty").fill("page.created, What?")
    await page.get_by_role("button", name="Add").click()
    await expect(page.get_by_role("alert")).to_contain_text("event_types")
    await expect(page.get_by_label("Address")).to_have_value("https://example.com/hook")
    await page.get_by_label("Events; all if empty").fill("page.created")
    await page.get_by_role("button", name="Add").click()
    await expect(page.locator(".secret code")).to_contain_text("whsec_")
    await page.get_by_role("button", name="Pause").click()
    await expect(page.get_by_role("button", name="Resume")).to_be_visible()

    await page.reload()
    hook = page.get_by_role("listitem").filter(has_text="https://example.com/hook")
    await expect(hook).to_contain_text("page.created")
    await expect(hook.get_by_role("button", name="Resume")).to_be_visible()
    await expect(page.locator(".secret")).to_have_count(0)
    await go_to(page, "Language models")
    await expect(providers.get_by_role("listitem").filter(has_text="Ours")).to_be_visible()
    await expect(page.get_by_text("sk-secret-of-ours")).to_have_count(0)
    await expect(budgets.get_by_role("listitem")).to_contain_text("12.50")
    await go_to(page, "Members")
    await expect(page.get_by_label("Role of Bob")).to_have_value("admin")
    await go_to(page, "General")
    await expect(page.get_by_role("textbox", name="Name of the workspace")).to_have_value("Atelier")
    await go_to(page, "Notifications")
    await expect(page.get_by_role("combobox", name="Mails")).to_have_value("daily")
    await expect(page.get_by_label("Answers in your threads")).to_have_value("nothing")
    await go_to(page, "Profile")
    await expect(page.get_by_label("Name", exact=True)).to_have_value("Ann Lee")
    await expect(page.get_by_label("About you")).to_have_value("Paints")

    door = await visitors.stranger(ionflux, "/sign-in")
    await door.get_by_label("Email address").fill(ann.email)
    await door.get_by_label("Password").fill(NEW_PASSWORD)
    await door.keyboard.press("Enter")
    await expect(door.get_by_role("heading", name="Hello, Ann Lee")).to_be_visible()


async def test_what_concerns_somebody_is_told_leads_there_and_is_read(
    visitors: Visitors, ionflux: IonfluxServer
):
    ann, bob = await ionflux.person("Ann"), await ionflux.person("Bob")
    workspace_id = await ann.workspace("Studio")
    await ann.invite(workspace_id, bob, "member")
    channel = await ann.channel(workspace_id)
    page = await visitors.page_of(ann, f"/w/{workspace_id}")
    bell = page.get_by_role("link", name="Notifications")
    await expect(bell).to_be_visible()
    text = f"Have a look, @[Ann]({ann.principal_id})"
    await bob.post(f"/v1/channels/{channel.id}/messages", {"content_type": "text", "content": {"text": text}})
    await expect(bell).to_contain_text("1")
    await bell.click()
    told = page.get_by_role("listitem").filter(has_text="Bob mentioned you")
    await told.get_by_role("link").click()
    await expect(page).to_have_url(f"{ionflux.url}/w/{workspace_id}/c/{channel.id}")
    await expect(page.get_by_role("article").filter(has_text="Have a look")).to_be_visible()
    await expect(bell).not_to_contain_text("1")
    await bell.click()
    await expect(told).to_be_visible()
    await expect(page.get_by_role("button", name="Mark all as read")).to_have_count(0)
    assert await find_barriers(page) == []
