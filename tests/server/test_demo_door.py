"""The one-click way into the demo account: open on the server's own machine, and in no other case."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from server.app import create_app
from server.bootstrap import Services
from server.data_folder import DEMO_LOGIN
from server.demo_door import DemoDoor, is_own_address
from server.seed import EMAIL, seed
from server.settings import Settings
from tests.server.api import Api, open_api

HOME = "http://127.0.0.1:8000"


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One database is enough: nothing here depends on it."""
    return sqlite_url


@pytest.fixture
async def browser(services: Services, settings: Settings) -> AsyncIterator[Api]:
    await seed(services)
    door = DemoDoor(settings, is_seeding=True)
    app = create_app(msgspec.structs.replace(services, demo_door=door))
    async with open_api(app, "127.0.0.1") as api:
        api.client.base_url = HOME
        api.client.headers["origin"] = HOME
        yield api


async def offers(browser: Api) -> bool:
    return (await browser.get("/v1/auth/options")).json()["demo"]


async def test_one_click_signs_in_to_the_demo_account(browser: Api):
    assert await offers(browser)
    answer = await browser.post("/v1/auth/demo-session")
    assert (answer.status_code, answer.json()["user"]["email"]) == (200, EMAIL)
    headers = {"X-CSRF-Token": answer.json()["csrf_token"]}
    assert (await browser.post("/v1/workspaces", {"name": "Mine"}, headers=headers)).status_code == 201


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "flux.example"},
        {"host": "127.0.0.1.flux.example"},
        {"host": "["},
        {"x-forwarded-for": "127.0.0.1"},
        {"forwarded": "for=127.0.0.1"},
        {"via": "1.1 proxy"},
    ],
)
async def test_a_request_that_came_from_elsewhere_is_refused(browser: Api, headers: dict[str, str]):
    answer = await browser.get("/v1/auth/options", headers=headers)
    assert not answer.json()["demo"]
    assert (await browser.post("/v1/auth/demo-session", headers=headers)).status_code == 404


@pytest.mark.parametrize("origin", ["https://flux.example", "http://127.0.0.1:9000", "null"])
async def test_another_sites_page_opens_nothing(browser: Api, origin: str):
    answer = await browser.post("/v1/auth/demo-session", headers={"origin": origin})
    assert (answer.status_code, "set-cookie" in answer.headers) == (404, False)


async def test_without_the_file_or_with_another_password_there_is_no_way_in(
    browser: Api, settings: Settings, services: Services
):
    async with services.database.transaction() as uow:
        user = await uow.users.find_by_email(EMAIL)
        assert user
        user.password_hash = await services.accounts.hash_password("a new password")
    assert (await browser.post("/v1/auth/demo-session")).status_code == 401
    (settings.data_dir / DEMO_LOGIN).unlink()
    assert not await offers(browser)
    assert (await browser.post("/v1/auth/demo-session")).status_code == 404


@pytest.mark.parametrize(
    ("change", "is_seeding"),
    [
        ({}, False),
        ({"host": "0.0.0.0"}, True),
        ({"host": "192.168.1.5"}, True),
        ({"public_url": "https://flux.example"}, True),
    ],
)
async def test_an_installation_that_others_reach_has_no_such_door(
    services: Services, settings: Settings, change: dict[str, str], is_seeding: bool
):
    await seed(services)
    headers = {"host": "127.0.0.1:8000"}
    assert DemoDoor(settings, is_seeding=True).login_for("127.0.0.1", headers)
    door = DemoDoor(msgspec.structs.replace(settings, **change), is_seeding=is_seeding)
    assert door.login_for("127.0.0.1", headers) is None
    assert DemoDoor(settings, is_seeding=True).login_for("192.168.1.9", headers) is None


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.0.1", "::1"])
def test_own_addresses(host: str):
    assert is_own_address(host)


@pytest.mark.parametrize("host", ["", None, "0.0.0.0", "localhost.example", "unknown", "10.0.0.1"])
def test_addresses_of_others(host: str | None):
    assert not is_own_address(host)
