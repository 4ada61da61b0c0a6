"""A workspace in which people talk and agents work, as browsers find it."""

from dataclasses import dataclass
from typing import Any

from playwright.async_api import Locator, Page

from tests.services.ionflux import Document, IonfluxServer, Person
from tests.services.models import ModelServer
from tests.web.visitors import Visitors

MODEL: dict[str, Any] = {
    "id": "small",
    "context_tokens": 100_000,
    "max_output_tokens": 4096,
    "input_price": 1.0,
    "output_price": 2.0,
    "grade": 3,
    "abilities": ["tools", "structured"],
}
YAML = "llm: {provider: Stand-in, model: small}\ngrant: {scopes: ['*:write']}\n"


@dataclass
class Room:
    """A channel, its owner, and who comes in."""

    server: IonfluxServer
    visitors: Visitors
    ann: Person
    channel: Document

    @property
    def workspace(self) -> str:
        """Its path in the API."""
        return f"/v1/workspaces/{self.channel.workspace_id}"

    async def member(self, name: str) -> Person:
        """Register somebody and make them a member."""
        person = await self.server.person(name)
        await self.ann.invite(self.channel.workspace_id, person, "member")
        return person

    async def enter(self, person: Person, **options: Any) -> Page:
        """Open the channel in a browser of somebody's own."""
        path = f"/w/{self.channel.workspace_id}/c/{self.channel.id}"
        page = await self.visitors.page_of(person, path, **options)
        await field(page).wait_for()
        return page

    async def agent(
        self, models: ModelServer, name: str = "Writer", yaml: str = "tools: {allowed: null}\n"
    ) -> str:
        """Make an agent that thinks with the stand-in; return its id."""
        provider = {"name": "Stand-in", "base_url": models.url, "models": [MODEL]}
        await self.ann.post(f"{self.workspace}/llm-providers", provider)
        body = {
            "agent_definition_id": "agent_research_assistant",
            "name": name,
            "yaml_config": YAML + yaml,
        }
        return (await self.ann.post(f"{self.workspace}/agents", body))["id"]


async def open_room(server: IonfluxServer, visitors: Visitors) -> Room:
    """Make a workspace with a channel."""
    ann = await server.person("Ann")
    return Room(server, visitors, ann, await ann.channel(await ann.workspace()))


def field(page: Page) -> Locator:
    """Return where one writes to the channel."""
    return page.get_by_label("Message general")


async def say(page: Page, text: str) -> None:
    """Write a message and send it."""
    await field(page).fill(text)
    await page.keyboard.press("Enter")


def message(page: Page, text: str) -> Locator:
    """Return the message that says something."""
    return page.get_by_role("article").filter(has_text=text)
