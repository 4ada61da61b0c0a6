"""Who is in private channels, and direct conversations of the same people."""

import asyncio

import pytest

from tests.server.api import Api


@pytest.fixture
async def cem(api: Api) -> Api:
    return await api.sign_up("cem")


@pytest.fixture
async def team(ann: Api, bob: Api, cem: Api, workspace: str) -> str:
    """The workspace with Bob and Cem as members."""
    for name in ("bob", "cem"):
        await ann.made(f"{workspace}/members", {"email": f"{name}@example.com"})
    return workspace


async def secret(bob: Api, team: str) -> str:
    return f"/v1/channels/{(await bob.made(f'{team}/channels', {'name': 's', 'type': 'private'}))['id']}"


async def talk(who: Api, team: str, *others: Api) -> str:
    answer = await who.post(f"{team}/direct-messages", {"user_ids": [other.user["id"] for other in others]})
    assert answer.status_code == 200, answer.text
    return answer.json()["id"]


async def test_who_is_in_a_private_channel_adds_others(ann: Api, bob: Api, cem: Api, team: str):
    channel = await secret(bob, team)
    assert (await ann.get(channel)).status_code == 404
    for _ in "12":
        added = await bob.post(f"{channel}/members", {"user_id": cem.user["id"]})
        assert added.json()["member_user_ids"] == [bob.user["id"], cem.user["id"]]
    assert (await cem.post(f"{channel}/members", {"user_id": ann.user["id"]})).status_code == 200
    assert (await ann.get(channel)).status_code == 200


async def test_its_maker_and_admins_take_people_out_and_anybody_leaves(
    ann: Api, bob: Api, cem: Api, team: str
):
    channel = await secret(bob, team)
    for who in (ann, cem):
        await bob.post(f"{channel}/members", {"user_id": who.user["id"]})
    assert (await cem.delete(f"{channel}/members/{bob.user['id']}")).status_code == 403
    assert (await bob.delete(f"{channel}/members/{cem.user['id']}")).status_code == 204
    assert (await cem.get(channel)).status_code == 404
    assert (await bob.delete(f"{channel}/members/{cem.user['id']}")).status_code == 404
    assert (await bob.delete(f"{channel}/members/{bob.user['id']}")).status_code == 204
    assert (await bob.get(channel)).status_code == 404
    assert (await ann.patch(channel, {"name": "ours"})).json()["name"] == "ours"


async def test_only_members_of_the_workspace_are_added(bob: Api, api: Api, team: str):
    eve = await api.sign_up("eve")
    refused = await bob.post(f"{await secret(bob, team)}/members", {"user_id": eve.user["id"]})
    assert (refused.status_code, refused.json()["errors"][0]["path"]) == (422, "body.user_id")


async def test_a_channel_is_renamed_by_admins_and_its_maker(ann: Api, bob: Api, cem: Api, team: str):
    channel = f"/v1/channels/{(await bob.made(f'{team}/channels', {'name': 'general'}))['id']}"
    assert (await cem.patch(channel, {"name": "mine"})).status_code == 403
    assert (await bob.patch(channel, {"name": "main"})).json()["name"] == "main"
    changed = (await ann.patch(channel, {"description": "All of us"})).json()
    assert (changed["name"], changed["description"]) == ("main", "All of us")
    assert (await bob.post(f"{channel}/members", {"user_id": cem.user["id"]})).status_code == 409


async def test_the_same_people_have_one_conversation(ann: Api, bob: Api, cem: Api, team: str):
    first = await talk(ann, team, bob)
    assert await talk(bob, team, ann) == await talk(ann, team, bob, ann) == first
    assert await talk(ann, team, bob, cem) != first
    body = {"name": "again", "type": "dm", "member_user_ids": [bob.user["id"]]}
    assert (await ann.made(f"{team}/channels", body))["id"] == first
    assert (await cem.get(f"/v1/channels/{first}")).status_code == 404
    channel = (await bob.get(f"/v1/channels/{first}")).json()
    assert (channel["type"], channel["name"]) == ("dm", "Ann, Bob")


async def test_two_who_begin_at_once_meet(ann: Api, bob: Api, team: str):
    found = await asyncio.gather(*(talk(*pair) for pair in [(ann, team, bob), (bob, team, ann)] * 3))
    assert len(set(found)) == 1


async def test_a_conversation_keeps_its_people(ann: Api, bob: Api, cem: Api, team: str):
    channel = f"/v1/channels/{await talk(ann, team, bob)}"
    added = await ann.post(f"{channel}/members", {"user_id": cem.user["id"]})
    assert (added.status_code, added.json()["code"]) == (409, "direct_message")
    left = await bob.delete(f"{channel}/members/{bob.user['id']}")
    assert (left.status_code, left.json()["code"]) == (409, "direct_message")


async def test_who_comes_back_to_the_workspace_finds_their_conversation(ann: Api, bob: Api, team: str):
    first = await talk(ann, team, bob)
    await bob.delete(f"{team}/members/{bob.user['id']}")
    await ann.made(f"{team}/members", {"email": "bob@example.com"})
    assert (await bob.get(f"/v1/channels/{first}")).status_code == 404
    assert await talk(ann, team, bob) == first
    assert (await bob.get(f"/v1/channels/{first}")).status_code == 200


async def test_ownership_is_handed_over(ann: Api, bob: Api, cem: Api, team: str):
    path = f"{team}/transfer-ownership"
    assert (await bob.post(path, {"user_id": bob.user["id"]})).status_code == 403
    assert (await ann.post(path, {"user_id": ann.user["id"]})).status_code == 409
    assert (await ann.post(path, {"user_id": bob.user["id"]})).json()["role"] == "owner"
    assert (await bob.get(team)).json()["owner_user_id"] == bob.user["id"]
    assert (await ann.get(team)).json()["role"] == "admin"
    assert (await ann.post(path, {"user_id": cem.user["id"]})).status_code == 403
    assert (await ann.delete(f"{team}/members/{ann.user['id']}")).status_code == 204
