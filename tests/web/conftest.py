"""One browser and one built page for all tests of this folder, which share a loop for it.

async def test_...(visitors: Visitors, ionflux: IonfluxServer):
    ann = await ionflux.person("Ann")
    page = await visitors.page_of(ann)
    await expect(page.get_by_role("heading", name="...")).to_be_visible()
"""

from collections.abc import AsyncIterator, Generator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect

from tests.web.chromium import ARGUMENTS, build_page, unpack_browser
from tests.web.visitors import Visitors

PATIENCE_SECONDS = 30.0
"""How long a page may take on a machine that does much else; nothing here is a measure of speed."""

_FOLDER = Path(__file__).parent
_failed = pytest.StashKey[bool]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _FOLDER in item.path.parents and isinstance(item, pytest.Function):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        item.stash[_failed] = True
    return report


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """The browser, once the page is built that it is to open."""
    build_page()
    expect.set_options(timeout=PATIENCE_SECONDS * 1000)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=unpack_browser(), args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def visitors(
    browser: Browser, request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[Visitors]:
    """People with a browser. When a test fails, the pictures of their pages are in its folder."""
    visitors = Visitors(browser)
    yield visitors
    if request.node.stash.get(_failed, False):
        print(*await visitors.photograph(tmp_path), sep="\n")
    await visitors.close()
