"""The page to work in as the server hands it out: one document, and files for ever, compressed."""

import gzip
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware

from server.middleware.problems import ProblemsMiddleware
from server.rest.web_page import web_page_routes

SCRIPT = b"console.log('a page')"


@pytest.fixture
def built(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>IONFLUX</title>")
    (tmp_path / "secret.txt").write_text("not for the world")
    (tmp_path / "assets" / "index-4f.js").write_bytes(SCRIPT)
    (tmp_path / "assets" / "index-4f.js.gz").write_bytes(gzip.compress(SCRIPT))
    (tmp_path / "assets" / "index-4f.js.br").write_bytes(b"as brotli would have it")
    return tmp_path


@asynccontextmanager
async def open_page(folder: Path) -> AsyncGenerator[httpx2.AsyncClient]:
    app = Starlette(routes=web_page_routes(folder), middleware=[Middleware(ProblemsMiddleware)])
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        client.headers["accept-encoding"] = "identity"
        yield client


@pytest.mark.parametrize(
    "path", ["/", "/w", "/w/01/p/02", "/w/01/settings/members", "/sign-in", "/sign-up", "/account"]
)
async def test_every_address_of_the_page_is_the_same_document(built: Path, path: str):
    async with open_page(built) as client:
        answer = await client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.headers["cache-control"] == "no-cache"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [("gzip, br", "br"), ("gzip", "gzip"), ("br;q=0, gzip", "gzip"), ("identity", None), ("", None)],
)
async def test_a_file_may_be_kept_for_ever_and_comes_as_compressed_as_one_takes_it(
    built: Path, accepted: str, coding: str | None
):
    headers = {"accept-encoding": accepted}
    async with (
        open_page(built) as client,
        client.stream("GET", "/assets/index-4f.js", headers=headers) as answer,
    ):
        body = b"".join([part async for part in answer.aiter_raw()])
    assert answer.headers.get("content-encoding") == coding
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert coding != "gzip" or gzip.decompress(body) == SCRIPT
    assert coding is not None or body == SCRIPT


@pytest.mark.parametrize(
    "path", ["/assets/other.js", "/assets/..%2fsecret.txt", "/assets/%2e%2e%5csecret.txt"]
)
async def test_nothing_else_is_given_out(built: Path, path: str):
    async with open_page(built) as client:
        assert (await client.get(path)).status_code == 404


async def test_where_nothing_was_built_one_is_led_to_the_documentation(tmp_path: Path):
    async with open_page(tmp_path) as client:
        start = await client.get("/")
        assert (start.status_code, start.headers["location"]) == (307, "/docs")
        assert (await client.get("/w/01")).status_code == 404
        account = await client.get("/account")  # mails lead there
    assert account.status_code == 200
    assert '<script src="/account/page.js">' in account.text
    assert "script-src 'self'" in account.headers["content-security-policy"]
