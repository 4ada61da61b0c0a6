"""People with a browser: each has a context of their own, as if at their own machine.

What goes wrong in a page unnoticed, an exception or a refusal of the content security policy, fails the test.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request, ViewportSize

from tests.services.ionflux import PASSWORD, IonfluxServer, Person
from tests.web.cable import Cable
from tests.web.chromium import read_axe

WIDE: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
Scheme = Literal["light", "dark"]
_OF_THE_BROWSER = ("Failed to load resource", "WebSocket connection to")
STARTING = "application/problem+json"
"""A server that starts answers with it, also for a file that a page fetches ahead, and the browser tells."""

SLOW_FRAMES = "() => { window.requestAnimationFrame = (draw) => setTimeout(draw, 1000); }"
"""Makes a browser that has much to do of one that has not."""

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
"""Where pictures for the documentation are; `IONFLUX_PICTURES=1` takes them anew."""


class Visitors:
    """The people of one test."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self._faults: list[str] = []
        self._outside: list[str] = []

    async def page_of(
        self,
        person: Person,
        path: str = "/",
        *,
        viewport: ViewportSize = WIDE,
        scheme: Scheme = "light",
        language: str = "en",
        cable: Cable | None = None,
    ) -> Page:
        """Open a path as somebody who is signed in; through a cable, if there is one."""
        context = await self.context(
            person.server, viewport=viewport, scheme=scheme, language=language, cable=cable
        )
        body = {"email": person.email, "password": PASSWORD}
        answer = await context.request.post("/v1/auth/browser-session", data=body)
        assert answer.ok, await answer.text()
        page = await context.new_page()
        await page.goto(path)
        return page

    async def stranger(
        self,
        server: IonfluxServer,
        path: str = "/",
        *,
        viewport: ViewportSize = WIDE,
        scheme: Scheme = "light",
        language: str = "en",
    ) -> Page:
        """Open a path as somebody who is not signed in."""
        context = await self.context(server, viewport=viewport, scheme=scheme, language=language)
        page = await context.new_page()
        await page.goto(path)
        return page

    async def context(
        self, server: IonfluxServer, *, cable: Cable | None = None, **options: Any
    ) -> BrowserContext:
        """Return a browser of somebody's own, with nothing kept in it."""
        context = await self._browser.new_context(
            base_url=server.url,
            proxy=cable.proxy if cable else None,
            viewport=options.get("viewport", WIDE),
            color_scheme=options.get("scheme", "light"),
            locale={"en": "en-GB", "pt": "pt-BR"}[options.get("language", "en")],
            reduced_motion="reduce",
        )
        self._contexts.append(context)

        def note_request(request: Request) -> None:
            if not request.url.startswith((server.url, "data:", "blob:")):
                self._outside.append(request.url)

        context.on("request", note_request)
        context.on("weberror", lambda error: self._faults.append(str(error.error)))
        context.on("console", self._note_console)
        return context

    async def close(self) -> None:
        """Send all home; fail if a page complained or called elsewhere."""
        for context in self._contexts:
            await context.close()
        assert not self._faults, f"a page complained: {self._faults}"
        assert not self._outside, f"a page called elsewhere: {self._outside}"

    async def photograph(self, folder: Path) -> list[Path]:
        """Take a picture of everything that is open, for whoever wonders why a test failed."""
        taken: list[Path] = []
        for page in (page for context in self._contexts for page in context.pages):
            taken.append(folder / f"page-{len(taken) + 1}.png")
            await page.screenshot(path=taken[-1])
        return taken

    def expect(self, words: str) -> None:
        """Take complaints that have these words as part of the test."""
        self._faults = [fault for fault in self._faults if words not in fault]

    def _note_console(self, message: ConsoleMessage) -> None:
        # The browser itself says that a request was refused; whether that is in order the page knows.
        if message.type == "error" and not message.text.startswith(_OF_THE_BROWSER):
            self._faults.append(message.text)


async def take_picture(page: Page, name: str) -> None:
    """Take a picture for the documentation, when that is asked for."""
    if os.environ.get("IONFLUX_PICTURES"):
        PICTURES.mkdir(exist_ok=True)
        await page.screenshot(path=PICTURES / f"{name}.png")


async def find_barriers(page: Page, *, without: Sequence[str] = ()) -> list[str]:
    """Return what axe-core finds seriously wrong on a page as it is now."""
    await page.evaluate(read_axe())
    options = {
        "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"],
        "resultTypes": ["violations"],
    }
    found = await page.evaluate(
        "([exclude, options]) => axe.run({ exclude }, options)", [[[each] for each in without], options]
    )
    return [
        f"{violation['id']}: {node['target']} {node['failureSummary']}"
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]
