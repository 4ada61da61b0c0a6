from uuid import uuid4

import pytest

from tests.server.api import Api


async def names(api: Api, workspace: str) -> list[str]:
    return [item["name"] for item in (await api.get(f"{workspace}/channels")).json()["items"]]


async def test_public_channels_are_for_all_members(ann: Api, bob: Api, workspace: str):
    made = await ann.made(f"{workspace}/channels", {"name": "general", "description": "All"})
    assert (made["document"], made["type"]) == (f"channel:{made['id']}", "public")
    assert len(made["epoch"]) == 8
    assert (await bob.get(f"/v1/channels/{made['id']}")).status_code == 404
    await ann.made(f"{workspace}/members", {"email": "bob@example.com", "role": "guest"})
    assert (await bob.get(f"/v1/channels/{made['id']}")).json() == made
    assert (await bob.post(f"{workspace}/channels", {"name": "x"})).status_code == 403


@pytest.mark.parametrize("kind", ["private", "dm"])
async def test_private_channels_are_for_those_in_them(
    ann: Api, bob: Api, api: Api, workspace: str, kind: str
):
    cem = await api.sign_up("cem")
    for who in ("bob", "cem"):
        await ann.made(f"{workspace}/members", {"email": f"{who}@example.com"})
    made = await ann.made(
        f"{workspace}/channels", {"name": "secret", "type": kind, "member_user_ids": [bob.user["id"]]}
    )
    assert made["member_user_ids"] == [ann.user["id"], bob.user["id"]]
    assert await names(bob, workspace) == ["secret"]
    assert await names(cem, workspace) == []
    assert (await cem.get(f"/v1/channels/{made['id']}")).status_code == 404


async def test_leaving_the_workspace_leaves_its_channels(ann: Api, bob: Api, workspace: str):
    await ann.made(f"{workspace}/members", {"email": "bob@example.com"})
    body = {"name": "secret", "type": "private", "member_user_ids": [bob.user["id"]]}
    channel = await ann.made(f"{workspace}/channels", body)
    await bob.delete(f"{workspace}/members/{bob.user['id']}")
    assert (await bob.get(f"/v1/channels/{channel['id']}")).status_code == 404
    await ann.made(f"{workspace}/members", {"email": "bob@example.com"})
    assert await names(bob, workspace) == []


async def test_members_of_a_channel_are_members_of_the_workspace(ann: Api, bob: Api, workspace: str):
    for body in (
        {"name": "x", "type": "private", "member_user_ids": [str(uuid4())]},
        {"name": "x", "type": "dm", "member_user_ids": [bob.user["id"]]},
        {"name": "x", "member_user_ids": [ann.user["id"]]},
    ):
        refused = await ann.post(f"{workspace}/channels", body)
        assert (refused.status_code, refused.json()["errors"][0]["path"]) == (422, "body.member_user_ids")
