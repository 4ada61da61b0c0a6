import asyncio
import base64
import json
from functools import partial
from typing import Any
from uuid import UUID

import pycrdt

from blocks.page import META
from server.bootstrap import Services
from tests.server.api import Api
from tests.server.conftest import Clock
from tests.server.test_versions import open_as
from tests.waiting import until


async def titles(api: Api, path: str, **query: object) -> list[str]:
    """Return the titles of a list, read to its end in small parts."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        params = {"limit": 2, **query} | ({"cursor": cursor} if cursor else {})
        answer = (await api.get(path, params=params)).json()
        found += [item["title"] for item in answer["items"]]
        cursor = answer["next_cursor"]
        if cursor is None:
            return found


async def make(api: Api, workspace: str, *names: str, **more: Any) -> list[dict[str, Any]]:
    return [await api.made(f"{workspace}/pages", {"title": name, **more}) for name in names]


async def names(services: Services, api: Api, page: dict[str, Any]) -> tuple[str, str | None]:
    """Return the title and the icon of a page, once they follow its document."""
    await services.chat.catch_up(page["document"])
    found = (await api.get(f"/v1/pages/{page['id']}")).json()
    return found["title"], found["icon_url"]


async def test_a_page_has_a_document_and_an_event(ann: Api, workspace: str, services: Services):
    (page,) = await make(ann, workspace, "Plan \U0001f680")
    assert page["document"] == f"page:{page['id']}"
    assert (await ann.get(f"/v1/pages/{page['id']}")).json() == page
    async with services.database.read() as uow:
        document = await uow.documents.get(page["document"])
        events = await uow.events.after(UUID(page["workspace_id"]), 0, 10)
    assert document
    assert page["epoch"] == document.epoch
    assert [(event.position, event.type, event.subject) for event in events][1:] == [
        (2, "page.created", page["document"])
    ]
    assert events[1].actor == f"user:{ann.user['id']}"


async def test_a_page_is_called_what_its_document_says_whoever_writes_it(
    ann: Api, workspace: str, services: Services
):
    (page,) = await make(ann, workspace, "By REST", icon_url="https://x.example/i.png")
    path, now = f"/v1/pages/{page['id']}", partial(names, services, ann, page)
    async with open_as(services, ann, page["document"]) as replica:
        meta = replica.doc.get(META, type=pycrdt.Map[Any])
        assert [*meta.keys()] == []
        for title, shown in (("By Yjs", "By Yjs"), (5, "By Yjs"), ("x" * 501 + "\0", "x" * 500), ("Y", "Y")):
            meta["title"], meta["icon_url"] = title, None
            await replica.saved()
            assert await now() == (shown, "https://x.example/i.png")
        meta["icon_url"] = "javascript:alert(1)"
        await replica.saved()
        assert await now() == ("Y", "https://x.example/i.png")
        meta["icon_url"] = "https://x.example/j.png"
        await replica.saved()
        assert await now() == ("Y", "https://x.example/j.png")

        renamed = await ann.patch(path, {"title": "Renamed", "icon_url": None})
        assert (renamed.status_code, renamed.json()["title"]) == (200, "Renamed")
        await until(lambda: meta.to_py() == {"title": "Renamed", "icon_url": None})
        assert await now() == ("Renamed", None)
    async with services.database.read() as uow:
        events = await uow.events.after(UUID(page["workspace_id"]), 0, 50)
    told = [(event.payload["title"], event.actor) for event in events if event.type == "page.updated"]
    actor = f"user:{ann.user['id']}"
    assert told == [(title, actor) for title in ("By Yjs", "x" * 500, "Y", "Y", "Renamed")]


async def test_a_page_is_called_as_before_once_its_document_has_no_word_of_it(
    ann: Api, workspace: str, services: Services
):
    (page,) = await make(ann, workspace, "Plan")
    path, now = f"/v1/pages/{page['id']}", partial(names, services, ann, page)
    async with open_as(services, ann, page["document"]) as replica:
        meta = replica.doc.get(META, type=pycrdt.Map[Any])
        undo = pycrdt.UndoManager(scopes=[meta])
        for title in ("First", "Second"):
            with replica.doc.transaction():
                meta["title"], meta["icon_url"] = title, f"https://x.example/{title}.png"
            await replica.saved()
            assert await now() == (title, f"https://x.example/{title}.png")
        while undo.can_undo():
            undo.undo()
        await replica.saved()
        assert [*meta.keys()] == []
        assert await now() == ("Plan", None)
        # What REST says meanwhile, the row says by itself from then on.
        meta["title"] = "Third"
        await replica.saved()
        assert await now() == ("Third", None)
        await ann.patch(path, {"title": "By REST"})
        await until(lambda: meta.to_py() == {"title": "By REST"})
        del meta["title"]
        await replica.saved()
        assert await now() == ("By REST", None)


async def test_siblings_keep_the_order_they_are_given(ann: Api, workspace: str):
    a, b, c = await make(ann, workspace, "a", "b", "c")
    await make(ann, workspace, "first", after=None)
    await make(ann, workspace, "behind a", after=a["id"])
    assert await titles(ann, f"{workspace}/pages") == ["first", "a", "behind a", "b", "c"]
    await ann.patch(f"/v1/pages/{c['id']}", {"after": None})
    await ann.patch(f"/v1/pages/{a['id']}", {"after": b["id"]})
    assert await titles(ann, f"{workspace}/pages") == ["c", "first", "behind a", "b", "a"]


async def test_pages_made_at_once_can_still_be_put_in_order(ann: Api, workspace: str):
    await asyncio.gather(*(make(ann, workspace, str(n)) for n in range(6)))
    pages = (await ann.get(f"{workspace}/pages")).json()["items"]
    for page in pages[1:4]:
        moved = await ann.patch(f"/v1/pages/{page['id']}", {"after": pages[0]["id"]})
        assert moved.status_code == 200
    assert len(await titles(ann, f"{workspace}/pages")) == 6


async def test_a_page_moves_below_another_and_back(ann: Api, workspace: str):
    a, b = await make(ann, workspace, "a", "b")
    (c,) = await make(ann, workspace, "c", parent_page_id=b["id"])

    async def children(page: dict[str, Any]) -> list[str]:
        return [child["id"] for child in (await ann.get(f"/v1/pages/{page['id']}/children")).json()["items"]]

    moved = (await ann.patch(f"/v1/pages/{b['id']}", {"parent_page_id": a["id"]})).json()
    assert moved["parent_page_id"] == a["id"]
    assert (await children(a), await children(b)) == ([b["id"]], [c["id"]])
    back = (await ann.patch(f"/v1/pages/{b['id']}", {"parent_page_id": None, "title": "B"})).json()
    assert (back["parent_page_id"], back["title"]) == (None, "B")
    assert (await children(a), await children(b)) == ([], [c["id"]])


async def test_no_page_is_below_itself(ann: Api, workspace: str):
    (a,) = await make(ann, workspace, "a")
    (b,) = await make(ann, workspace, "b", parent_page_id=a["id"])
    (c,) = await make(ann, workspace, "c", parent_page_id=b["id"])
    for parent in (a, b, c):
        refused = await ann.patch(f"/v1/pages/{a['id']}", {"parent_page_id": parent["id"]})
        assert (refused.status_code, refused.json()["code"]) == (409, "page_cycle")


async def test_two_moves_at_once_make_no_circle(ann: Api, workspace: str):
    a, b = await make(ann, workspace, "a", "b")
    answers = await asyncio.gather(
        ann.patch(f"/v1/pages/{a['id']}", {"parent_page_id": b["id"]}),
        ann.patch(f"/v1/pages/{b['id']}", {"parent_page_id": a["id"]}),
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]


async def test_what_a_page_refers_to_must_be_there(ann: Api, bob: Api, workspace: str):
    theirs = f"/v1/workspaces/{(await bob.made('/v1/workspaces', {'name': 'Theirs'}))['id']}"
    (foreign,) = await make(bob, theirs, "foreign")
    (a,) = await make(ann, workspace, "a")
    (child,) = await make(ann, workspace, "child", parent_page_id=a["id"])
    bad = {
        "parent_page_id": {"title": "x", "parent_page_id": foreign["id"]},
        "after": {"title": "x", "after": child["id"]},
    }
    for field, body in bad.items():
        refused = await ann.post(f"{workspace}/pages", body)
        assert (refused.status_code, refused.json()["errors"][0]["path"]) == (422, f"body.{field}")
    behind_itself = await ann.patch(f"/v1/pages/{a['id']}", {"after": a["id"]})
    assert behind_itself.status_code == 422


async def test_a_forged_cursor_does_no_harm(ann: Api, workspace: str):
    page_id = "018f0000-0000-7000-8000-000000000000"
    for key in ("a\x00", "\u00e9", "", -1, 2**70, "0001-01-01T00:00:00+14:00", None, 1, "n0"):
        cursor = base64.urlsafe_b64encode(json.dumps([key, page_id]).encode()).decode()
        for path in (f"{workspace}/pages", f"{workspace}/trash"):
            assert (await ann.get(path, params={"cursor": cursor})).status_code in (200, 400)


async def test_a_change_of_nothing_is_no_event(ann: Api, workspace: str, services: Services):
    (page,) = await make(ann, workspace, "a")
    assert (await ann.patch(f"/v1/pages/{page['id']}", {})).json() == page
    async with services.database.read() as uow:
        events = await uow.events.after(UUID(page["workspace_id"]), 0, 10)
    assert [event.type for event in events] == ["workspace.created", "page.created"]


async def test_trash_takes_the_subtree_and_gives_back_what_went_with_it(
    ann: Api, workspace: str, clock: Clock
):
    (a,) = await make(ann, workspace, "a")
    b, earlier = await make(ann, workspace, "b", "earlier", parent_page_id=a["id"])
    await make(ann, workspace, "c", parent_page_id=b["id"])
    await ann.delete(f"/v1/pages/{earlier['id']}")
    clock.forward(seconds=1)
    assert (await ann.delete(f"/v1/pages/{a['id']}")).status_code == 204
    assert (await ann.delete(f"/v1/pages/{a['id']}")).status_code == 204
    assert await titles(ann, f"{workspace}/pages") == []
    assert (await titles(ann, f"{workspace}/trash"))[-1] == "earlier"
    assert sorted(await titles(ann, f"{workspace}/trash")) == ["a", "b", "c", "earlier"]
    restored = (await ann.post(f"/v1/pages/{a['id']}/restore")).json()
    assert restored["trashed_at"] is None
    assert sorted(await titles(ann, f"{workspace}/pages")) == ["a", "b", "c"]
    assert (await ann.post(f"/v1/pages/{a['id']}/restore")).status_code == 200


async def test_a_page_whose_parent_is_in_the_trash_comes_back_at_the_top(ann: Api, workspace: str):
    (a,) = await make(ann, workspace, "a")
    (b,) = await make(ann, workspace, "b", parent_page_id=a["id"])
    await ann.delete(f"/v1/pages/{a['id']}")
    assert (await ann.post(f"/v1/pages/{b['id']}/restore")).json()["parent_page_id"] is None
    assert await titles(ann, f"{workspace}/pages") == ["b"]


async def test_a_page_in_the_trash_can_be_seen_and_not_changed(ann: Api, workspace: str):
    a, b = await make(ann, workspace, "a", "b")
    await ann.delete(f"/v1/pages/{a['id']}")
    assert (await ann.get(f"/v1/pages/{a['id']}")).json()["trashed_at"]
    refused = await ann.patch(f"/v1/pages/{a['id']}", {"title": "x"})
    assert (refused.status_code, refused.json()["code"]) == (409, "page_trashed")
    below = await ann.patch(f"/v1/pages/{b['id']}", {"parent_page_id": a["id"]})
    assert below.status_code == 422


async def test_guests_read(ann: Api, bob: Api, workspace: str):
    await ann.made(f"{workspace}/members", {"email": "bob@example.com", "role": "guest"})
    (page,) = await make(ann, workspace, "a")
    path = f"/v1/pages/{page['id']}"
    assert (await bob.get(path)).json() == page
    assert await titles(bob, f"{workspace}/pages") == ["a"]
    for refused in (
        await bob.post(f"{workspace}/pages", {"title": "x"}),
        await bob.patch(path, {"title": "x"}),
        await bob.delete(path),
        await bob.post(f"{path}/restore"),
    ):
        assert refused.status_code == 403


async def test_outsiders_see_no_page(ann: Api, bob: Api, workspace: str):
    (page,) = await make(ann, workspace, "a")
    for refused in (
        await bob.get(f"/v1/pages/{page['id']}"),
        await bob.patch(f"/v1/pages/{page['id']}", {"title": "x"}),
        await bob.delete(f"/v1/pages/{page['id']}"),
    ):
        assert refused.status_code == 404
