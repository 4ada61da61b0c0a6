from uuid import UUID, uuid4

import pytest

from server.bootstrap import Services
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


async def listed(api: Api, workspace: str, *, archived: bool = True) -> list[str]:
    params = {"archived": "true"} if archived else {}
    return [item["id"] for item in (await api.get(f"{workspace}/channels", params=params)).json()["items"]]


@pytest.mark.parametrize("kind", ["public", "private"])
async def test_an_archived_channel_is_out_of_the_way_and_can_be_read(
    services: Services, ann: Api, bob: Api, workspace: str, kind: str
):
    await ann.made(f"{workspace}/members", {"email": "bob@example.com"})
    body = {"name": "old", "type": kind} | (
        {"member_user_ids": [bob.user["id"]]} if kind == "private" else {}
    )
    channel = await ann.made(f"{workspace}/channels", body)
    path = f"/v1/channels/{channel['id']}"
    said = (await ann.made(f"{path}/messages", {"content": {"text": "a zebra"}}))["message"]
    assert channel["archived_at"] is None

    archived = (await ann.patch(path, {"is_archived": True})).json()
    assert archived["archived_at"] is not None
    assert (await ann.patch(path, {"is_archived": True})).json() == archived
    for who in (ann, bob):
        assert channel["id"] not in await listed(who, workspace, archived=False)
        assert await listed(who, workspace) == [channel["id"]]
        assert (await who.get(path)).json() == archived
        assert (await who.get(f"{workspace}/unread")).json()["items"] == []
        found = (await who.get(f"{path}/messages")).json()["items"]
        assert [message["id"] for message in found] == [said["id"]]
    async with services.database.read() as uow:
        assert await uow.unread.messages(UUID(bob.user["id"]), 10) == {}
    assert (await bob.request("PUT", f"{path}/read", json={"message_id": said["id"]})).status_code == 200

    message = f"/v1/messages/{said['id']}"
    for who, method, where, content in (
        (bob, "POST", f"{path}/messages", {"content": {"text": "still here"}}),
        (ann, "PATCH", message, {"content": {"text": "x"}}),
        (ann, "DELETE", message, None),
        (bob, "PUT", f"{message}/reactions/x", None),
        (bob, "DELETE", f"{message}/reactions/x", None),
        (bob, "PUT", f"{message}/pin", None),
        (ann, "DELETE", f"{message}/pin", None),
    ):
        refused = await who.request(method, where, json=content)
        assert (refused.status_code, refused.json()["code"]) == (409, "channel_archived"), (method, where)

    back = (await ann.patch(path, {"is_archived": False, "name": "new"})).json()
    assert (back["archived_at"], back["name"]) == (None, "new")
    assert await listed(bob, workspace) == []
    assert channel["id"] in await listed(bob, workspace, archived=False)
    await bob.made(f"{path}/messages", {"content": {"text": "still here"}})
    events = (await ann.get(f"{workspace}/events?type=channel.*")).json()["items"]
    assert [event["type"] for event in events] == [
        "channel.created",
        "channel.archived",
        "channel.restored",
        "channel.updated",
    ]


async def test_what_was_said_in_an_archived_channel_is_found(services: Services, ann: Api, workspace: str):
    channel = await ann.made(f"{workspace}/channels", {"name": "old"})
    path = f"/v1/channels/{channel['id']}"
    await ann.made(f"{path}/messages", {"content": {"text": "a zebra"}})
    await services.chat.catch_up(channel["document"])
    await ann.patch(path, {"is_archived": True})
    found = (await ann.get(f"{workspace}/search", params={"q": "zebra"})).json()["items"]
    assert [item["kind"] for item in found] == ["message"]


async def test_those_who_manage_a_channel_archive_it(ann: Api, bob: Api, workspace: str):
    await ann.made(f"{workspace}/members", {"email": "bob@example.com"})
    path = f"/v1/channels/{(await ann.made(f'{workspace}/channels', {'name': 'x'}))['id']}"
    assert (await bob.patch(path, {"is_archived": True})).status_code == 403
    own = f"/v1/channels/{(await bob.made(f'{workspace}/channels', {'name': 'y'}))['id']}"
    for who in (bob, ann):  # who made it, and who owns all
        assert (await who.patch(own, {"is_archived": True})).status_code == 200
        assert (await who.patch(own, {"is_archived": False})).status_code == 200
    body = {"name": "us", "type": "dm", "member_user_ids": [bob.user["id"]]}
    direct = f"/v1/channels/{(await ann.made(f'{workspace}/channels', body))['id']}"
    refused = await ann.patch(direct, {"is_archived": True})
    assert (refused.status_code, refused.json()["code"]) == (422, "not_archivable")
