"""Rights on pages beyond roles: restriction, grants and share links, and how they pass down the tree."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from server.bootstrap import Services
from storage.engine import Database
from tests.server.api import Api
from tests.server.conftest import Clock


async def page_of(who: Api, workspace: str, title: str, parent: str | None = None) -> str:
    return (await who.made(f"{workspace}/pages", {"title": title, "parent_page_id": parent}))["id"]


async def restrict(who: Api, page: str, mode: str = "restricted") -> None:
    answer = await who.patch(f"/v1/pages/{page}/access", {"mode": mode})
    assert answer.status_code == 200, answer.text


async def grant(who: Api, page: str, name: str, level: str) -> None:
    await who.made(f"/v1/pages/{page}/grants", {"email": f"{name}@example.com", "level": level})


async def level(who: Api, page: str) -> str:
    answer = await who.get(f"/v1/pages/{page}/access")
    return answer.json()["level"] if answer.status_code == 200 else str(answer.status_code)


async def listed(who: Api, workspace: str) -> set[str]:
    first = (await who.get(f"{workspace}/pages?limit=200")).json()
    return {item["title"] for item in first["items"]}


@pytest.fixture
async def cem(api: Api) -> Api:
    return await api.sign_up("cem")


@pytest.fixture
async def team(ann: Api, bob: Api, cem: Api, workspace: str) -> str:
    """The workspace with Bob as a member and Cem as a guest."""
    await ann.made(f"{workspace}/members", {"email": "bob@example.com"})
    await ann.made(f"{workspace}/members", {"email": "cem@example.com", "role": "guest"})
    return workspace


async def test_a_restricted_page_is_for_those_with_a_grant(ann: Api, bob: Api, cem: Api, team: str):
    page = await page_of(bob, team, "Private")
    child = await page_of(bob, team, "Child", page)
    await restrict(bob, page)
    assert (await bob.get(f"/v1/pages/{child}/access")).json() == {
        "mode": "inherit",
        "restricted_by": page,
        "level": "manage",
    }
    assert [await level(cem, page), await level(cem, child)] == ["404", "404"]
    assert await listed(cem, team) == set()
    await grant(bob, page, "cem", "comment")
    assert [await level(cem, page), await level(cem, child)] == ["comment", "comment"]
    assert await listed(cem, team) == {"Private", "Child"}
    assert await listed(ann, team) == {"Private", "Child"}
    await bob.delete(f"/v1/pages/{page}/grants/{cem.user['id']}")
    assert await listed(cem, team) == set()
    await restrict(bob, page, "inherit")
    assert [await level(cem, page), await level(cem, child)] == ["read", "read"]


async def test_admins_see_no_restricted_page_and_owners_all(ann: Api, bob: Api, cem: Api, team: str):
    await ann.patch(f"{team}/members/{cem.user['id']}", {"role": "admin"})
    page = await page_of(bob, team, "Private")
    await restrict(bob, page)
    assert (await level(cem, page), await level(ann, page)) == ("404", "manage")
    assert (await listed(cem, team), await listed(ann, team)) == (set(), {"Private"})


async def test_a_grant_adds_and_takes_nothing(ann: Api, bob: Api, cem: Api, team: str):
    page = await page_of(ann, team, "Plan")
    await grant(ann, page, "cem", "write")
    await grant(ann, page, "bob", "read")
    assert (await level(cem, page), await level(bob, page)) == ("write", "manage")
    assert (await cem.patch(f"/v1/pages/{page}", {"title": "By a guest"})).status_code == 200
    await page_of(cem, team, "Below", page)
    assert (await cem.post(f"{team}/pages", {"title": "At the top"})).status_code == 403
    answer = await cem.patch(f"/v1/pages/{page}/access", {"mode": "restricted"})
    assert answer.status_code == 403


async def test_a_restriction_below_cuts_off_what_was_granted_above(ann: Api, cem: Api, team: str):
    top = await page_of(ann, team, "Top")
    middle = await page_of(ann, team, "Middle", top)
    bottom = await page_of(ann, team, "Bottom", middle)
    await grant(ann, top, "cem", "write")
    await restrict(ann, middle)
    assert [await level(cem, page) for page in (top, middle, bottom)] == ["write", "404", "404"]
    assert await listed(cem, team) == {"Top"}


async def test_a_page_within_a_restricted_area_can_be_granted_alone(ann: Api, cem: Api, team: str):
    top = await page_of(ann, team, "Top")
    middle = await page_of(ann, team, "Middle", top)
    bottom = await page_of(ann, team, "Bottom", middle)
    closed = await page_of(ann, team, "Closed", middle)
    await restrict(ann, top)
    await restrict(ann, closed)
    await grant(ann, middle, "cem", "read")
    pages = (top, middle, bottom, closed)
    assert [await level(cem, page) for page in pages] == ["404", "read", "read", "404"]
    assert await listed(cem, team) == {"Middle", "Bottom"}
    await ann.delete(f"/v1/pages/{top}")
    trash = (await cem.get(f"{team}/trash")).json()["items"]
    assert {item["title"] for item in trash} == {"Middle", "Bottom"}


async def test_whoever_is_no_member_sees_what_was_granted_and_nothing_else(
    ann: Api, bob: Api, workspace: str
):
    page = await page_of(ann, workspace, "Shared")
    other = await page_of(ann, workspace, "Other")
    await grant(ann, page, "bob", "write")
    below = await page_of(bob, workspace, "Below", page)
    assert [await level(bob, each) for each in (page, below, other)] == ["write", "write", "404"]
    for path in (workspace, f"{workspace}/pages", f"{workspace}/members"):
        assert (await bob.get(path)).status_code == 404
    assert (await bob.post(f"{workspace}/pages", {"title": "x"})).status_code == 404
    refused = await bob.post(f"{workspace}/pages", {"title": "x", "parent_page_id": other})
    assert refused.status_code == 404
    shared = (await bob.get("/v1/shared-pages")).json()["items"]
    assert [(item["page"]["id"], item["level"]) for item in shared] == [(page, "write")]
    assert (await bob.delete(f"/v1/pages/{page}/grants/{bob.user['id']}")).status_code == 204
    assert await level(bob, page) == "404"


async def test_moving_a_page_moves_it_under_the_rights_there(ann: Api, bob: Api, cem: Api, team: str):
    private = await page_of(bob, team, "Private")
    await restrict(bob, private)
    page = await page_of(bob, team, "Page")
    child = await page_of(bob, team, "Child", page)
    await bob.patch(f"/v1/pages/{page}", {"parent_page_id": private})
    assert [await level(cem, each) for each in (page, child)] == ["404", "404"]
    await grant(bob, private, "cem", "write")
    refused = await cem.patch(f"/v1/pages/{page}", {"parent_page_id": None})
    assert refused.status_code == 403
    assert (await bob.patch(f"/v1/pages/{page}", {"parent_page_id": None})).status_code == 200
    assert [await level(cem, each) for each in (page, child)] == ["read", "read"]


async def test_a_restored_page_does_not_open_by_losing_its_parent(ann: Api, bob: Api, cem: Api, team: str):
    private = await page_of(bob, team, "Private")
    page = await page_of(bob, team, "Page", private)
    await restrict(bob, private)
    await grant(bob, private, "cem", "write")
    await bob.delete(f"/v1/pages/{private}")
    assert (await cem.post(f"/v1/pages/{page}/restore")).json()["parent_page_id"] is None
    assert [await level(cem, page), await level(bob, page)] == ["write", "manage"]
    await bob.delete(f"/v1/pages/{page}/grants/{cem.user['id']}")
    assert await level(cem, page) == "404"


async def test_leaving_the_workspace_takes_its_grants_along(ann: Api, cem: Api, team: str):
    page = await page_of(ann, team, "Plan")
    await grant(ann, page, "cem", "write")
    await cem.delete(f"{team}/members/{cem.user['id']}")
    assert await level(cem, page) == "404"


async def open_link(api: Api, token: str, password: str | None = None) -> Api:
    answer = await api.post("/v1/share-links/open", {"token": token, "password": password})
    assert answer.status_code == 200, answer.text
    return Api(api.client, api.description, answer.json()["access_token"])


async def test_a_link_opens_a_page_and_what_is_below(
    api: Api, ann: Api, workspace: str, services: Services, database: Database
):
    page = await page_of(ann, workspace, "Page")
    child = await page_of(ann, workspace, "Child", page)
    closed = await page_of(ann, workspace, "Closed", page)
    other = await page_of(ann, workspace, "Other")
    await restrict(ann, closed)
    link = await ann.made(f"/v1/pages/{page}/share-links", {"level": "comment"})
    async with database.engine.connect() as connection:
        assert link["token"] not in str((await connection.execute(text("SELECT * FROM share_links"))).one())
    visitor = await open_link(api, link["token"])
    found = [(await visitor.get(f"/v1/pages/{each}")).status_code for each in (page, child, closed, other)]
    assert found == [200, 200, 404, 404]
    assert visitor.token
    admitted = await services.access.admit(visitor.token, f"page:{child}")
    assert admitted
    principal, right = admitted
    assert (principal.id, principal.name) == (f"link:{link['id']}", "Visitor")
    assert right == "comment"
    await ann.delete(f"/v1/pages/{child}")
    assert (await visitor.get(f"/v1/pages/{child}")).status_code == 404
    await ann.delete(f"/v1/pages/{page}/share-links/{link['id']}")
    assert (await visitor.get(f"/v1/pages/{page}")).status_code == 401
    assert (await api.post("/v1/share-links/open", {"token": link["token"]})).status_code == 404
    assert await services.access.decide(principal, f"page:{page}") == "none"


async def test_a_link_ends_when_it_says(api: Api, ann: Api, workspace: str, clock: Clock):
    page = await page_of(ann, workspace, "Page")
    soon = (clock.now + timedelta(minutes=5)).isoformat()
    link = await ann.made(f"/v1/pages/{page}/share-links", {"expires_at": soon})
    visitor = await open_link(api, link["token"])
    clock.forward(minutes=5)
    assert (await visitor.get(f"/v1/pages/{page}")).status_code == 401
    assert (await api.post("/v1/share-links/open", {"token": link["token"]})).status_code == 404
    refused = await ann.post(f"/v1/pages/{page}/share-links", {"expires_at": soon})
    assert refused.json()["errors"][0]["path"] == "body.expires_at"


async def test_a_password_is_asked_for_and_cannot_be_tried_for_ever(api: Api, ann: Api, workspace: str):
    page = await page_of(ann, workspace, "Page")
    link = await ann.made(f"/v1/pages/{page}/share-links", {"password": "open sesame"})
    assert (link["has_password"], link["level"]) == (True, "read")

    async def attempt(password: str | None) -> tuple[int, str]:
        answer = await api.post("/v1/share-links/open", {"token": link["token"], "password": password})
        return answer.status_code, answer.json().get("code", "")

    assert await attempt(None) == (401, "password_required")
    assert await attempt("open barley") == (401, "invalid_credentials")
    assert (await attempt("open sesame"))[0] == 200
    for _ in range(5):
        assert await attempt("open barley") == (401, "invalid_credentials")
    assert await attempt("open sesame") == (429, "rate_limited")


async def test_a_guessed_link_opens_nothing(api: Api, ann: Api, workspace: str):
    page = await page_of(ann, workspace, "Page")
    token = (await ann.made(f"/v1/pages/{page}/share-links", {}))["token"]
    for guess in (token[:-1] + ("a" if token[-1] != "a" else "b"), token[:36], "ifs_", "x"):
        assert (await api.post("/v1/share-links/open", {"token": guess})).status_code == 404


async def test_what_is_granted_is_told(ann: Api, bob: Api, workspace: str, database: Database):
    page = await page_of(ann, workspace, "Page")
    await grant(ann, page, "bob", "write")
    again = await ann.post(f"/v1/pages/{page}/grants", {"email": "bob@example.com", "level": "read"})
    assert (again.status_code, again.json()["code"]) == (409, "already_granted")
    await ann.patch(f"/v1/pages/{page}/grants/{bob.user['id']}", {"level": "read"})
    await restrict(ann, page)
    link = await ann.made(f"/v1/pages/{page}/share-links", {})
    await ann.delete(f"/v1/pages/{page}/share-links/{link['id']}")
    await ann.delete(f"/v1/pages/{page}/grants/{bob.user['id']}")
    async with database.read() as uow:
        events = await uow.events.after(workspace_id_of(workspace), 0, 100)
    assert [event.type for event in events][2:] == [
        "grant.created",
        "grant.changed",
        "page_access.restricted",
        "share_link.created",
        "share_link.revoked",
        "grant.deleted",
    ]


def workspace_id_of(workspace: str) -> UUID:
    return UUID(workspace.rpartition("/")[2])
