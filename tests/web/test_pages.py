"""Pages in the browser: people and an agent write together, and nothing of anybody is lost."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Any

from playwright.async_api import Locator, Page, expect

from tests.e2e.test_mcp import connected, key_of
from tests.services.ionflux import Document, IonfluxServer, Person
from tests.web.visitors import Visitors

LETTERS = 40


@dataclass
class Desk:
    """A page with one text, and who may write it."""

    server: IonfluxServer
    owner: Person
    page: Document
    block_id: str

    @property
    def path(self) -> str:
        """Where the page is in the browser."""
        return f"/w/{self.page.workspace_id}/p/{self.page.id}"

    async def member(self, name: str) -> Person:
        """Return somebody else who may write the page."""
        person = await self.server.person(name)
        await self.owner.invite(self.page.workspace_id, person, "member")
        return person

    async def add(self, type_: str, content: dict[str, Any]) -> str:
        """Add a block; return its id."""
        made = await self.owner.post(f"/v1/pages/{self.page.id}/blocks", {"type": type_, "content": content})
        return made["block"]["id"] if "block" in made else made["id"]


def paragraphs(*lines: str) -> dict[str, Any]:
    """Return a rich text."""
    content = [{"type": "paragraph", "content": [{"type": "text", "text": line}]} for line in lines]
    return {"doc": {"type": "doc", "content": content}}


async def open_desk(server: IonfluxServer) -> Desk:
    owner = await server.person("Ann")
    page = await owner.page(await owner.workspace(), "Launch")
    desk = Desk(server, owner, page, "")
    desk.block_id = await desk.add("text", paragraphs("Start: "))
    return desk


def text_of(page: Page, number: int = 0) -> Locator:
    """Return the editor of a text."""
    return page.get_by_role("textbox", name="Text", exact=True).nth(number)


async def begin_at_the_end(page: Page) -> None:
    await text_of(page).click()
    await page.keyboard.press("Control+End")


async def written(desk: Desk, page: Page) -> str:
    """Return the page's texts as the server has them."""
    answer = await page.request.get(f"/v1/pages/{desk.page.id}/markdown")
    text: str = (await answer.json())["markdown"]
    return text[text.index("Start:") :]


async def test_two_people_and_an_agent_write_on_one_page_and_nothing_is_lost(
    visitors: Visitors, ionflux: IonfluxServer
):
    desk = await open_desk(ionflux)
    bob = await desk.member("Bob")
    anns = await visitors.page_of(desk.owner, desk.path)
    bobs = await visitors.page_of(bob, desk.path)
    await begin_at_the_end(anns)
    await begin_at_the_end(bobs)
    await expect(anns.locator(".caret-name")).to_have_text("Bob")
    key = await key_of(desk.owner, desk.page.workspace_id, "pages:write")
    async with connected(ionflux, key) as agent:
        await asyncio.gather(
            anns.keyboard.type("a" * LETTERS, delay=5),
            bobs.keyboard.type("b" * LETTERS, delay=5),
            agent.call_tool("add_text", {"page_id": desk.page.id, "markdown": "The agent was here."}),
        )
        await expect(anns.get_by_role("list", name="Who is here")).to_contain_text("Ann (Claude)")
    for page in (anns, bobs):
        await expect(page.get_by_text("The agent was here.")).to_be_visible()
        await expect(text_of(page)).to_contain_text("a" * 3)
        await expect(text_of(page)).to_contain_text("b" * 3)
    await expect_letters(desk, anns, bobs)
    # What one takes back is one's own.
    await anns.keyboard.press("Control+z")
    await expect(text_of(bobs)).not_to_contain_text("aaa")
    await anns.keyboard.press("Control+y")
    await expect(text_of(bobs)).to_contain_text("aaa")
    await expect_letters(desk, anns, bobs)


async def expect_letters(desk: Desk, *pages: Page) -> None:
    """Wait until all pages show all that was typed, and the server has it."""
    for page in pages:
        await page.wait_for_function(
            """([letters]) => {
                const text = document.querySelector('.ProseMirror').cloneNode(true);
                text.querySelectorAll('.caret').forEach((caret) => caret.remove());
                return ['a', 'b'].every((letter) => text.textContent.slice(7).split(letter).length > letters);
            }""",
            arg=[LETTERS],
        )
    count: Counter[str] = Counter()
    for _ in range(100):
        count = Counter((await written(desk, pages[0])).partition("\n")[0].removeprefix("Start: "))
        if count == {"a": LETTERS, "b": LETTERS}:
            return
        await asyncio.sleep(0.1)  # the server has it when the pages have sent it: nothing tells of that here
    raise AssertionError(count)
