"""Duplicates and templates: whole pages, one's own, linked among themselves."""

from typing import Any
from uuid import UUID

import pytest

from server.bootstrap import Services
from server.data_folder import read_demo_login
from server.rest import page_copies
from server.seed import seed
from storage.errors import StoreUnavailableError
from tests.blocks.test_page import CONTENTS
from tests.server.api import Api
from tests.waiting import until


async def page_of(api: Api, workspace: str, title: str, **more: Any) -> dict[str, Any]:
    return await api.made(f"{workspace}/pages", {"title": title, **more})


async def write(api: Api, page: dict[str, Any], markdown: str) -> None:
    answer = await api.put(f"/v1/pages/{page['id']}/markdown", {"markdown": markdown})
    assert answer.status_code == 200, answer.text


async def read(api: Api, page_id: str) -> str:
    return (await api.get(f"/v1/pages/{page_id}/markdown")).json()["markdown"]


async def blocks_of(api: Api, page_id: str) -> list[dict[str, Any]]:
    return (await api.get(f"/v1/pages/{page_id}/blocks")).json()["items"]


async def tree(api: Api, workspace: str) -> dict[str, dict[str, Any]]:
    pages = (await api.get(f"{workspace}/pages?limit=200")).json()["items"]
    return {page["id"]: page for page in pages}


async def test_a_duplicate_is_a_page_of_ones_own_beside_the_original(
    ann: Api, bob: Api, workspace: str, services: Services
):
    await ann.made(f"{workspace}/members", {"email": bob.user["email"]})
    page = await page_of(ann, workspace, "Plan", icon_url="https://example.com/icon.png")
    await page_of(ann, workspace, "Last")
    await write(ann, page, "# Plan\n\nSome **words**.")
    copy = await bob.made(f"/v1/pages/{page['id']}/duplicate", {})
    assert (copy["title"], copy["icon_url"]) == ("Plan (copy)", page["icon_url"])
    assert copy["created_by_user_id"] == bob.user["id"]
    pages = (await ann.get(f"{workspace}/pages")).json()["items"]
    assert [found["title"] for found in pages] == ["Plan", "Plan (copy)", "Last"]
    assert await read(ann, copy["id"]) == await read(ann, page["id"])
    (old,), (new,) = await blocks_of(ann, page["id"]), await blocks_of(ann, copy["id"])
    assert new["id"] != old["id"]
    assert (new["created_by"], old["created_by"]) == (f"user:{bob.user['id']}", f"user:{ann.user['id']}")
    # It is found at once, and is another document: what is written in one is not in the other.
    assert (await bob.get(f"/v1/blocks/{new['id']}")).json()["page_id"] == copy["id"]
    await write(bob, copy, "Other words.")
    assert "Some **words**." in await read(ann, page["id"])
    async with services.database.read() as uow:
        events = await uow.events.after(UUID(page["workspace_id"]), 0, 50)
    created = [event.subject for event in events if event.type == "page.created"]
    assert created[-1] == copy["document"]


async def test_links_among_pages_that_are_copied_lead_to_the_copies(ann: Api, workspace: str):
    top = await page_of(ann, workspace, "Top")
    child = await page_of(ann, workspace, "Child", parent_page_id=top["id"])
    deep = await page_of(ann, workspace, "Deep", parent_page_id=child["id"])
    other = await page_of(ann, workspace, "Other")
    await write(ann, top, f"[down](page:{deep['id']}) and [away](page:{other['id']})")
    await write(ann, deep, f"[up](https://example.com/pages/{top['id']})")
    copy = await ann.made(f"/v1/pages/{top['id']}/duplicate", {"title": "Again"})
    pages = await tree(ann, workspace)
    (new_child,) = [page for page in pages.values() if page["parent_page_id"] == copy["id"]]
    (new_deep,) = [page for page in pages.values() if page["parent_page_id"] == new_child["id"]]
    assert (new_child["title"], new_deep["title"]) == ("Child", "Deep")
    assert await read(ann, copy["id"]) == (f"[down](page:{new_deep['id']}) and [away](page:{other['id']})\n")
    assert await read(ann, new_deep["id"]) == f"[up](https://example.com/pages/{copy['id']})\n"
    alone = await ann.made(f"/v1/pages/{top['id']}/duplicate", {"with_children": False})
    assert f"page:{deep['id']}" in await read(ann, alone["id"])
    assert not [
        page for page in (await tree(ann, workspace)).values() if page["parent_page_id"] == alone["id"]
    ]


