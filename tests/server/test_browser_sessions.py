"""Sessions in a cookie: what a browser's page may, and what another site's may not."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from http.cookies import SimpleCookie
from typing import Any

import msgspec
import pytest

from server.app import create_app
from server.bootstrap import Services
from server.browser_sessions import BrowserSessions
from tests.server.api import PASSWORD, Api, open_api
from tests.server.conftest import Clock

ORIGIN = "https://flux.example"


@asynccontextmanager
async def browser_of(services: Services, public_url: str) -> AsyncGenerator[Api]:
    """Give a caller that keeps cookies."""
    sessions = BrowserSessions(b"k" * 32, public_url=public_url, origins=["https://app.example", "*"])
    changed = msgspec.structs.replace(services, browser_sessions=sessions)
    async with open_api(create_app(changed)) as api:
        api.client.base_url = public_url
        yield api


@pytest.fixture
async def browser(services: Services, ann: Api) -> AsyncIterator[Api]:
    async with browser_of(services, ORIGIN) as api:
        yield api


async def sign_in(browser: Api) -> dict[str, str]:
    """Sign in and return the header that changes need."""
    answer = await browser.post(
        "/v1/auth/browser-session", {"email": "ann@example.com", "password": PASSWORD}
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["user"]["email"] == "ann@example.com"
    return {"X-CSRF-Token": answer.json()["csrf_token"]}


async def create(browser: Api, headers: dict[str, str]) -> Any:
    return await browser.post("/v1/workspaces", {"name": "Mine"}, headers=headers)


async def test_the_cookie_signs_in_and_no_script_reads_it(browser: Api):
    answer = await browser.post(
        "/v1/auth/browser-session", {"email": "ann@example.com", "password": PASSWORD}
    )
    (cookie,) = SimpleCookie(answer.headers["set-cookie"]).values()
    assert cookie.key == "__Host-ionflux_session"
    assert (cookie["httponly"], cookie["secure"], cookie["samesite"]) == (True, True, "Lax")
    assert (cookie["path"], cookie["domain"]) == ("/", "")
    assert int(cookie["max-age"]) == pytest.approx(30 * 86400, abs=5)
    assert cookie.value not in answer.text
    assert (await browser.get("/v1/me")).json()["name"] == "Ann"


async def test_a_cookie_over_plain_http_is_not_secure(services: Services, ann: Api):
    async with browser_of(services, "http://flux.example:8000") as browser:
        await sign_in(browser)
        assert [cookie.name for cookie in browser.client.cookies.jar] == ["ionflux_session"]
        assert (await browser.get("/v1/me")).status_code == 200


async def test_a_wrong_password_sets_no_cookie(browser: Api):
    body = {"email": "ann@example.com", "password": "wrong horse"}
    answer = await browser.post("/v1/auth/browser-session", body)
    assert (answer.status_code, "set-cookie" in answer.headers) == (401, False)


async def test_a_change_needs_the_token_of_this_session(browser: Api):
    token = await sign_in(browser)
    assert (await create(browser, token)).status_code == 201
    for headers in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": "0" * 64}, {"X-CSRF-Token": "\xff"}):
        answer = await create(browser, {k: v.encode("latin-1") for k, v in headers.items()})  # pyright: ignore[reportArgumentType]
        assert (answer.status_code, answer.json()["code"]) == (403, "csrf_refused")
    other = await sign_in(browser)
    assert (await create(browser, token)).status_code == 403, "it is the session before"
    assert (await create(browser, other)).status_code == 201


@pytest.mark.parametrize(
    ("origin", "status"),
    [(ORIGIN, 201), ("https://app.example", 201), ("https://evil.example", 403), ("null", 403), ("*", 403)],
)
async def test_a_change_comes_from_a_page_of_ours(browser: Api, origin: str, status: int):
    headers = await sign_in(browser)
    assert (await create(browser, {**headers, "Origin": origin})).status_code == status


async def test_a_page_that_is_loaded_anew_gets_the_token_again(browser: Api):
    headers = await sign_in(browser)
    again = (await browser.get("/v1/auth/browser-session")).json()
    assert again["csrf_token"] == headers["X-CSRF-Token"]


async def test_signing_out_ends_the_session_and_the_cookie(browser: Api):
    headers = await sign_in(browser)
    kept = browser.client.cookies["__Host-ionflux_session"]
    assert (await browser.request("DELETE", "/v1/auth/browser-session")).status_code == 403
    answer = await browser.request("DELETE", "/v1/auth/browser-session", headers=headers)
    assert answer.status_code == 204
    assert not browser.client.cookies
    stolen = {"Cookie": f"__Host-ionflux_session={kept}"}
    assert (await browser.get("/v1/me", headers=stolen)).status_code == 401


async def test_a_browsers_session_is_listed_and_ended_like_others(browser: Api, ann: Api):
    await sign_in(browser)
    *_, newest = (await ann.get("/v1/me/sessions")).json()["items"]
    await ann.delete(f"/v1/me/sessions/{newest['id']}")
    assert (await browser.get("/v1/me")).status_code == 401


async def test_a_browsers_session_ends_by_itself(browser: Api, clock: Clock):
    await sign_in(browser)
    clock.forward(days=29)
    assert (await browser.get("/v1/me")).status_code == 200
    clock.forward(days=2)
    assert (await browser.get("/v1/me")).status_code == 401


@pytest.mark.parametrize("value", ["", "x", "ifb_" + "0" * 32 + "_" + "a" * 43, '"', "a=b; c", "\x00"])
async def test_a_cookie_that_is_none_of_ours_is_nothing(browser: Api, value: str):
    headers = {"Cookie": f"__Host-ionflux_session={value}".encode()}
    assert (await browser.get("/v1/me", headers=headers)).status_code == 401  # pyright: ignore[reportArgumentType]


async def test_a_header_wins_over_the_cookie(browser: Api):
    await sign_in(browser)
    answer = await browser.get("/v1/me", headers={"Authorization": "Bearer x"})
    assert answer.status_code == 401
