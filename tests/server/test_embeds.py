"""Embeds: whoever writes an address into a block, the server says what is there, and overwrites nobody."""

import asyncio
from typing import Any

import msgspec
import pycrdt
import pytest

from blocks.page import read_block
from blocks.page_edits import Stamp, add_block, change_block
from crdt.ports import DocumentName, Principal, PrincipalId
from server.bootstrap import Services
from server.embeds import PLAIN_KEPT
from server.settings import Settings
from tests.server.api import Api
from tests.server.conftest import Clock
from tests.services.site import Site
from tests.waiting import until

PAGE = "<title>Found</title><meta property=og:site_name content=Site><link rel=icon href=/i.png>"


@pytest.fixture
def allow_private_addresses() -> bool:
    """Whether the sites of the tests, which are on this machine, may be asked."""
    return True


@pytest.fixture
def settings(settings: Settings, *, allow_private_addresses: bool) -> Settings:
    return msgspec.structs.replace(
        settings, link_previews=True, allow_private_addresses=allow_private_addresses
    )


async def resolved(ann: Api, page: dict[str, Any], block_id: str, url: str) -> dict[str, Any]:
    """Wait until the server has looked at a block's address; return its content."""

    async def look() -> dict[str, Any] | None:
        blocks = (await ann.get(f"/v1/pages/{page['id']}/blocks")).json()["items"]
        (content,) = [block["content"] for block in blocks if block["id"] == block_id]
        return content if content["resolved_url"] == url else None

    return await until(look)


async def test_a_preview_is_given_and_kept(ann: Api, bob: Api, site: Site, clock: Clock):
    url = site.has("/page", PAGE)
    for who in (ann, bob):
        answer = await who.post("/v1/embeds/resolve", {"url": url})
        assert answer.json() == {
            "url": url,
            "title": "Found",
            "provider": "Site",
            "html": "",
            "thumbnail_url": f"{site.url}/i.png",
            "is_found": True,
        }
    assert site.asked == ["/page"], "it is asked once for everybody"
    away = {"url": f"{site.url}/away"}
    for _ in range(2):
        assert (await ann.post("/v1/embeds/resolve", away)).json()["is_found"] is False
    assert site.asked == ["/page", "/away"], "and so is a site that fails"
    site.has("/away", PAGE)
    clock.forward(seconds=PLAIN_KEPT.total_seconds() + 1)
    token = await ann.post("/v1/auth/refresh", {"refresh_token": ann.refresh_token})
    ann = ann.signed_in(token.json())
    assert (await ann.post("/v1/embeds/resolve", away)).json()["is_found"] is True
    refused = await ann.post("/v1/embeds/resolve", {"url": "javascript:alert(1)"})
    assert refused.status_code == 422


async def test_many_who_ask_at_once_ask_once(ann: Api, site: Site):
    url = site.has("/page", PAGE)
    answers = await asyncio.gather(*(ann.post("/v1/embeds/resolve", {"url": url}) for _ in range(5)))
    assert {answer.json()["title"] for answer in answers} == {"Found"}
    assert site.asked == ["/page"]


async def test_a_block_by_rest_is_told_what_is_there(ann: Api, workspace: str, site: Site):
    page = await ann.made(f"{workspace}/pages", {"title": "Page"})
    url = site.has("/page", PAGE)
    body = {"type": "embed_panel", "content": {"url": url}}
    block = await ann.made(f"/v1/pages/{page['id']}/blocks", body)
    content = await resolved(ann, page, block["id"], url)
    assert (content["title"], content["provider"]) == ("Found", "Site")
    assert content["thumbnail_url"] == f"{site.url}/i.png"
    # Another address: what the server found goes, and what the site is called with it.
    other = site.has("/other", "<title>Other</title>")
    changed = await ann.patch(f"/v1/blocks/{block['id']}", {"content": {"url": other}})
    assert changed.status_code == 200, changed.text
    content = await resolved(ann, page, block["id"], other)
    assert (content["title"], content["provider"], content["thumbnail_url"]) == ("Other", "127.0.0.1", None)
    # A title that somebody wrote stays, whatever the next site is called.
    await ann.patch(f"/v1/blocks/{block['id']}", {"content": {"title": "Mine", "url": url}})
    content = await resolved(ann, page, block["id"], url)
    assert (content["title"], content["found_title"]) == ("Mine", "Found")
    # And a site that is away gives a plain link.
    away = f"{site.url}/away"
    await ann.patch(f"/v1/blocks/{block['id']}", {"content": {"url": away}})
    content = await resolved(ann, page, block["id"], away)
    assert (content["title"], content["html"], content["found_title"]) == ("Mine", "", "")
    forged = await ann.patch(f"/v1/blocks/{block['id']}", {"content": {"resolved_url": away}})
    assert forged.status_code == 422


@pytest.mark.parametrize("allow_private_addresses", [Settings().allow_private_addresses])
async def test_a_site_in_the_servers_own_network_is_never_asked(ann: Api, workspace: str, site: Site):
    page = await ann.made(f"{workspace}/pages", {"title": "Page"})
    url = site.has("/page", PAGE)
    block = await ann.made(f"/v1/pages/{page['id']}/blocks", {"type": "embed_panel", "content": {"url": url}})
    content = await resolved(ann, page, block["id"], url)
    assert (content["title"], content["provider"], content["html"]) == ("", "127.0.0.1", "")
    assert (content["found_title"], content["thumbnail_url"]) == ("", None)
    assert (await ann.post("/v1/embeds/resolve", {"url": url})).json()["is_found"] is False
    assert site.asked == []


async def test_a_block_by_the_document_is_told_too_and_an_edit_meanwhile_wins(
    ann: Api, services: Services, workspace: str, site: Site
):
    page = await ann.made(f"{workspace}/pages", {"title": "Page"})
    url, other = site.has("/page", PAGE), site.has("/other", "<title>Other</title>")
    who = Principal(id=PrincipalId(f"user:{ann.user['id']}"), name="Ann")
    site.may_answer.clear()

    def content(doc: "pycrdt.Doc[Any]") -> dict[str, Any]:
        return read_block(doc, "one").content

    async def is_asked() -> bool:
        return bool(site.asked)

    async with services.hub.join(DocumentName(page["document"]), who) as replica:

        async def is_titled() -> bool:
            return content(replica.doc)["title"] != ""

        stamp = Stamp("2026-05-04T12:00:00Z", who.id)
        add_block(replica.doc, "one", "embed_panel", {"url": url}, stamp=stamp)
        await replica.saved()
        await until(is_asked)
        change_block(replica.doc, "one", patch={"url": other})
        await replica.saved()
        site.may_answer.set()
        await until(is_titled)
        found = content(replica.doc)
        assert (found["url"], found["resolved_url"], found["title"]) == (other, other, "Other")
