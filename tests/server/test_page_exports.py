"""Pages to take away: what is in the file, and nothing that one may not see."""

import io
import zipfile
from typing import Any

import pytest
from PIL import Image

from tests.server.api import Api


async def page_of(api: Api, workspace: str, title: str, **more: Any) -> dict[str, Any]:
    return await api.made(f"{workspace}/pages", {"title": title, **more})


async def write(api: Api, page: dict[str, Any], markdown: str) -> None:
    answer = await api.put(f"/v1/pages/{page['id']}/markdown", {"markdown": markdown})
    assert answer.status_code == 200, answer.text


async def export(api: Api, page: dict[str, Any], **query: Any) -> Any:
    answer = await api.get(f"/v1/pages/{page['id']}/export", params=query)
    assert answer.status_code == 200, answer.text
    return answer


async def picture(api: Api, workspace: str, page: dict[str, Any], name: str) -> str:
    data = io.BytesIO()
    Image.new("RGB", (2, 2)).save(data, "PNG")
    sent = await api.request(
        "POST",
        f"{workspace}/files",
        params={"document": page["document"], "name": name},
        content=data.getvalue(),
    )
    return sent.json()["id"]


async def test_a_page_alone_is_one_file(ann: Api, workspace: str):
    page = await page_of(ann, workspace, "Plan: A/B")
    await write(ann, page, "Some **words**.")
    markdown = await export(ann, page)
    assert markdown.headers["content-disposition"] == "attachment; filename*=UTF-8''Plan%20A%20B.md"
    assert markdown.text.endswith("# Plan: A/B\n\nSome **words**.\n")
    html = await export(ann, page, format="html")
    assert "<h1>Plan: A/B</h1>\n<p>Some <strong>words</strong>.</p>" in html.text
    table = {"columns": {"t": {"name": "Name"}}, "rows": {"r": {"cells": {"t": "Zoe"}}}}
    body = {"type": "table_view", "content": table, "position_x": 5}
    await ann.made(f"/v1/pages/{page['id']}/blocks", body)
    exported = (await export(ann, page, format="json")).json()
    blocks = (await ann.get(f"/v1/pages/{page['id']}/blocks")).json()["items"]
    assert (exported["format"], exported["title"]) == ("ionflux.page.1", "Plan: A/B")
    for entry, block in zip(exported["blocks"], blocks, strict=True):
        assert entry == {name: block[name] for name in entry}


@pytest.mark.parametrize(("format_", "suffix"), [("markdown", "md"), ("html", "html")])
async def test_a_zip_has_all_below_with_files_and_relative_links(
    ann: Api, workspace: str, format_: str, suffix: str
):
    top = await page_of(ann, workspace, "Top")
    child = await page_of(ann, workspace, "Child", parent_page_id=top["id"])
    twin = await page_of(ann, workspace, "child", parent_page_id=top["id"])
    first, second = [await picture(ann, workspace, top, "a b.png") for _ in range(2)]
    await write(ann, top, f"[down](page:{twin['id']})")
    await write(ann, child, f"[up](page:{top['id']}) ![x](/v1/files/{first}/content)")
    await ann.made(f"/v1/pages/{top['id']}/blocks", {"type": "image", "content": {"file_id": second}})
    answer = await export(ann, top, format=format_, with_children=True)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        names = set(archive.namelist())
        of = {name: archive.read(name).decode() for name in names if name.endswith(suffix)}
        assert archive.read("files/a b.png").startswith(b"\x89PNG")
    pages = {f"Top.{suffix}", f"Top/Child.{suffix}", f"Top/child (2).{suffix}"}
    assert names == pages | {"files/a b.png", "files/a b (2).png"}
    assert f"Top/child%20%282%29.{suffix}" in of[f"Top.{suffix}"]
    assert "files/a%20b.png" in of[f"Top.{suffix}"]
    assert f"../Top.{suffix}" in of[f"Top/Child.{suffix}"]
    assert "../files/a%20b%20%282%29.png" in of[f"Top/Child.{suffix}"]


async def test_an_export_has_nothing_that_one_may_not_see(ann: Api, bob: Api, workspace: str):
    await ann.made(f"{workspace}/members", {"email": bob.user["email"], "role": "guest"})
    top = await page_of(ann, workspace, "Top")
    closed = await page_of(ann, workspace, "Closed", parent_page_id=top["id"])
    await ann.patch(f"/v1/pages/{closed['id']}/access", {"mode": "restricted"})
    file_id = await picture(ann, workspace, closed, "secret.png")
    await ann.made(f"/v1/pages/{top['id']}/blocks", {"type": "image", "content": {"file_id": file_id}})
    answer = await export(bob, top, format="json", with_children=True)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.namelist() == ["Top.json"]
    assert (await bob.get(f"/v1/pages/{closed['id']}/export")).status_code == 404
    assert (await ann.get(f"/v1/pages/{top['id']}/export?format=pdf")).status_code == 400