async def test_every_type_of_block_comes_along_without_what_was_deleted(ann: Api, workspace: str):
    page = await page_of(ann, workspace, "Board")
    path = f"/v1/pages/{page['id']}/blocks"
    place = {"position_x": 7, "position_y": -3, "width": 10, "height": 20, "z_index": 4}
    for type_, content in CONTENTS.items():
        await ann.made(path, {"type": type_, "content": content, **place})
    gone = await ann.made(path, {"type": "embed_panel", "content": {"url": "https://example.com/"}})
    await ann.delete(f"/v1/blocks/{gone['id']}")
    copy = await ann.made(f"/v1/pages/{page['id']}/duplicate", {})
    old, new = await blocks_of(ann, page["id"]), await blocks_of(ann, copy["id"])
    own = {"id", "page_id", "created_at", "updated_at"}
    assert [{k: v for k, v in block.items() if k not in own} for block in new] == [
        {k: v for k, v in block.items() if k not in own} for block in old
    ]
    assert [(block["type"], block["condition"]) for block in new] == [(type_, "fine") for type_ in CONTENTS]
    assert not {block["id"] for block in new} & {block["id"] for block in old}


async def test_a_duplicate_that_fails_leaves_nothing_and_one_that_is_asked_for_twice_is_one(
    ann: Api, workspace: str, monkeypatch: pytest.MonkeyPatch
):
    page = await page_of(ann, workspace, "Plan")
    await page_of(ann, workspace, "Child", parent_page_id=page["id"])
    path, key = f"/v1/pages/{page['id']}/duplicate", {"Idempotency-Key": "once"}
    add_pages = page_copies.add_pages

    async def break_off(*args: Any, **kwargs: Any) -> None:
        await add_pages(*args, **kwargs)
        raise StoreUnavailableError("cut off")

    with monkeypatch.context() as patched:
        patched.setattr(page_copies, "add_pages", break_off)
        assert (await ann.post(path, {}, headers=key)).status_code == 503
    assert len(await tree(ann, workspace)) == 2
    first, second = [(await ann.post(path, {}, headers=key)).json() for _ in range(2)]
    assert first == second
    assert len(await tree(ann, workspace)) == 4


async def test_what_one_may_not_see_is_not_copied(ann: Api, bob: Api, workspace: str):
    await ann.made(f"{workspace}/members", {"email": bob.user["email"]})
    top = await page_of(ann, workspace, "Top")
    await page_of(ann, workspace, "Open", parent_page_id=top["id"])
    closed = await page_of(ann, workspace, "Closed", parent_page_id=top["id"])
    await page_of(ann, workspace, "Below", parent_page_id=closed["id"])
    trashed = await page_of(ann, workspace, "Trashed", parent_page_id=top["id"])
    await ann.delete(f"/v1/pages/{trashed['id']}")
    await ann.patch(f"/v1/pages/{closed['id']}/access", {"mode": "restricted"})
    await bob.made(f"/v1/pages/{top['id']}/duplicate", {"title": "Mine"})
    titles = [page["title"] for page in (await tree(ann, workspace)).values()]
    assert sorted(titles) == ["Below", "Closed", "Mine", "Open", "Open", "Top"]
    refused = await ann.post(f"/v1/pages/{trashed['id']}/duplicate", {})
    assert (refused.status_code, refused.json()["code"]) == (409, "page_trashed")


async def test_whoever_may_write_the_page_alone_gets_the_copy_below_it(ann: Api, bob: Api, workspace: str):
    page = await page_of(ann, workspace, "Plan")
    await ann.made(f"/v1/pages/{page['id']}/grants", {"email": bob.user["email"], "level": "write"})
    copy = await bob.made(f"/v1/pages/{page['id']}/duplicate", {})
    assert copy["parent_page_id"] == page["id"]
    at_the_top = await bob.post(f"/v1/pages/{page['id']}/duplicate", {"parent_page_id": None})
    assert at_the_top.status_code == 404


async def test_a_copy_goes_where_it_is_wanted(ann: Api, workspace: str):
    page, other = await page_of(ann, workspace, "Plan"), await page_of(ann, workspace, "Other")
    copy = await ann.made(
        f"/v1/pages/{page['id']}/duplicate", {"parent_page_id": other["id"], "after": None, "title": "x"}
    )
    assert copy["parent_page_id"] == other["id"]
    nowhere = await ann.post(
        f"/v1/pages/{page['id']}/duplicate", {"parent_page_id": other["id"], "after": page["id"]}
    )
    assert nowhere.status_code == 422


async def test_a_page_is_made_from_a_template_with_what_is_below_it(ann: Api, workspace: str):
    template = await page_of(ann, workspace, "Meeting")
    below = await page_of(ann, workspace, "{{title}}: notes of {{date}}", parent_page_id=template["id"])
    await write(
        ann, template, f"# {{{{title}}}}\n\nBy {{{{ author }}}}, {{{{what}}}}. [Notes](page:{below['id']})"
    )
    nothing = await ann.post(f"{workspace}/pages", {"title": "x", "template_id": template["id"]})
    assert (nothing.status_code, nothing.json()["errors"][0]["path"]) == (422, "body.template_id")
    marked = await ann.patch(f"/v1/pages/{template['id']}", {"is_template": True})
    assert marked.json()["is_template"]
    listed = (await ann.get(f"{workspace}/templates")).json()["items"]
    assert [page["id"] for page in listed] == [template["id"]]
    page = await page_of(ann, workspace, "Monday", template_id=template["id"])
    assert not page["is_template"]
    (child,) = [one for one in (await tree(ann, workspace)).values() if one["parent_page_id"] == page["id"]]
    today = page["created_at"][:10]
    assert child["title"] == f"Monday: notes of {today}"
    assert await read(ann, page["id"]) == (f"# Monday\n\nBy Ann, {{{{what}}}}. [Notes](page:{child['id']})\n")
    await ann.delete(f"/v1/pages/{template['id']}")
    assert (await ann.get(f"{workspace}/templates")).json()["items"] == []
    gone = await ann.post(f"{workspace}/pages", {"title": "x", "template_id": template["id"]})
    assert gone.status_code == 422


