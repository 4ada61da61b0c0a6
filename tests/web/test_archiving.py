"""A channel is archived in the browser: it leaves the list, is read, and comes back."""

from playwright.async_api import expect

from tests.services.ionflux import IonfluxServer
from tests.web.rooms import field, message, open_room, say
from tests.web.visitors import Visitors, find_barriers


async def test_a_channel_is_archived_read_and_brought_back(visitors: Visitors, ionflux: IonfluxServer):
    room = await open_room(ionflux, visitors)
    bob = await room.member("Bob")
    anns = await room.enter(room.ann)
    path = f"/w/{room.channel.workspace_id}/c/{room.channel.id}"
    bobs = await visitors.page_of(bob, path, language="pt")
    await say(anns, "Kept words")
    await anns.get_by_role("button", name="About this channel").click()
    await anns.get_by_role("button", name="Archive the channel").click()
    await expect(anns.get_by_role("button", name="Bring it back")).to_be_visible()
    await expect(bobs.locator(".chat-state")).to_contain_text("Este canal está arquivado")
    await expect(message(bobs, "Kept words")).to_be_visible()
    # It is in a list of its own, for all.
    await bobs.get_by_role("button", name="Voltar a todos os canais").click()
    await bobs.get_by_text("Canais arquivados (1)").click()
    await bobs.locator(".archived-channels").get_by_role("button", name="general").click()
    await expect(message(bobs, "Kept words")).to_be_visible()
    assert await find_barriers(bobs) == []
    await anns.get_by_role("button", name="Bring it back").click()
    await expect(bobs.locator(".archived-channels")).to_have_count(0)
    await anns.get_by_role("button", name="Close", exact=True).first.click()
    await say(anns, "Again")
    await expect(message(bobs, "Again")).to_be_visible()
    await expect(field(anns)).to_be_visible()
