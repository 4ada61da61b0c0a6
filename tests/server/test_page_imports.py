"""Imports of pages: into new pages below one, in the background, told of file by file."""

import asyncio
import io
import re
import zipfile
from typing import Any

import pytest
from PIL import Image

from server.page_imports import archive, running
from storage.errors import StoreUnavailableError
from tests.server.api import Api
from tests.waiting import until

A, B, C, D = ("0" * 31 + "a", "0" * 31 + "b", "0" * 31 + "c", "0" * 31 + "d")
BLOCK_MARK = re.compile(r"<!-- block:\S+ -->\n\n")
"""What Markdown of a page says in front of each block."""
FILE = re.compile(r"/v1/files/([0-9a-f-]{36})/content")


def png() -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (2, 2)).save(data, "PNG")
    return data.getvalue()


def packed(files: dict[str, str | bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as zipped:
        for name, content in files.items():
            zipped.writestr(name, content)
    return data.getvalue()


async def page_of(api: Api, workspace: str, title: str) -> dict[str, Any]:
    return await api.made(f"{workspace}/pages", {"title": title})


async def upload(api: Api, workspace: str, data: bytes) -> str:
    sent = await api.request("POST", f"{workspace}/files", params={"name": "Export.zip"}, content=data)
    assert sent.status_code == 201, sent.text
    return sent.json()["id"]


async def begin(api: Api, workspace: str, page: dict[str, Any], data: bytes) -> str:
    """Begin an import; return its path."""
    path = f"/v1/pages/{page['id']}/imports"
    return f"{path}/{(await api.made(path, {'file_id': await upload(api, workspace, data)}))['id']}"


async def ended(api: Api, path: str) -> dict[str, Any]:
    """Wait for the end of an import; return it."""

    async def look() -> dict[str, Any] | None:
        found = (await api.get(path)).json()
        return None if found["status"] in ("waiting", "running") else found

    return await until(look, seconds=60)


async def report(api: Api, path: str) -> dict[str, str]:
    items = (await api.get(f"{path}/report?limit=200")).json()["items"]
    return {item["path"]: item["outcome"] for item in items}


async def below(api: Api, page_id: str | None) -> dict[str, dict[str, Any]]:
    """Return the pages below one, by title."""
    items = (await api.get(f"/v1/pages/{page_id}/children?limit=200")).json()["items"]
    return {item["title"]: item for item in items}


async def markdown(api: Api, page: dict[str, Any]) -> str:
    return (await api.get(f"/v1/pages/{page['id']}/markdown")).json()["markdown"]


async def blocks(api: Api, page: dict[str, Any]) -> list[dict[str, Any]]:
    return (await api.get(f"/v1/pages/{page['id']}/blocks")).json()["items"]


async def test_an_export_of_notion_becomes_pages_tables_and_pictures(ann: Api, workspace: str):
    page = await page_of(ann, workspace, "Old things")
    inner = packed(
        {
            f"Plan {A}.md": f"# Plan\n\nSee [tasks](Plan%20{A}/Tasks%20{B}.csv).\n\n"
            f"![Logo](Plan%20{A}/logo.png)\n",
            f"Plan {A}/logo.png": png(),
            f"Plan {A}/unused.bin": b"\0\1",
            f"Plan {A}/Tasks {B}.csv": "Name,Done\nWrite,No\n",
            f"Plan {A}/Tasks {B}_all.csv": "Name,Done\nWrite,No\nRead,Yes\n",
            f"Plan {A}/Tasks {B}/Write {C}.md": f"# Write\n\nDone: No\n\n[up](../../Plan%20{A}.md)\n",
            "../evil.md": "x",
            "broken.html": b"\0\xff",
        }
    )
    path = await begin(ann, workspace, page, packed({"Export-Part-1.zip": inner}))
    found = await ended(ann, path)
    assert (found["status"], found["detail"]) == ("done", None)
    assert found["done"] == found["total"] == 6
    (root,) = (await below(ann, page["id"])).values()
    assert (root["title"], root["id"]) == ("Export", found["root_page_id"])
    top = await below(ann, root["id"])
    assert set(top) == {"Plan", "broken"}
    tasks = (await below(ann, top["Plan"]["id"]))["Tasks"]
    write = (await below(ann, tasks["id"]))["Write"]
    text, picture = await blocks(ann, top["Plan"])
    assert f"[tasks](page:{tasks['id']})" in await markdown(ann, top["Plan"])
    assert (text["type"], picture["type"], picture["content"]["alt"]) == ("text", "image", "Logo")
    file = (await ann.get(f"/v1/files/{picture['content']['file_id']}")).json()
    assert (file["name"], file["document"]) == ("logo.png", root["document"])
    (table,) = await blocks(ann, tasks)
    assert (table["type"], len(table["content"]["rows"]), table["condition"]) == ("table_view", 2, "fine")
    assert f"[up](page:{top['Plan']['id']})" in await markdown(ann, write)
    assert await report(ann, path) == {
        "../evil.md": "left_out",
        f"Plan {A}.md": "page",
        f"Plan {A}/Tasks {B}.csv": "left_out",
        f"Plan {A}/Tasks {B}_all.csv": "page",
        f"Plan {A}/Tasks {B}/Write {C}.md": "page",
        "broken.html": "failed",
        f"Plan {A}/logo.png": "file",
        f"Plan {A}/unused.bin": "left_out",
    }


def notion_html(title: str, body: str) -> str:
    """Return a page as Notion exports it: each item in a list of its own."""
    return (
        '<html><head><meta http-equiv="Content-Type" content="text/html; charset=utf-8"/>'
        f"<title>{title}</title><style>\n/* cspell:disable-file */\nbody {{ line-height: 1.5; }}\n</style>"
        '</head><body><article id="1f" class="page sans"><header>'
        '<div class="page-header-icon undefined"><span class="icon">🎉</span></div>'
        f'<h1 class="page-title" dir="auto">{title}</h1><p class="page-description" dir="auto"></p></header>'
        f'<div class="page-body">{body}</div></article><span class="sans"></span></body></html>'
    )


def notion_task(words: str, below: str = "", *, is_done: bool) -> str:
    box, state = ("on", "checked") if is_done else ("off", "unchecked")
    return (
        f'<ul id="2f" class="to-do-list"><li><div class="checkbox checkbox-{box}"></div>'
        f' <span class="to-do-children-{state}">{words}</span><div class="indented">{below}</div></li></ul>'
    )


async def test_an_export_of_notion_in_html_keeps_ticks_lists_pictures_links_and_tables(
    ann: Api, workspace: str
):
    body = "".join(
        (
            notion_task("Tea", notion_task("Green", is_done=False), is_done=True),
            notion_task("Milk", is_done=False),
            '<p id="3f" class="">Then:</p>',
            '<div style="display:contents" dir="auto">',
            '<ol type="1" id="4f" class="numbered-list" start="1"><li>Boil</li></ol>',
            '</div><div style="display:contents" dir="auto">',
            '<ol type="1" id="5f" class="numbered-list" start="2"><li>Pour</li></ol></div>',
            '<ul id="6f" class="toggle"><li><details open=""><summary>More</summary>'
            '<p id="7f" class="">Inside</p></details></li></ul>',
            f'<figure id="8f" class="image"><a href="Plan%20{A}/logo.png">'
            f'<img style="width:240px" src="Plan%20{A}/logo.png"/></a></figure>',
            f'<figure id="9f" class="link-to-page"><a href="Plan%20{A}/Budget%20{B}.html">Budget</a>',
            "</figure>",
            '<div id="af" class="collection-content"><h4 class="collection-title">Tasks</h4>'
            '<table class="collection-content"><thead><tr><th><span class="icon property-icon">'
            '<svg role="graphics-symbol"><path d="M0"></path></svg></span>Name</th><th>Done</th></tr></thead>'
            f'<tbody><tr id="bf"><td class="cell-title"><a href="Plan%20{A}/Tasks%20{C}/Write%20{D}.html">'
            'Write</a></td><td class="cell-J"><div class="checkbox checkbox-on"></div></td></tr></tbody>'
            "</table><br/><br/></div>",
        )
    )
    properties = (
        '<table class="properties"><tbody><tr class="property-row property-row-checkbox"><th>Done</th>'
        '<td><div class="checkbox checkbox-on"></div></td></tr></tbody></table>'
    )
    page = await page_of(ann, workspace, "Old things")
    data = packed(
        {
            f"Plan {A}.html": notion_html("Plan", body),
            f"Plan {A}/logo.png": png(),
            f"Plan {A}/Budget {B}.html": notion_html(
                "Budget", f'<p class="">See <a href="../Plan%20{A}.html">the plan</a></p>'
            ),
            f"Plan {A}/Tasks {C}/Write {D}.html": notion_html("Write &amp; read", properties),
        }
    )
    found = await ended(ann, await begin(ann, workspace, page, data))
    assert (found["status"], found["detail"]) == ("done", None)
    top = await below(ann, found["root_page_id"])
    plan = top["Plan"]
    pages = await below(ann, plan["id"])
    written = await below(ann, pages["Tasks"]["id"])
    assert (set(top), set(pages), set(written)) == ({"Plan"}, {"Budget", "Tasks"}, {"Write & read"})
    before, picture, after = await blocks(ann, plan)
    assert (before["type"], picture["type"], after["type"]) == ("text", "image", "text")
    file = (await ann.get(f"/v1/files/{picture['content']['file_id']}")).json()
    assert file["name"] == "logo.png"
    said = BLOCK_MARK.sub("", await markdown(ann, plan))
    assert said.partition("![")[0] == (
        "- [x] Tea\n  - [ ] Green\n- [ ] Milk\n\nThen:\n\n1. Boil\n2. Pour\n\n- More\n\n  Inside\n\n"
    )
    assert f"[Budget](page:{pages['Budget']['id']})" in said
    row = f"| [Write](page:{written['Write & read']['id']}) | Yes |"
    assert f"| Name | Done |\n| --- | --- |\n{row}\n" in said
    assert await markdown(ann, pages["Budget"]) == f"See [the plan](page:{plan['id']})\n"
    assert "Yes" in await markdown(ann, written["Write & read"])


async def test_pages_that_were_exported_as_json_come_back_as_they_were(ann: Api, workspace: str):
    top = await page_of(ann, workspace, "Top")
    child = await ann.made(f"{workspace}/pages", {"title": "Child", "parent_page_id": top["id"]})
    sent = await ann.request(
        "POST", f"{workspace}/files", params={"document": top["document"]}, content=png()
    )
    path = f"/v1/pages/{top['id']}/blocks"
    board = {
        "columns": {"a": {"name": "To do", "order": "n0"}},
        "cards": {"c": {"column": "a", "title": "Write", "order": "n0", "due": "2026-05-04"}},
    }
    link = [
        {"type": "text", "text": "x", "marks": [{"type": "link", "attrs": {"href": f"page:{child['id']}"}}]}
    ]
    doc = {"type": "doc", "content": [{"type": "paragraph", "content": link}]}
    await ann.made(path, {"type": "kanban_board", "content": board, "position_x": 4, "width": 77})
    await ann.made(path, {"type": "text", "content": {"doc": doc}})
    await ann.made(path, {"type": "image", "content": {"file_id": sent.json()["id"], "alt": "A"}})
    exported = await ann.get(
        f"/v1/pages/{top['id']}/export", params={"format": "json", "with_children": True}
    )
    target = await page_of(ann, workspace, "Target")
    found = await ended(ann, await begin(ann, workspace, target, exported.content))
    assert found["status"] == "done"
    again = (await below(ann, found["root_page_id"]))["Top"]
    child_again = (await below(ann, again["id"]))["Child"]
    before, after = await blocks(ann, top), await blocks(ann, again)
    for old, new in zip(before, after, strict=True):
        same = ("type", "position_x", "position_y", "width", "height", "z_index", "condition")
        assert {name: new[name] for name in same} == {name: old[name] for name in same}
    assert after[0]["content"] == before[0]["content"]
    assert f"[x](page:{child_again['id']})" in await markdown(ann, again)
    picture = after[2]["content"]
    assert picture["file_id"] != before[2]["content"]["file_id"]
    assert (await ann.get(f"/v1/files/{picture['file_id']}/content")).status_code == 200


async def test_pages_that_were_exported_as_markdown_come_back_with_their_tree_texts_and_links(
    ann: Api, workspace: str
):
    top = await page_of(ann, workspace, "Top")

    async def made(title: str, above: dict[str, Any]) -> dict[str, Any]:
        return await ann.made(f"{workspace}/pages", {"title": title, "parent_page_id": above["id"]})

    plan = await made("Plan: *A*/B", top)
    twins = [await made("Notes", plan), await made("notes", plan)]
    deep = await made("Été 2026", twins[1])
    empty = await made("README", top)
    pages = [top, plan, *twins, deep, empty]
    sent = await ann.request(
        "POST", f"{workspace}/files", params={"document": top["document"], "name": "a b.png"}, content=png()
    )
    texts = {
        top["id"]: f"# Not the title\n\n[down](page:{deep['id']}) and [beside](page:{twins[0]['id']})\n",
        plan["id"]: "- [x] Tea\n- [ ] Milk\n\n| Name | Price |\n| --- | --: |\n| Tea | 12 |\n",
        twins[0]["id"]: f"The first. [up](page:{plan['id']})\n",
        twins[1]["id"]: f"The second. [other](page:{twins[0]['id']}) [itself](page:{twins[1]['id']})\n",
        deep["id"]: f"[top](page:{top['id']}) [web](https://example.com/x)\n\n```py\nx = 1\n```\n",
    }
    for page_id, text in texts.items():
        put = await ann.put(f"/v1/pages/{page_id}/markdown", {"markdown": text})
        assert put.status_code == 200, put.text
    picture = {"file_id": sent.json()["id"], "alt": "A cup"}
    await ann.made(f"/v1/pages/{twins[0]['id']}/blocks", {"type": "image", "content": picture})

    exported = await ann.get(
        f"/v1/pages/{top['id']}/export", params={"format": "markdown", "with_children": True}
    )
    target = await page_of(ann, workspace, "Target")
    found = await ended(ann, await begin(ann, workspace, target, exported.content))
    assert (found["status"], found["detail"]) == ("done", None)

    async def tree(page_id: str) -> Any:
        return [(title, await tree(page["id"])) for title, page in (await below(ann, page_id)).items()]

    assert await tree(found["root_page_id"]) == [("Top", await tree(top["id"]))]
    again = {"Top": (await below(ann, found["root_page_id"]))["Top"]}
    for above, *titles in (
        ("Top", "Plan: *A*/B", "README"),
        ("Plan: *A*/B", "Notes", "notes"),
        ("notes", "Été 2026"),
    ):
        again |= {title: (await below(ann, again[above]["id"]))[title] for title in titles}
    renamed = {page["id"]: again[page["title"]]["id"] for page in pages}
    for page in pages:
        said = BLOCK_MARK.sub("", await markdown(ann, page))
        for old, new in renamed.items():
            said = said.replace(old, new)
        come_back = BLOCK_MARK.sub("", await markdown(ann, again[page["title"]]))
        assert FILE.sub("", come_back) == FILE.sub("", said)
        file_ids = FILE.findall(come_back)
        assert len(file_ids) == (page == twins[0])
        for file_id in file_ids:
            assert file_id != picture["file_id"]
            assert (await ann.get(f"/v1/files/{file_id}/content")).content == png()


async def test_an_import_that_is_cut_off_goes_on_and_makes_nothing_twice(
    ann: Api, workspace: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(running, "PAGES_AT_ONCE", 2)
    monkeypatch.setattr(running, "RETRY_SECONDS", 0.01)
    add_pages, calls = running.add_pages, 0

    async def break_off(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        made = await add_pages(*args, **kwargs)
        if calls in (3, 5):
            raise StoreUnavailableError("cut off")
        return made

    monkeypatch.setattr(running, "add_pages", break_off)
    page = await page_of(ann, workspace, "Page")
    files: dict[str, str | bytes] = {f"{n}.md": f"![x](x.png) {n}" for n in range(7)}
    path = await begin(ann, workspace, page, packed({**files, "x.png": png()}))
    found = await ended(ann, path)
    assert (found["status"], found["done"], calls > 5) == ("done", 8, True)
    assert sorted(await below(ann, found["root_page_id"])) == [str(n) for n in range(7)]
    assert set((await report(ann, path)).values()) == {"page", "file"}


async def test_an_import_can_be_cancelled_and_what_came_in_is_there(
    ann: Api, workspace: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(running, "PAGES_AT_ONCE", 1)
    is_there, may_go_on = asyncio.Event(), asyncio.Event()
    done = 0
    commit = running._Import._commit  # pyright: ignore[reportPrivateUsage]

    async def wait_before_the_third(self: Any, drafts: Any, *args: Any) -> None:
        nonlocal done
        done += len(drafts)
        if done == 3:
            is_there.set()
            await may_go_on.wait()
        await commit(self, drafts, *args)

    monkeypatch.setattr(running._Import, "_commit", wait_before_the_third)  # pyright: ignore[reportPrivateUsage]
    page = await page_of(ann, workspace, "Page")
    path = await begin(ann, workspace, page, packed({f"{n}.md": "x" for n in range(5)}))
    async with asyncio.timeout(60):
        await is_there.wait()
    cancelled = await ann.post(f"{path}/cancel")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    may_go_on.set()
    after = await page_of(ann, workspace, "After")
    await ended(ann, await begin(ann, workspace, after, packed({"x.md": "x"})))
    assert (await ann.get(path)).json()["status"] == "cancelled"
    assert sorted(await below(ann, cancelled.json()["root_page_id"])) == ["0", "1"]
    again = await ann.post(f"{path}/cancel")
    assert (again.status_code, again.json()["code"]) == (409, "import_over")


async def test_what_cannot_be_imported_says_why(
    ann: Api, bob: Api, workspace: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(archive, "FREE_BYTES", 1000)
    page = await page_of(ann, workspace, "Page")
    found = await ended(ann, await begin(ann, workspace, page, b"no zip"))
    assert found["status"] == "failed"
    assert "no zip" in found["detail"]
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as bomb:
        for n in range(9):
            bomb.writestr(f"{n}.md", b"\0" * 100_000)
    found = await ended(ann, await begin(ann, workspace, page, data.getvalue()))
    assert (found["status"], "too much" in found["detail"]) == ("failed", True)
    theirs = f"/v1/workspaces/{(await bob.made('/v1/workspaces', {'name': 'Theirs'}))['id']}"
    foreign = await upload(bob, theirs, packed({"x.md": "x"}))
    refused = await ann.post(f"/v1/pages/{page['id']}/imports", {"file_id": foreign})
    assert (refused.status_code, refused.json()["errors"][0]["path"]) == (422, "body.file_id")


async def test_an_import_is_for_those_who_may_write_the_page(ann: Api, bob: Api, workspace: str):
    await ann.made(f"{workspace}/members", {"email": bob.user["email"], "role": "guest"})
    page, other = await page_of(ann, workspace, "Page"), await page_of(ann, workspace, "Other")
    path = await begin(ann, workspace, page, packed({"x.md": "x"}))
    assert [(await bob.get(path + more)).status_code for more in ("", "/report")] == [403, 403]
    assert (await ann.get(path.replace(page["id"], other["id"]))).status_code == 404
    listed = (await ann.get(f"/v1/pages/{page['id']}/imports")).json()["items"]
    assert [item["id"] for item in listed] == [path.rpartition("/")[2]]
    await ended(ann, path)