async def test_a_template_that_one_may_not_see_is_none(ann: Api, bob: Api, workspace: str):
    await ann.made(f"{workspace}/members", {"email": bob.user["email"]})
    template = await page_of(ann, workspace, "Secret")
    await ann.patch(f"/v1/pages/{template['id']}", {"is_template": True})
    await ann.patch(f"/v1/pages/{template['id']}/access", {"mode": "restricted"})
    assert (await bob.get(f"{workspace}/templates")).json()["items"] == []
    refused = await bob.post(f"{workspace}/pages", {"title": "x", "template_id": template["id"]})
    assert refused.status_code == 422


async def test_a_copy_mentions_people_without_telling_them(
    ann: Api, bob: Api, workspace: str, services: Services
):
    await ann.made(f"{workspace}/members", {"email": bob.user["email"]})
    page = await page_of(ann, workspace, "Plan")
    mention = {"type": "mention", "attrs": {"id": bob.user["id"], "kind": "user", "label": "Bob"}}
    doc = {"type": "doc", "content": [{"type": "paragraph", "content": [mention]}]}
    await ann.made(f"/v1/pages/{page['id']}/blocks", {"type": "text", "content": {"doc": doc}})
    copy = await ann.made(f"/v1/pages/{page['id']}/duplicate", {})

    async def are_projected() -> bool:
        async with services.database.read() as uow:
            return all([await uow.projected_blocks.known(UUID(each["id"])) for each in (page, copy)])

    await until(are_projected, seconds=60)
    async with services.database.read() as uow:
        events = await uow.events.after(UUID(page["workspace_id"]), 0, 50)
    assert [event.subject for event in events if event.type == "page.mentioned"] == [page["document"]]


async def test_backlinks_are_those_that_one_may_see(ann: Api, bob: Api, workspace: str):
    await ann.made(f"{workspace}/members", {"email": bob.user["email"]})
    target = await page_of(ann, workspace, "Target")
    sources = [await page_of(ann, workspace, title) for title in ("Open", "Closed", "Trashed")]
    for source in (*sources, target):
        await write(ann, source, f"See [it](page:{target['id']}).")
    await ann.patch(f"/v1/pages/{sources[1]['id']}/access", {"mode": "restricted"})
    path = f"/v1/pages/{target['id']}/backlinks"

    async def are_three() -> bool:
        return len((await ann.get(path)).json()["items"]) == 3

    await until(are_three, seconds=60)
    await ann.delete(f"/v1/pages/{sources[2]['id']}")

    async def seen_by(api: Api) -> list[str]:
        return [link["page"]["title"] for link in (await api.get(path)).json()["items"]]

    assert (await seen_by(ann), await seen_by(bob)) == (["Open", "Closed"], ["Open"])
    (first,) = (await ann.get(path, params={"limit": 1})).json()["items"]
    assert first["block_ids"] == [block["id"] for block in await blocks_of(ann, sources[0]["id"])]
    # Somebody with the target alone sees no others, and those that were granted too.
    cem = await ann.sign_up("cem")
    await ann.made(f"/v1/pages/{target['id']}/grants", {"email": cem.user["email"], "level": "read"})
    assert await seen_by(cem) == []
    await ann.made(f"/v1/pages/{sources[1]['id']}/grants", {"email": cem.user["email"], "level": "read"})
    assert await seen_by(cem) == ["Closed"]


async def test_a_first_workspace_has_templates_that_work(api: Api, services: Services):
    await seed(services)
    login = read_demo_login(services.settings.data_dir)
    assert login
    body = {"email": login.email, "password": login.password}
    demo = api.signed_in((await api.post("/v1/auth/login", body)).json())
    workspace = f"/v1/workspaces/{(await demo.get('/v1/workspaces')).json()['items'][0]['id']}"
    templates = (await demo.get(f"{workspace}/templates")).json()["items"]
    assert [page["title"] for page in templates] == ["Meeting notes", "Campaign brief", "Content calendar"]
    first = (await demo.get(f"{workspace}/pages?limit=1")).json()["items"][0]
    assert first["title"] == "Welcome to IONFLUX"
    types: set[str] = set()
    for template in templates:
        page = await page_of(demo, workspace, "Monday", template_id=template["id"])
        assert "{{" not in await read(demo, page["id"])
        blocks = await blocks_of(demo, page["id"])
        assert {block["condition"] for block in blocks} == {"fine"}
        types |= {block["type"] for block in blocks}
    assert types == {"text", "kanban_board", "table_view"}
