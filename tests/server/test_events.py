"""The list of events: in order, by type, and to nobody what they may not see."""

from typing import Any
from uuid import UUID

import pytest

from server.bootstrap import Services
from server.rest.events import SPAN
from tests.server.api import Api


async def listed(api: Api, workspace: str, **query: Any) -> list[dict[str, Any]]:
    """Return all that a caller gets, part by part."""
    items: list[dict[str, Any]] = []
    cursor = None
    while True:
        more = {} if cursor is None else {"cursor": cursor}
        answer = await api.get(f"{workspace}/events", params=query | more)
        assert answer.status_code == 200, answer.text
        items += answer.json()["items"]
        cursor = answer.json()["next_cursor"]
        if cursor is None:
            return items


async def test_what_happened_is_listed_in_order(ann: Api, workspace: str):
    page = await ann.made(f"{workspace}/pages", {"title": "Plan"})
    await ann.patch(f"/v1/pages/{page['id']}", {"title": "Plans"})
    found = await listed(ann, workspace)
    assert [event["position"] for event in found] == list(range(1, len(found) + 1))
    assert [event["type"] for event in found[-2:]] == ["page.created", "page.updated"]
    assert found[-1] | {"id": "", "created_at": ""} == {
        "id": "",
        "position": found[-1]["position"],
        "type": "page.updated",
        "actor": f"user:{ann.user['id']}",
        "subject": page["document"],
        "payload": {"title": "Plans", "parent_page_id": None},
        "created_at": "",
    }
    assert await listed(ann, workspace, limit=1) == found
    assert await listed(ann, workspace, after=1) == found[1:]


async def test_events_are_chosen_by_type(ann: Api, workspace: str):
    await ann.made(f"{workspace}/pages", {"title": "Plan"})
    await ann.made(f"{workspace}/channels", {"name": "general"})
    for wanted, found in (
        ("page.*", ["page.created"]),
        ("channel.created,page.created", ["page.created", "channel.created"]),
        ("page.moved", []),
    ):
        assert [event["type"] for event in await listed(ann, workspace, type=wanted)] == found


@pytest.mark.parametrize("query", ["type=", "type=*", "type=page.*,", "type=Page", "after=-1", "after=x"])
async def test_a_bad_choice_is_told(ann: Api, workspace: str, query: str):
    answer = await ann.get(f"{workspace}/events?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")


async def test_nobody_hears_of_what_they_may_not_see(ann: Api, bob: Api, workspace: str):
    await ann.made(f"{workspace}/members", {"email": "bob@example.com", "role": "guest"})
    private = await ann.made(f"{workspace}/channels", {"name": "Board", "type": "private"})
    public = await ann.made(f"{workspace}/channels", {"name": "general"})
    of_channels = {event["subject"] for event in await listed(bob, workspace, type="channel.*")}
    assert of_channels == {public["document"]}
    seen_by_ann = {event["subject"] for event in await listed(ann, workspace, type="channel.*")}
    assert seen_by_ann >= {public["document"], private["document"]}
    assert "Board" not in str(await listed(bob, workspace))


async def test_what_is_of_no_known_kind_is_for_those_who_manage(
    ann: Api, bob: Api, workspace: str, services: Services
):
    await ann.made(f"{workspace}/members", {"email": "bob@example.com", "role": "member"})
    workspace_id = workspace.rpartition("/")[2]
    async with services.database.transaction() as uow:
        await uow.events.append(UUID(workspace_id), "vault.opened", subject="vault:1")
    assert "vault.opened" in {event["type"] for event in await listed(ann, workspace)}
    assert "vault.opened" not in {event["type"] for event in await listed(bob, workspace)}


async def test_a_rare_event_is_found_behind_many_others(ann: Api, workspace: str, services: Services):
    workspace_id = UUID(workspace.rpartition("/")[2])
    async with services.database.transaction() as uow:
        for _ in range(SPAN + 10):
            await uow.events.append(workspace_id, "test", subject=f"workspace:{workspace_id}")
    await ann.made(f"{workspace}/pages", {"title": "Plan"})
    answer = (await ann.get(f"{workspace}/events?type=page.created")).json()
    assert (answer["items"], answer["next_cursor"] is None) == ([], False)
    assert [event["type"] for event in await listed(ann, workspace, type="page.created")] == ["page.created"]


async def test_outsiders_learn_nothing(bob: Api, workspace: str):
    assert (await bob.get(f"{workspace}/events")).status_code == 404
