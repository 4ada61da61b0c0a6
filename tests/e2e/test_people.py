"""Keys, grants and share links on a real server: what changes for them reaches open sockets in time."""

import time
from typing import Any

import httpx2
import pytest

from tests.clients.client import WIRES, NodeClient, Wire
from tests.services.ionflux import Person
from tests.services.studio import Studio

pytestmark = pytest.mark.node

SECONDS = 1.0
"""What A3 promises."""


async def ask(person: Person, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Send a request that has to succeed."""
    async with httpx2.AsyncClient(base_url=person.server.url, timeout=30) as http:
        headers = {"Authorization": f"Bearer {person.token}"}
        answer = await http.request(method, path, headers=headers, json=body)
    assert answer.is_success, answer.text
    return answer.json() if answer.content else {}


async def out(client: NodeClient) -> None:
    """Wait until a client knows that it may not read any more."""
    await client.event("terminal" if client.wire == "y-websocket" else "authenticationFailed")


def page_path(studio: Studio) -> str:
    return f"/v1/pages/{studio.page.id}"


async def visit(studio: Studio, **options: Any) -> tuple[str, str]:
    """Make a share link and open it; return its id and the visitor's token."""
    link = await ask(studio.owner, "POST", f"{page_path(studio)}/share-links", options)
    opened = await ask(studio.owner, "POST", "/v1/share-links/open", {"token": link["token"]})
    return link["id"], opened["access_token"]


@pytest.mark.parametrize("wire", WIRES)
async def test_A3_a_revoked_key_is_out_within_a_second(studio: Studio, wire: Wire) -> None:
    keys = f"/v1/workspaces/{studio.page.workspace_id}/api-keys"
    key = await ask(studio.owner, "POST", keys, {"name": "Robot", "scopes": ["pages:write"]})
    robot, ann = await studio.join(wire, token=key["key"]), await studio.join("hocuspocus", name="ann")
    await robot.text("t").insert(0, "beep")
    await ann.text("t").equals("beep")
    await ask(studio.owner, "DELETE", f"{keys}/{key['id']}")
    began = time.monotonic()
    await out(robot)
    assert time.monotonic() - began < SECONDS


@pytest.mark.parametrize("wire", WIRES)
async def test_A3_a_key_ends_with_its_persons_membership(studio: Studio, wire: Wire) -> None:
    bob = await studio.member("Bob")
    keys = f"/v1/workspaces/{studio.page.workspace_id}/api-keys"
    key = await ask(bob, "POST", keys, {"name": "Robot", "scopes": ["pages:write"]})
    robot = await studio.join(wire, token=key["key"])
    members = f"/v1/workspaces/{studio.page.workspace_id}/members"
    await ask(studio.owner, "DELETE", f"{members}/{bob.user_id}")
    began = time.monotonic()
    await out(robot)
    assert time.monotonic() - began < SECONDS


async def test_A2_a_key_for_reading_changes_nothing(studio: Studio) -> None:
    keys = f"/v1/workspaces/{studio.page.workspace_id}/api-keys"
    key = await ask(studio.owner, "POST", keys, {"name": "Robot", "scopes": ["pages:read"]})
    robot = await studio.join("hocuspocus", token=key["key"])
    assert robot.all_events("authenticated")[0]["scope"] == "readonly"


@pytest.mark.parametrize("wire", WIRES)
async def test_A3_a_revoked_link_sends_its_visitors_away(studio: Studio, wire: Wire) -> None:
    link_id, token = await visit(studio, level="write")
    visitor, ann = await studio.join(wire, token=token), await studio.join("hocuspocus", name="ann")
    await visitor.text("t").insert(0, "hello")
    await ann.text("t").equals("hello")
    await ask(studio.owner, "DELETE", f"{page_path(studio)}/share-links/{link_id}")
    began = time.monotonic()
    await out(visitor)
    assert time.monotonic() - began < SECONDS


async def test_A2_a_visitor_with_a_link_for_reading_changes_nothing(studio: Studio) -> None:
    _, token = await visit(studio)
    visitor = await studio.join("hocuspocus", token=token)
    assert visitor.all_events("authenticated")[0]["scope"] == "readonly"


@pytest.mark.parametrize("wire", WIRES)
async def test_A3_a_restriction_sends_those_without_a_grant_away(studio: Studio, wire: Wire) -> None:
    bob = await studio.member("Bob")
    client = await studio.join(wire, bob, name="bob")
    await ask(studio.owner, "PATCH", f"{page_path(studio)}/access", {"mode": "restricted"})
    began = time.monotonic()
    await out(client)
    assert time.monotonic() - began < SECONDS


@pytest.mark.parametrize("wire", WIRES)
async def test_A3_whoever_is_taken_out_of_a_channel_is_out_within_a_second(
    studio: Studio, wire: Wire
) -> None:
    bob = await studio.member("Bob")
    body = {"name": "secret", "type": "private", "member_user_ids": [bob.user_id]}
    channels = f"/v1/workspaces/{studio.page.workspace_id}/channels"
    channel = await ask(studio.owner, "POST", channels, body)
    client = await studio.join(wire, bob, document=channel["document"])
    await ask(studio.owner, "DELETE", f"/v1/channels/{channel['id']}/members/{bob.user_id}")
    began = time.monotonic()
    await out(client)
    assert time.monotonic() - began < SECONDS


@pytest.mark.parametrize("wire", WIRES)
async def test_A3_a_deactivated_account_and_its_keys_are_out_within_a_second(
    studio: Studio, wire: Wire
) -> None:
    bob = await studio.member("Bob")
    keys = f"/v1/workspaces/{studio.page.workspace_id}/api-keys"
    key = await ask(bob, "POST", keys, {"name": "Robot", "scopes": ["pages:write"]})
    client, robot = await studio.join(wire, bob), await studio.join(wire, token=key["key"])
    await ask(bob, "POST", "/v1/me/deactivate", {"password": "correct horse battery"})
    began = time.monotonic()
    await out(client)
    await out(robot)
    assert time.monotonic() - began < SECONDS


async def test_A3_a_grant_lets_a_reader_write_and_its_end_takes_that_back(studio: Studio) -> None:
    gus = await studio.member("Gus", "guest")
    client = await studio.join("hocuspocus", gus, name="gus")
    await ask(studio.owner, "POST", f"{page_path(studio)}/grants", {"email": gus.email, "level": "write"})
    await client.event("authenticated", count=2)
    await ask(studio.owner, "DELETE", f"{page_path(studio)}/grants/{gus.user_id}")
    await client.event("authenticated", count=3)
    scopes = [event["scope"] for event in client.all_events("authenticated")]
    assert scopes == ["readonly", "read-write", "readonly"]


@pytest.mark.parametrize("wire", WIRES)
async def test_A3_a_grant_that_ends_sends_an_outsider_away(studio: Studio, wire: Wire) -> None:
    eve = await studio.server.person("Eve")
    grants = f"{page_path(studio)}/grants"
    await ask(studio.owner, "POST", grants, {"email": eve.email, "level": "write"})
    client = await studio.join(wire, eve, name="eve")
    await ask(studio.owner, "DELETE", f"{grants}/{eve.user_id}")
    began = time.monotonic()
    await out(client)
    assert time.monotonic() - began < SECONDS
