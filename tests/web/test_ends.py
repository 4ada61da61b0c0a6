"""What ends while somebody writes: a membership, a session, the server. They are told, and lose nothing."""

from dataclasses import dataclass, field
from typing import Any

import httpx2
from playwright.async_api import BrowserContext, WebSocketRoute, expect

from tests.services.ionflux import IonfluxServer, Person
from tests.web.rooms import field as field_of
from tests.web.rooms import message, open_room, say
from tests.web.test_pages import begin_at_the_end, open_desk, text_of
from tests.web.visitors import STARTING, Visitors, take_picture


async def send(person: Person, method: str, path: str) -> None:
    headers = {"Authorization": f"Bearer {person.token}"}
    async with httpx2.AsyncClient(base_url=person.server.url, timeout=30, headers=headers) as http:
        answer = await http.request(method, path)
        assert answer.is_success, answer.text


@dataclass
class Line:
    """The sockets of a browser: what it sends can be held up, as on a bad line."""

    is_held: bool = False
    held: list[str | bytes] = field(default_factory=list[str | bytes])

    async def watch(self, context: BrowserContext) -> None:
        """Have all sockets that the browser opens go through here."""
        await context.route_web_socket("**/*", self._open)

    def _open(self, socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def pass_on(said: str | bytes) -> None:
            if self.is_held:
                self.held.append(said)
            else:
                server.send(said)

        socket.on_message(pass_on)


async def test_a_member_who_is_removed_while_writing_keeps_their_words(
    visitors: Visitors, ionflux: IonfluxServer
):
    desk = await open_desk(ionflux)
    bob = await desk.member("Bob")
    page = await visitors.page_of(bob, desk.path)
    line = Line()
    await line.watch(page.context)
    await page.reload()
    await begin_at_the_end(page)
    await expect(page.locator(".save-state")).to_have_text("Saved")
    line.is_held = True
    await page.keyboard.type("mine, and not sent")
    await expect(page.locator(".save-state")).to_have_text("Saving")
    assert line.held

    await send(desk.owner, "DELETE", f"/v1/workspaces/{desk.page.workspace_id}/members/{bob.user_id}")
    await expect(page.get_by_role("heading", name="This workspace is not open to you")).to_be_visible()
    await expect(text_of(page)).to_have_count(0)
    kept = page.get_by_role("region", name="What you wrote last was not taken")
    await expect(kept).to_contain_text("Start: mine, and not sent")
    await take_picture(page, "removed")

    # Whoever is let in again goes on where they were.
    line.is_held = False
    await desk.owner.invite(desk.page.workspace_id, bob, "member")
    await page.reload()
    await expect(text_of(page)).to_contain_text("Start: mine, and not sent")
    await expect(page.locator(".save-state")).to_have_text("Saved")


async def test_whoever_is_taken_out_of_a_channel_is_told_and_sees_what_they_were_writing(
    visitors: Visitors, ionflux: IonfluxServer
):
    room = await open_room(ionflux, visitors)
    bob = await room.member("Bob")
    body = {"name": "secret", "type": "private", "member_user_ids": [bob.user_id]}
    secret = await room.ann.post(f"{room.workspace}/channels", body)
    page = await visitors.page_of(bob, f"/w/{room.channel.workspace_id}/c/{secret['id']}")
    await page.get_by_label("Message secret").fill("half a sentence")
    await send(room.ann, "DELETE", f"/v1/channels/{secret['id']}/members/{bob.user_id}")
    told = page.get_by_role("alert").filter(has_text="This channel is not open to you any more.")
    await expect(told).to_contain_text("half a sentence")
    await expect(page.get_by_label("Message secret")).to_have_count(0)
    await page.get_by_role("button", name="Back to all channels").click()
    await page.get_by_role("button", name="general", exact=True).click()
    await say(page, "Still here")
    await expect(message(page, "Still here")).to_be_visible()


async def test_a_session_that_ends_in_mid_typing_goes_on_after_signing_in(
    visitors: Visitors, ionflux: IonfluxServer
):
    room = await open_room(ionflux, visitors)
    bob = await room.member("Bob")
    page, other = await room.enter(bob), await room.enter(room.ann)
    await field_of(page).press_sequentially("I was about ")
    await send(bob, "DELETE", "/v1/me/sessions")
    dialog = page.get_by_role("dialog", name="You are signed out")
    await dialog.get_by_label("Password").fill("correct horse battery")
    await page.keyboard.press("Enter")
    await expect(dialog).to_be_hidden()
    await expect(field_of(page)).to_have_value("I was about ")
    await field_of(page).press_sequentially("to say this")
    await page.keyboard.press("Enter")
    await expect(message(other, "I was about to say this")).to_have_count(1)
    await expect(page.get_by_text("Waiting to be sent")).to_have_count(0)


async def test_a_server_that_restarts_in_mid_typing_loses_no_message_and_doubles_none(
    visitors: Visitors, own_ionflux: IonfluxServer
):
    room = await open_room(own_ionflux, visitors)
    page = await room.enter(room.ann)
    await field_of(page).press_sequentially("Before and ")
    await own_ionflux.kill()
    await expect(page.get_by_text("No connection")).to_be_visible()
    await field_of(page).press_sequentially("after")
    await own_ionflux.restart()
    await page.keyboard.press("Enter")
    await expect(message(page, "Before and after")).to_have_count(1)
    await expect(page.get_by_text("No connection")).to_have_count(0)
    await expect(page.get_by_text("Waiting to be sent")).to_have_count(0)
    assert await stored(room.ann, room.channel.id) == ["Before and after"]
    await page.reload()
    await expect(message(page, "Before and after")).to_have_count(1)
    visitors.expect(STARTING)


async def stored(person: Person, channel_id: str) -> list[str]:
    """Return the texts of a channel's messages as the server has them."""
    headers = {"Authorization": f"Bearer {person.token}"}
    async with httpx2.AsyncClient(base_url=person.server.url, timeout=30, headers=headers) as http:
        items: list[dict[str, Any]] = (await http.get(f"/v1/channels/{channel_id}/messages")).json()["items"]
    return [item["content"]["text"] for item in items]
