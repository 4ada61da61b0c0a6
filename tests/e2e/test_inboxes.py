"""Live inboxes on a real server: theirs alone, written by the server alone, changed within two seconds."""

import time
from typing import Any

import httpx2
import pytest

from tests.clients.client import WIRES, NodeClient, Wire
from tests.services.ionflux import IonfluxServer, Person
from tests.services.studio import Studio

pytestmark = pytest.mark.node

LIVE_SECONDS = 2.0


async def ask(person: Person, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Send a request that has to succeed."""
    async with httpx2.AsyncClient(base_url=person.server.url, timeout=30) as http:
        headers = {"Authorization": f"Bearer {person.token}"}
        answer = await http.request(method, path, headers=headers, json=body)
    assert answer.is_success, answer.text
    return answer.json() if answer.content else {}


async def share(studio: Studio, person: Person) -> None:
    """Share a new page with somebody, which they are told."""
    page = await studio.owner.page(studio.page.workspace_id, "Shared")
    body = {"email": person.email, "level": "read"}
    await studio.owner.post(f"/v1/pages/{page.id}/grants", body)


def inbox_of(person: Person) -> str:
    return f"inbox:{person.user_id}"


async def refused(client: NodeClient) -> None:
    if client.wire == "y-websocket":
        assert (await client.event("terminal"))["code"] == 4403
    else:
        await client.event("authenticationFailed")
    assert await client.state_vector() == {}


@pytest.mark.parametrize("wire", WIRES)
async def test_an_inbox_changes_while_one_looks(studio: Studio, wire: Wire) -> None:
    bob = await studio.member("Bob")
    inbox = await studio.join(wire, bob, document=inbox_of(bob))
    await inbox.map("meta").equals({"unread": 1})  # that he was added to the workspace

    began = time.monotonic()
    await share(studio, bob)
    await inbox.map("meta").equals({"unread": 2})
    assert time.monotonic() - began < LIVE_SECONDS
    listed = (await ask(bob, "GET", "/v1/notifications"))["items"]
    shown = await inbox.map("notifications").read()
    assert sorted(shown) == sorted(one["id"] for one in listed)
    for one in listed:
        assert shown[one["id"]] == one

    began = time.monotonic()
    await ask(bob, "POST", f"/v1/notifications/{listed[0]['id']}/read")
    await inbox.map("meta").equals({"unread": 1})
    await ask(bob, "POST", "/v1/notifications/read", {})
    await inbox.map("meta").equals({"unread": 0})
    assert time.monotonic() - began < 2 * LIVE_SECONDS
    await inbox.map("counts").equals({})


@pytest.mark.parametrize("wire", WIRES)
async def test_what_changed_while_nobody_looked_is_there(studio: Studio, wire: Wire) -> None:
    bob = await studio.member("Bob")
    for count in (1, 2):
        inbox = await studio.join(wire, bob, document=inbox_of(bob))
        await inbox.map("meta").equals({"unread": count})
        await inbox.destroy()
        await share(studio, bob)
    phone = await studio.join(wire, bob, document=inbox_of(bob))
    await phone.map("meta").equals({"unread": 3})
    # The writer's client id and the epoch's: the document does not grow with each visit.
    assert len(await phone.state_vector()) == 2


@pytest.mark.parametrize("wire", WIRES)
async def test_A1_an_inbox_is_its_owners_alone(studio: Studio, wire: Wire) -> None:
    bob = await studio.member("Bob")
    for stranger in (studio.owner, await studio.server.person("Eve")):
        await refused(await studio.open(wire, stranger, document=inbox_of(bob)))
    path = f"/v1/workspaces/{studio.page.workspace_id}/api-keys"
    key = await bob.post(path, {"name": "Robot", "scopes": ["*:write"]})
    await refused(await studio.open(wire, document=inbox_of(bob), token=key["key"]))


@pytest.mark.parametrize("wire", WIRES)
async def test_A1_only_the_server_writes_an_inbox(studio: Studio, wire: Wire) -> None:
    bob = await studio.member("Bob")
    inbox = await studio.join(wire, bob, document=inbox_of(bob))
    await inbox.map("meta").equals({"unread": 1})
    if wire == "hocuspocus":
        assert inbox.all_events("authenticated")[0]["scope"] == "readonly"
    await inbox.map("meta").set("unread", 1000)
    await share(studio, bob)
    fresh = await studio.join(wire, bob, document=inbox_of(bob))
    await fresh.map("meta").equals({"unread": 2})
    if wire == "y-websocket":
        assert len(studio.clients.take_console()) == 1  # the provider warns of the refusal


@pytest.mark.parametrize("wire", WIRES)
async def test_A3_a_deactivated_account_loses_its_inbox(studio: Studio, wire: Wire) -> None:
    bob = await studio.member("Bob")
    inbox = await studio.join(wire, bob, document=inbox_of(bob))
    await ask(bob, "POST", "/v1/me/deactivate", {"password": "correct horse battery"})
    await inbox.event("terminal" if wire == "y-websocket" else "authenticationFailed")


async def test_D7_an_inbox_that_begins_anew_is_filled_again(own_studio: Studio) -> None:
    bob = await own_studio.member("Bob")
    inbox = await own_studio.join("hocuspocus", bob, document=inbox_of(bob))
    await inbox.map("meta").equals({"unread": 1})
    code, said = await own_studio.server.run("document", "reset", inbox_of(bob))
    assert code == 0, said
    await inbox.destroy()
    fresh = await own_studio.join("hocuspocus", bob, document=inbox_of(bob))
    await fresh.map("meta").equals({"unread": 1})


async def test_N1_R6_an_inbox_that_two_processes_serve_says_the_same(
    own_studio: Studio, own_ionflux: IonfluxServer
) -> None:
    bob = await own_studio.member("Bob")
    beside = own_ionflux.beside("second")
    beside.start()
    try:
        other = Studio(beside, own_studio.clients, own_studio.owner, own_studio.page)
        desk = await own_studio.join("hocuspocus", bob, document=inbox_of(bob))
        phone = await other.join("y-websocket", bob, document=inbox_of(bob))
        for count in range(2, 5):
            await share(own_studio, bob)
            await desk.map("meta").equals({"unread": count})
            await phone.map("meta").equals({"unread": count})
        await ask(bob, "POST", "/v1/notifications/read", {})
        await desk.map("meta").equals({"unread": 0})
        await phone.map("meta").equals({"unread": 0})
        await desk.converged(phone)
        assert await beside.terminate() == 0
        assert await own_ionflux.terminate() == 0
    finally:
        beside.close()
