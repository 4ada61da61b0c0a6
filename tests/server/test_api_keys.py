"""Keys for programs: told once, stored hashed, limited to a workspace and scopes, ended at once."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from server.bootstrap import Services
from storage.engine import Database
from tests.server.api import Api
from tests.server.conftest import Clock

BODY = {"name": "Robot", "scopes": ["pages:write", "channels:read"]}


def calling(ann: Api, key: str) -> Api:
    return Api(ann.client, ann.description, key)


async def test_a_key_is_told_once_and_stored_hashed(ann: Api, workspace: str, database: Database):
    made = await ann.made(f"{workspace}/api-keys", BODY)
    assert made["key"].startswith("ifx_")
    listed = (await ann.get(f"{workspace}/api-keys")).json()["items"]
    assert listed == [{name: value for name, value in made.items() if name != "key"}]
    async with database.engine.connect() as connection:
        row = (await connection.execute(text("SELECT * FROM api_keys"))).one()
    assert made["key"] not in str(row)
    assert made["key"].endswith(row.last_characters)


async def test_an_answer_that_is_given_again_has_no_key(ann: Api, workspace: str, database: Database):
    once = {"Idempotency-Key": "k"}
    first, again = [await ann.post(f"{workspace}/api-keys", BODY, headers=once) for _ in "12"]
    assert again.json() == {**first.json(), "key": None}
    async with database.engine.connect() as connection:
        kept = (await connection.execute(text("SELECT body FROM idempotency_keys"))).scalar_one()
    assert first.json()["key"].encode() not in bytes(kept)


async def test_a_key_acts_under_its_own_name_within_its_scopes(ann: Api, workspace: str, database: Database):
    made = await ann.made(f"{workspace}/api-keys", BODY)
    robot = calling(ann, made["key"])
    page = await robot.made(f"{workspace}/pages", {"title": "By a robot"})
    assert page["created_by_user_id"] == ann.user["id"]
    refused = await robot.post(f"{workspace}/channels", {"name": "x"})
    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_scope")
    refused = await robot.patch("/v1/me", {"name": "Mallory"})
    assert (refused.status_code, refused.json()["code"]) == (403, "session_required")
    async with database.engine.connect() as connection:
        query = "SELECT actor FROM events WHERE type = 'page.created'"
        assert (await connection.execute(text(query))).scalar_one() == f"key:{made['id']}"


async def test_a_key_knows_one_workspace(ann: Api, workspace: str):
    other = await ann.made("/v1/workspaces", {"name": "Other"})
    robot = calling(ann, (await ann.made(f"{workspace}/api-keys", {**BODY, "scopes": ["*:read"]}))["key"])
    listed = (await robot.get("/v1/workspaces")).json()["items"]
    assert [item["name"] for item in listed] == ["Ours"]
    assert (await robot.get(f"/v1/workspaces/{other['id']}")).status_code == 404


async def test_a_key_goes_with_its_persons_rights(ann: Api, bob: Api, workspace: str):
    await ann.made(f"{workspace}/members", {"email": "bob@example.com"})
    robot = calling(bob, (await bob.made(f"{workspace}/api-keys", BODY))["key"])
    member = f"{workspace}/members/{bob.user['id']}"
    await ann.patch(member, {"role": "guest"})
    assert (await robot.post(f"{workspace}/pages", {"title": "x"})).status_code == 403
    await ann.delete(member)
    assert (await robot.get(f"{workspace}/pages")).status_code == 401
    await ann.made(f"{workspace}/members", {"email": "bob@example.com"})
    assert (await robot.get(f"{workspace}/pages")).status_code == 401


async def test_a_key_expires(ann: Api, workspace: str, clock: Clock):
    soon = (clock.now + timedelta(minutes=5)).isoformat()
    robot = calling(ann, (await ann.made(f"{workspace}/api-keys", {**BODY, "expires_at": soon}))["key"])
    assert (await robot.get(f"{workspace}/pages")).status_code == 200
    clock.forward(minutes=5)
    assert (await robot.get(f"{workspace}/pages")).status_code == 401


async def test_its_use_is_noted_once_a_minute(ann: Api, workspace: str, clock: Clock):
    robot = calling(ann, (await ann.made(f"{workspace}/api-keys", BODY))["key"])

    async def used_at() -> str:
        return (await ann.get(f"{workspace}/api-keys")).json()["items"][0]["last_used_at"]

    assert await used_at() is None
    await robot.get(f"{workspace}/pages")
    first = await used_at()
    clock.forward(seconds=59)
    await robot.get(f"{workspace}/pages")
    assert await used_at() == first
    clock.forward(seconds=1)
    await robot.get(f"{workspace}/pages")
    assert await used_at() > first


async def test_members_see_and_end_their_own_keys_and_admins_all(ann: Api, bob: Api, workspace: str):
    await ann.made(f"{workspace}/members", {"email": "bob@example.com"})
    theirs = (await bob.made(f"{workspace}/api-keys", BODY))["id"]
    hers = (await ann.made(f"{workspace}/api-keys", BODY))["id"]

    async def seen(who: Api) -> list[str]:
        return [item["id"] for item in (await who.get(f"{workspace}/api-keys")).json()["items"]]

    assert await seen(bob) == [theirs]
    assert await seen(ann) == [theirs, hers]
    assert (await bob.delete(f"{workspace}/api-keys/{hers}")).status_code == 403
    assert (await bob.delete(f"{workspace}/api-keys/{theirs}")).status_code == 204
    assert (await ann.delete(f"{workspace}/api-keys/{theirs}")).status_code == 404
    assert await seen(ann) == [hers]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"scopes": ["pages:read", "pages:rule"]}, "body.scopes[1]"),
        ({"scopes": ["api_keys:write"]}, "body.scopes[0]"),
        ({"scopes": []}, "body.scopes"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "body.expires_at"),
    ],
)
async def test_a_key_that_makes_no_sense_is_refused(
    ann: Api, workspace: str, body: dict[str, object], path: str
):
    refused = await ann.post(f"{workspace}/api-keys", {**BODY, **body})
    assert (refused.status_code, refused.json()["errors"][0]["path"]) == (422, path)


async def test_a_guessed_key_opens_nothing(ann: Api, workspace: str, services: Services):
    key = (await ann.made(f"{workspace}/api-keys", BODY))["key"]
    for guess in (key[:-1] + ("a" if key[-1] != "a" else "b"), key + "a", key[:36], "ifx_", key.upper()):
        assert await services.access.identify(guess) is None
    assert await services.access.identify(key) is not None
