"""`python -m bench.page`: the page in a real browser: its first load, and panning a canvas of 500 blocks.

A load begins with nothing kept. It ends when the workspace can be used; how long it takes until a page's text
is there as well is told besides. What has come by then that the editor is not part of is what was asked for
before the editor's own chunk. To pan is to turn the wheel once for each frame, there and back.
"""

import asyncio
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from playwright.async_api import Browser, Page, async_playwright

from bench.machine import describe_machine, describe_software
from bench.results import put_section
from blocks.page_edits import add_block
from tests.services.ionflux import IonfluxServer
from tests.web.chromium import ARGUMENTS, build_page, unpack_browser
from tests.web.desk import Desk, document_of, open_desk, paragraphs
from tests.web.visitors import Visitors

REPEATS = 5
BLOCKS = 500
MOST_SECONDS = 1.5
MOST_KILOBYTES = 400
LEAST_FRAMES = 30
EDITOR = "/assets/PageView-"

_LOADED = """(selector) => document.querySelector(selector) && performance.now() / 1000"""

_PAN = """(frames) => new Promise((resolve) => {
    const pane = document.querySelector('.react-flow__pane');
    const times = [];
    const step = (now) => {
        times.push(now);
        if (times.length > frames) return resolve(times.slice(1).map((time, index) => time - times[index]));
        const way = times.length % (frames / 2) < frames / 4 ? 1 : -1;
        const wheel = { deltaX: 25 * way, deltaY: 40 * way, clientX: 700, clientY: 400 };
        pane.dispatchEvent(new WheelEvent('wheel', { ...wheel, bubbles: true, cancelable: true }));
        requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
})"""
_FRAMES = 120

Row = tuple[str, list[float], float | None, bool]
"""What was measured, each time, its limit, and whether that is the least."""


async def measure(server: IonfluxServer) -> list[Row]:
    """Measure everything, repeatedly."""
    desk = await open_desk(server)
    big = await _big_page_of(desk)
    async with _browser() as browser:
        loads = [await _load(browser, desk) for _ in range(REPEATS)]
        visitors = Visitors(browser)
        page = await visitors.page_of(desk.owner, big.path)
        await page.get_by_role("button", name="Canvas", exact=True).click()
        await page.locator(".far-type").first.wait_for()
        far = [await page.evaluate(_PAN, _FRAMES) for _ in range(REPEATS)]
        for _ in range(12):
            await page.get_by_role("button", name="Zoom in").click()
        await page.locator(".react-flow__node .prose").first.wait_for()
        near = [await page.evaluate(_PAN, _FRAMES) for _ in range(REPEATS)]
        await visitors.close()
    return [
        ("first load until the workspace can be used, s", [load[0] for load in loads], MOST_SECONDS, False),
        ("first load until a page's text is there, s", [load[1] for load in loads], None, False),
        ("loaded before the editor's own chunk, kB", [load[2] for load in loads], MOST_KILOBYTES, False),
        *_rows_of_frames(f"{BLOCKS} blocks in sight", far),
        *_rows_of_frames(f"{BLOCKS} blocks, near enough to read", near),
    ]


def _rows_of_frames(what: str, runs: list[list[float]]) -> list[Row]:
    rates = [1000 * len(run) / sum(run) for run in runs]
    return [
        (f"panning {what}, frames a second", rates, LEAST_FRAMES, True),
        (f"panning {what}, longest frame, ms", [max(run) for run in runs], None, False),
    ]


async def _load(browser: Browser, desk: Desk) -> tuple[float, float, float]:
    """Open a page for the first time; return the seconds to the workspace, to the text, and the kilobytes."""
    visitors = Visitors(browser)
    page = await visitors.page_of(desk.owner, "/healthz")  # signs in, and loads nothing of the page
    traffic = await _watch_traffic(page)
    await page.goto(desk.path, wait_until="commit")
    usable = await _seconds_until(page, ".sidebar-row")
    read = await _seconds_until(page, ".document .prose")
    before = sum(traffic.values())
    await visitors.close()
    return usable, read, before / 1000


async def _seconds_until(page: Page, selector: str) -> float:
    found = await page.wait_for_function(_LOADED, arg=selector, polling="raf")
    return await found.json_value()


async def _watch_traffic(page: Page) -> dict[str, float]:
    """Follow what comes, as many bytes as it has on the wire, of what is asked for before the editor."""
    session = await page.context.new_cdp_session(page)
    traffic: dict[str, float] = {}
    is_open = True

    def asked(event: dict[str, Any]) -> None:
        nonlocal is_open
        is_open = is_open and EDITOR not in event["request"]["url"]
        if is_open:
            traffic[event["requestId"]] = 0

    def came(event: dict[str, Any]) -> None:
        if event["requestId"] in traffic:
            traffic[event["requestId"]] = event["encodedDataLength"]

    session.on("Network.requestWillBeSent", asked)
    session.on("Network.loadingFinished", came)
    await session.send("Network.enable")  # pyright: ignore[reportUnknownMemberType] - its answers have no types
    return traffic


async def _big_page_of(desk: Desk) -> Desk:
    page = await desk.owner.page(desk.page.workspace_id, "Big")
    big = Desk(desk.server, desk.owner, page, "")
    async with document_of(big) as (doc, stamp):
        for number in range(BLOCKS):
            words = paragraphs(f"Block {number}", "Some words that fill it. " * 8)
            add_block(doc, f"b{number}", "text", words, stamp=stamp)
    return big


@asynccontextmanager
async def _browser() -> AsyncGenerator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=unpack_browser(), args=ARGUMENTS)
        yield browser
        await browser.close()


def report(rows: list[Row]) -> str:
    """Return the section of the results."""
    now = datetime.now(UTC)
    lines = [
        "# The page in a browser",
        "",
        f"- {now:%Y-%m-%d %H:%M} UTC, `python -m bench.page`, each {REPEATS} times, browser and server on it",
        f"- {describe_machine()}",
        f"- {describe_software()}",
        "- Chromium without a graphics card, 1280 x 800",
        "",
        "| Median (least to most) | Figure | Limit | |",
        "|---|---:|---:|---|",
    ]
    for what, values, limit, is_least in rows:
        figure = f"{median(values):.3g} ({min(values):.3g}–{max(values):.3g})"
        bound = "" if limit is None else f"at {'least' if is_least else 'most'} {limit:g}"
        verdict = "" if limit is None else ("met" if _is_met(values, limit, is_least) else "**not met**")
        lines.append(f"| {what} | {figure} | {bound} | {verdict} |")
    return "\n".join(lines)


def _is_met(values: list[float], limit: float, is_least: bool) -> bool:
    return median(values) >= limit if is_least else median(values) <= limit


def main() -> None:
    """Measure, print a table and write it into the results."""
    build_page()
    with tempfile.TemporaryDirectory(prefix="ionflux-bench-") as folder:
        server = IonfluxServer(Path(folder), is_forked=False)
        try:
            server.start()
            rows = asyncio.run(measure(server))
        finally:
            server.close()
    words = report(rows)
    print(words)
    put_section(words)
    if not all(_is_met(values, limit, is_least) for _, values, limit, is_least in rows if limit is not None):
        sys.exit("over the limits")


if __name__ == "__main__":
    main()
