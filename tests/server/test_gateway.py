"""Gateway duties: limits, compression, deadlines, and what is said while stopping."""

import asyncio
import gzip
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from server.app import create_app
from server.bootstrap import Services
from server.errors import RateLimitedError
from server.middleware.compression import CompressionMiddleware
from server.rate_limits import Quota, RateLimits, RequestLimits, network_of
from storage.unit_of_work import UnitOfWork
from tests.server.api import Api, open_api


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One database is enough: nothing here depends on it."""
    return sqlite_url


@asynccontextmanager
async def api_with(services: Services, *, address: str = "192.0.2.1", **other: Any) -> AsyncGenerator[Api]:
    async with open_api(create_app(msgspec.structs.replace(services, **other)), address) as api:
        yield api


def limits(per_address: int, per_principal: int) -> RequestLimits:
    return RequestLimits(RateLimits(), per_address=per_address, per_principal=per_principal)


async def test_an_address_has_a_quota_and_is_told_of_it(services: Services):
    async with api_with(services, request_limits=limits(4, 0)) as api:  # the first is the description's
        for left in (2, 1, 0):
            answer = await api.get("/v1/me")
            assert answer.status_code == 401
            assert answer.headers["ratelimit-policy"] == '"requests-address";q=4;w=60'
            assert answer.headers["ratelimit"].startswith(f'"requests-address";r={left};t=')
        answer = await api.get("/v1/me")
        assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
        assert 0 < int(answer.headers["retry-after"]) <= 60
        assert answer.headers["ratelimit"].startswith('"requests-address";r=0;t=')
        assert (await api.get("/healthz")).status_code == 200


async def test_a_principal_has_a_quota_wherever_it_calls_from(services: Services):
    quota = limits(0, 2)
    async with api_with(services, request_limits=quota) as here:
        ann, bob = await here.sign_up("ann"), await here.sign_up("bob")
        assert (await ann.get("/v1/me")).headers["ratelimit"].startswith('"requests-principal";r=1;')
        async with api_with(services, request_limits=quota, address="192.0.2.2") as there:
            ann.client = there.client
            answers = [await ann.get("/v1/nothing"), await ann.get("/v1/me"), await ann.get("/v1/me")]
        assert [answer.status_code for answer in answers] == [404, 200, 429]
        assert (await bob.get("/v1/me")).status_code == 200


async def test_a_narrower_quota_is_the_one_that_is_told(api: Api):
    answer = await api.post("/v1/auth/login", {"email": "a@b.c", "password": "correct horse"})
    assert answer.status_code == 401
    body = {"email": "d@b.c", "password": "correct horse", "name": "D"}
    answer = await api.post("/v1/auth/register", body)
    assert answer.headers["ratelimit-policy"] == '"login-address";q=100;w=900'


def refuses(limits: RateLimits, quota: Quota, who: str) -> bool:
    try:
        limits.count(quota, who)
    except RateLimitedError:
        return True
    return False


def test_a_window_begins_with_the_first_and_ends_however_often_somebody_is_refused():
    now = 100.0
    counted, quota = RateLimits(lambda: now), Quota("tries", 2, 10, "account")
    assert counted.count(quota, "ann")["RateLimit"] == '"tries";r=1;t=10'
    now = 104.5
    assert counted.count(quota, "ann")["RateLimit"] == '"tries";r=0;t=6'
    now = 109.9
    with pytest.raises(RateLimitedError, match="Try again in 1 seconds") as error:
        counted.count(quota, "ann")
    assert error.value.headers["Retry-After"] == "1"
    assert not refuses(counted, quota, "bob")
    assert not refuses(counted, Quota("others", 2, 10, "account"), "ann")
    now = 110.0
    assert [refuses(counted, quota, "ann") for _ in range(3)] == [False, False, True]
    counted.forget(quota, "ann")
    assert [refuses(counted, quota, "ann") for _ in range(3)] == [False, False, True]


def test_windows_that_have_ended_are_thrown_away_and_no_others():
    now = 0.0
    counted = RateLimits(lambda: now)
    short, long = Quota("short", 1, 10, "address"), Quota("long", 1, 60, "address")
    assert not any(refuses(counted, long, str(each)) for each in range(10))
    for now in (0.0, 10.0, 20.0, 30.0, 40.0):
        assert not any(refuses(counted, short, f"{now} {each}") for each in range(3000))
    assert len(counted) <= 2 * (3000 + 10), "what ended in the last two rounds, and none of those before"
    assert all(refuses(counted, long, str(each)) for each in range(10))


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("testclient", "testclient"),
    ],
)
def test_one_subscriber_is_one_address(address: str, network: str):
    assert network_of(address) == network


async def test_large_json_is_compressed_for_those_who_take_it(api: Api):
    plain = await api.client.get("/openapi.json", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert "Accept-Encoding" in plain.headers["vary"]
    async with api.client.stream("GET", "/openapi.json", headers={"Accept-Encoding": "br, gzip"}) as answer:
        raw = b"".join([chunk async for chunk in answer.aiter_raw()])
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) == len(raw) < len(plain.content) / 4
    assert gzip.decompress(raw) == plain.content


@pytest.mark.parametrize("accepted", ["", "br", "gzip;q=0", "gzip; q=0.0", "gzip-9"])
async def test_nobody_gets_gzip_who_does_not_take_it(api: Api, accepted: str):
    answer = await api.client.get("/openapi.json", headers={"Accept-Encoding": accepted})
    assert "content-encoding" not in answer.headers


async def test_short_answers_and_tokens_are_not_compressed(api: Api, ann: Api):
    short = await ann.get("/v1/me", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in short.headers
    token = await api.post("/v1/auth/login", {"email": "ann@example.com", "password": "correct horse"})
    assert "content-encoding" not in token.headers


async def test_events_pass_as_they_come():
    sent: list[Any] = []
    first_is_sent = asyncio.Event()

    async def events() -> AsyncIterator[bytes]:
        yield b"data: " + b"x" * 2000 + b"\n\n"
        assert sent[-1]["body"].startswith(b"data: "), "the first event waits for the second"
        first_is_sent.set()
        yield b"data: 2\n\n"

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    response = StreamingResponse(events(), media_type="text/event-stream")
    scope = {"type": "http", "path": "/", "headers": [(b"accept-encoding", b"gzip")]}
    await CompressionMiddleware(response)(scope, receive, send)
    assert first_is_sent.is_set()
    assert b"content-encoding" not in dict(sent[0]["headers"])


async def test_json_that_comes_in_parts_passes_as_it_is():
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async def parts() -> AsyncIterator[bytes]:
            yield b"[" + b" " * 5000
            yield b"]"

        await StreamingResponse(parts(), media_type="application/json")(scope, receive, send)

    async with open_plain(CompressionMiddleware(app)) as get:
        answer = await get("/")
    assert "content-encoding" not in answer.headers
    assert answer.json() == []


@asynccontextmanager
async def open_plain(app: Any) -> AsyncGenerator[Any]:
    import httpx2

    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client.get


async def test_a_request_that_takes_too_long_is_undone(services: Services, monkeypatch: pytest.MonkeyPatch):
    async with api_with(services) as patient:
        ann = await patient.sign_up("ann")
        headers = {"Authorization": f"Bearer {ann.token}"}

        async def hang(*anything: object, **more: object) -> None:
            await asyncio.Event().wait()

        monkeypatch.setattr("storage.events.Events.append", hang)
        impatient = msgspec.structs.replace(services.settings, request_timeout_seconds=0.05)
        async with api_with(services, settings=impatient) as api:
            answer = await api.client.post("/v1/workspaces", json={"name": "x"}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (503, "request_timed_out")
        assert answer.headers["retry-after"]
        assert (await ann.get("/v1/workspaces")).json()["items"] == []


async def test_a_server_that_stops_sends_away_with_a_time_to_come_back(services: Services, ann: Api):
    await services.hub.close()
    for path in ("/v1/me", "/readyz", "/openapi.json"):
        answer = await ann.client.get(path, headers={"Authorization": f"Bearer {ann.token}"})
        assert (answer.status_code, answer.json()["code"]) == (503, "stopping")
        assert answer.headers["retry-after"] == "5"
        assert answer.headers["connection"] == "close"
    assert (await ann.get("/healthz")).status_code == 200


@pytest.mark.parametrize(("url", "is_told"), [("https://x.example", True), ("http://x.example", False)])
async def test_browsers_are_held_to_https_where_people_use_it(services: Services, url: str, is_told: bool):
    settings = msgspec.structs.replace(services.settings, public_url=url)
    async with api_with(services, settings=settings) as api:
        assert ("strict-transport-security" in (await api.get("/healthz")).headers) is is_told


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/docs/start.js"])
async def test_the_documentation_refuses_other_methods_in_the_one_form(api: Api, path: str):
    answer = await api.client.post(path)
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize("path", ["//", "//v1/me", "/v1//me", "/%00", "/%FF", "/v1/../v1/me", "/v1/me%2F"])
async def test_odd_paths_lead_nowhere_in_the_one_form(ann: Api, path: str):
    answer = await ann.client.get(f"http://test{path}")
    assert answer.headers["content-type"] == "application/problem+json"
    assert json.loads(answer.content)["status"] == answer.status_code


async def test_a_unit_of_work_is_not_needed_to_be_refused(
    services: Services, monkeypatch: pytest.MonkeyPatch
):
    def fail(*anything: object) -> None:
        raise AssertionError("the database was asked")

    async with api_with(services, request_limits=limits(1, 0)) as api:
        monkeypatch.setattr(UnitOfWork, "__init__", fail)
        assert (await api.get("/v1/me")).status_code == 429
