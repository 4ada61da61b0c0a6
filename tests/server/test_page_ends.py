"""The end of pages: by hand or after long in the trash, with documents, and files that nothing else shows."""

import io
from typing import Any
from uuid import UUID

from PIL import Image
from sqlalchemy import func, select

from server.bootstrap import Services
from server.pages.ending import PageTrash
from storage.models import Document, Event, Page, Update
from tests.server.api import Api
from tests.server.conftest import Clock
from tests.waiting import until


async def page_of(api: Api, workspace: str, title: str, **more: Any) -> dict[str, Any]:
    return await api.made(f"{workspace}/pages", {"title": title, **more})


async def counts(services: Services) -> tuple[int, ...]:
    async with services.database.read() as uow:
        found = [
            await uow.session.scalar(select(func.count()).select_from(m)) for m in (Page, Document, Update)
        ]
    return tuple(count or 0 for count in found)


async def picture(api: Api, workspace: str, page: dict[str, Any]) -> str:
    data = io.BytesIO()
    Image.new("RGB", (2, 2)).save(data, "PNG")
    sent = await api.request(
        "POST", f"{workspace}/files", params={"document": page["document"]}, content=data.getvalue()
    )
    content = {"file_id": sent.json()["id"]}
    await api.made(f"/v1/pages/{page['id']}/blocks", {"type": "image", "content": content})
    return sent.json()["id"]


async def test_what_has_been_in_the_trash_for_long_is_deleted_for_good(
    ann: Api, workspace: str, services: Services, clock: Clock
):
    before = await counts(services)
    top = await page_of(ann, workspace, "Top")
    child = await page_of(ann, workspace, "Child", parent_page_id=top["id"])
    await ann.put(f"/v1/pages/{child['id']}/markdown", {"markdown": "Words"})
    await ann.made(f"/v1/pages/{child['id']}/comments", {"text": "Which words?"})
    await ann.made(f"/v1/pages/{child['id']}/suggestions", {"markdown": "Other words"})
    kept = await page_of(ann, workspace, "Kept")
    await ann.made(f"/v1/pages/{top['id']}/share-links", {})
    trash = PageTrash(services.database, services.files, trash_days=30)
    await ann.delete(f"/v1/pages/{top['id']}")
    clock.forward(days=29)
    assert await trash.empty() == 0
    clock.forward(days=2)
    assert await trash.empty() == 1
    token = {"email": ann.user["email"], "password": "correct horse"}
    ann.token = (await ann.post("/v1/auth/login", token)).json()["access_token"]
    for page in (top, child):
        assert (await ann.get(f"/v1/pages/{page['id']}")).status_code == 404
        assert (await ann.get(f"/v1/documents/{page['document']}/versions")).status_code == 404
    assert (await ann.get(f"/v1/pages/{kept['id']}")).status_code == 200
    pages, documents, updates = before
    assert await counts(services) == (pages + 1, documents + 1, updates)
    async with services.database.read() as uow:
        told = await uow.session.scalars(select(Event.subject).where(Event.type == "page.deleted"))
        assert told.all() == [top["document"]]
    assert await trash.empty() == 0


async def test_a_page_is_deleted_by_hand_from_the_trash_alone(ann: Api, bob: Api, workspace: str):
    await ann.made(f"{workspace}/members", {"email": bob.user["email"], "role": "guest"})
    page = await page_of(ann, workspace, "Plan")
    path = f"/v1/pages/{page['id']}/forever"
    early = await ann.delete(path)
    assert (early.status_code, early.json()["code"]) == (409, "page_not_trashed")
    await ann.delete(f"/v1/pages/{page['id']}")
    await ann.made(f"/v1/pages/{page['id']}/grants", {"email": bob.user["email"], "level": "write"})
    assert (await bob.delete(path)).status_code == 403
    assert (await ann.delete(path)).status_code == 204
    assert (await ann.get(f"{workspace}/trash")).json()["items"] == []


async def test_files_go_with_their_page_but_not_those_that_a_copy_shows(
    ann: Api, workspace: str, services: Services
):
    page = await page_of(ann, workspace, "Plan")
    shown, alone = await picture(ann, workspace, page), await picture(ann, workspace, page)
    copy = await ann.made(f"/v1/pages/{page['id']}/duplicate", {})
    blocks = (await ann.get(f"/v1/pages/{copy['id']}/blocks")).json()["items"]
    (unwanted,) = [block for block in blocks if block["content"]["file_id"] == alone]
    await ann.patch(
        f"/v1/blocks/{unwanted['id']}", {"content": {"file_id": None, "url": "https://x.example/"}}
    )

    async def is_projected() -> bool:
        async with services.database.read() as uow:
            known = await uow.projected_blocks.known(UUID(copy["id"]))
            standing = await uow.projections.find(copy["document"])
        return len(known) == 2 and standing is not None and standing.position == standing.head

    await until(is_projected, seconds=60)
    await ann.delete(f"/v1/pages/{page['id']}")
    await ann.delete(f"/v1/pages/{page['id']}/forever")
    assert (await ann.get(f"/v1/files/{alone}")).status_code == 404
    assert (await ann.get(f"/v1/files/{shown}")).json()["document"] == copy["document"]
    assert (await ann.get(f"/v1/files/{shown}/content")).status_code == 200
    async with services.database.read() as uow:
        size = (await ann.get(f"/v1/files/{shown}")).json()["size"]
        assert await uow.file_space.used(UUID(page["workspace_id"])) == size
