"""Where the links of mails lead: an invitation, a forgotten password, an address to confirm."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from playwright.async_api import Page, expect

from tests.services.ionflux import PASSWORD, IonfluxServer, expect_no_fault
from tests.services.smtp import MailServer, text_of
from tests.web.visitors import Visitors, find_barriers, take_picture


class Post:
    """A server that mails, and what it has mailed."""

    def __init__(self, server: IonfluxServer, mails: MailServer) -> None:
        self.server = server
        self._mails = mails

    async def link(self, kind: str, to: str) -> str:
        """Return the path that the next mail of a kind to somebody leads to."""
        while True:
            mail = await self._mails.next_mail()
            found = re.search(rf"/account#{kind}=\S+", text_of(mail))
            if found and mail["to"] == to:
                return found[0]


@pytest_asyncio.fixture(loop_scope="session")
async def post(tmp_path: Path) -> AsyncIterator[Post]:
    mails = MailServer()
    listener = await asyncio.get_running_loop().create_server(mails.protocol, "127.0.0.1", 0)
    mails.port = listener.sockets[0].getsockname()[1]
    settings = {
        "IONFLUX_SMTP_HOST": "127.0.0.1",
        "IONFLUX_SMTP_PORT": str(mails.port),
        "IONFLUX_SMTP_SECURITY": "none",
        "IONFLUX_LLM_BUILT_IN": "false",
    }
    server = IonfluxServer(tmp_path, settings)
    server.start()
    yield Post(server, mails)
    server.close()
    listener.close()
    expect_no_fault(server.log_text())


async def expect_hidden_token(page: Page) -> None:
    """The token is a secret: it does not stay where others see it."""
    assert await page.evaluate("location.hash") == ""


async def test_the_links_of_mails_lead_into_the_page(visitors: Visitors, post: Post):
    ann = await post.server.person("Ann")
    verify = await post.link("verify", ann.email)
    workspace_id = await ann.workspace("Studio")
    invitations = f"/v1/workspaces/{workspace_id}/invitations"

    # Somebody new: a name and a password, and they are in.
    await ann.post(invitations, {"email": "new@example.test"})
    page = await visitors.stranger(post.server, await post.link("invitation", "new@example.test"))
    await expect(page.get_by_role("heading", name="Join Studio")).to_be_visible()
    await expect(page.get_by_text("Ann invites new@example.test to Studio.")).to_be_visible()
    await expect_hidden_token(page)
    assert await find_barriers(page) == []
    await take_picture(page, "invitation")
    await page.get_by_label("Your name").fill("Cy")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Join").click()
    await expect(page.get_by_role("heading", name="Hello, Cy")).to_be_visible()

    # Somebody who is signed in: one click.
    bob = await post.server.person("Bob")
    await ann.post(invitations, {"email": bob.email})
    bobs = await visitors.page_of(bob, await post.link("invitation", bob.email))
    await bobs.get_by_role("button", name="Join").click()
    await expect(bobs.get_by_role("heading", name="Hello, Bob")).to_be_visible()
    await expect(bobs).to_have_url(f"{post.server.url}/w/{workspace_id}")

    # An address is confirmed, once.
    anns = await visitors.stranger(post.server, verify)
    await anns.get_by_role("button", name="Confirm your address").click()
    await expect(anns.get_by_role("status")).to_have_text("Your address is confirmed.")

    # A forgotten password: asked for here, set by the mailed link.
    await anns.goto("/forgot")
    await anns.get_by_label("Email address").fill(ann.email)
    await anns.get_by_role("button", name="Mail me a link").click()
    await expect(anns.get_by_text("a link is on its way")).to_be_visible()
    reset = await post.link("reset", ann.email)
    await anns.goto(reset)
    await anns.get_by_label("New password").fill("another good password")
    await anns.get_by_role("button", name="Set the password").click()
    await expect(anns.get_by_role("status")).to_contain_text("The password is set")
    await anns.get_by_role("link", name="Go on").click()
    await anns.get_by_label("Email address").fill(ann.email)
    await anns.get_by_label("Password").fill("another good password")
    await anns.keyboard.press("Enter")
    await expect(anns.get_by_role("heading", name="Hello, Ann")).to_be_visible()

    # A link works once, and says so the second time.
    used = await visitors.stranger(post.server, reset)
    await used.get_by_label("New password").fill("yet another password")
    await used.get_by_role("button", name="Set the password").click()
    await expect(used.get_by_role("alert")).not_to_be_empty()
    await expect(used.get_by_label("New password")).to_have_value("yet another password")
