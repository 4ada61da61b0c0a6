"""A stock Tiptap editor in a real browser, written in by the keyboard; nothing of ours is in it."""

from collections.abc import Sequence
from pathlib import Path

from playwright.async_api import Browser, Page

from tests.clients.client import Wire
from tests.clients.driver import FOLDER, NODE
from tests.web.chromium import ROOT, run

KEY_MILLISECONDS = 30
"""From one key to the next: a third of what a fast typist takes."""


def bundle_editor(folder: Path) -> Path:
    """Write the editor with all its packages into one script; return where it is."""
    script = folder / "stock_editor.js"
    bundler = ROOT / "client-sdk" / "node_modules" / "rolldown" / "bin" / "cli.mjs"
    options = ["--format", "iife", "--name", "stock", "--platform", "browser", "--file", str(script)]
    run([str(NODE), str(bundler), "stock_editor.mjs", *options], {}, FOLDER)
    return script


class StockEditor:
    """One editor, in a browser of somebody's own."""

    def __init__(self, page: Page) -> None:
        self._page = page

    async def put_caret(self, at: int) -> None:
        """Go behind so many characters of the first line, as one does by the keyboard."""
        await self._page.keyboard.press("Control+Home")
        for _ in range(at):
            await self._page.keyboard.press("ArrowRight")

    async def type(self, words: str) -> None:
        """Type letter by letter at the caret."""
        await self._page.keyboard.type(words, delay=KEY_MILLISECONDS)

    async def reads(self, words: str) -> None:
        """Wait until the editor shows this, and nothing else."""
        await self._page.wait_for_function("words => globalThis.editor?.getText() === words", arg=words)


async def open_stock_editor(
    browser: Browser,
    script: Path,
    *,
    wire: Wire,
    port: int,
    document: str,
    token: str | None,
    path: Sequence[str],
) -> StockEditor:
    """Open an editor on the text at a path of a document; what is there already is in it then."""
    page = await browser.new_page()
    await page.add_script_tag(path=script)
    options = {
        "wire": wire,
        "url": f"ws://127.0.0.1:{port}/{'sync' if wire == 'y-websocket' else 'collab'}",
        "document": document,
        "token": token,
        "path": list(path),
    }
    await page.evaluate("options => stock.open(options)", options)
    return StockEditor(page)
