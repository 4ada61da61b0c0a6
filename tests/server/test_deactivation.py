"""Accounts that are taken out of use, and put back by an operator."""

import pytest

from crdt.ports import Principal, PrincipalId
from server.bootstrap import Services
from server.errors import StartError
from server.operations import set_active
from server.settings import Settings
from tests.server.api import PASSWORD, Api


async def go(who: Api, password: str = PASSWORD) -> tuple[int, str]:
    answer = await who.post("/v1/me/deactivate", {"password": password})
    return answer.status_code, answer.json()["code"] if answer.content else ""


async def sign_in(api: Api, name: str) -> int:
    body = {"email": f"{name}@example.com", "password": PASSWORD}
    return (await api.post("/v1/auth/login", body)).status_code


async def test_all_that_acts_for_the_account_ends(
    api: Api, ann: Api, bob: Api, workspace: str, services: Services
):
    await ann.made(f"{workspace}/members", {"email": "bob@example.com"})
    made = await bob.made(f"{workspace}/api-keys", {"name": "Robot", "scopes": ["*:read"]})
    robot = Api(api.client, api.description, made["key"])
    page = await bob.made(f"{workspace}/pages", {"title": "By Bob"})
    assert await go(bob, "a wrong one") == (422, "wrong_password")
    assert await go(bob) == (204, "")
    for who in (bob, robot):
        assert (await who.get("/v1/me")).status_code == 401
    refreshed = await api.post("/v1/auth/refresh", {"refresh_token": bob.refresh_token})
    assert refreshed.status_code == 401
    assert await sign_in(api, "bob") == 401
    for principal in (f"user:{bob.user['id']}", f"key:{made['id']}"):
        found = Principal(id=PrincipalId(principal), name="Bob")
        assert await services.access.decide(found, page["document"]) == "none"
    assert (await ann.get(f"/v1/pages/{page['id']}")).status_code == 200
    listed = (await ann.get(f"{workspace}/members")).json()["items"]
    assert [(member["name"], member["is_active"]) for member in listed] == [("Ann", True), ("Bob", False)]


async def test_the_last_active_owner_stays(ann: Api, bob: Api, workspace: str):
    await ann.made(f"{workspace}/members", {"email": "bob@example.com", "role": "owner"})
    assert await go(bob) == (204, "")
    assert await go(ann) == (409, "last_owner")
    left = await ann.delete(f"{workspace}/members/{ann.user['id']}")
    assert (left.status_code, left.json()["code"]) == (409, "last_owner")


async def test_an_operator_takes_an_account_out_and_puts_it_back(
    api: Api, ann: Api, bob: Api, workspace: str, database_url: str, settings: Settings
):
    there = Settings(data_dir=settings.data_dir, database_url=database_url)
    assert "last owner" in await set_active(there, "Ann@example.com", is_active=False)
    assert (await ann.get("/v1/me")).status_code == 401
    assert await sign_in(api, "ann") == 401
    assert "again" in await set_active(there, "ann@example.com", is_active=True)
    assert await sign_in(api, "ann") == 200
    assert (await ann.get("/v1/me")).status_code == 401
    with pytest.raises(StartError, match="no account"):
        await set_active(there, "nobody@example.com", is_active=False)
