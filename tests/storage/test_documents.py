"""Documents that begin anew (D7)."""

import pytest

from storage.engine import Database
from storage.errors import UnknownDocumentError
from storage.update_log import UpdateLog
from tests.services.databases import add_workspace

PAGE = "page:0198c5b7-5c2f-7000-8000-000000000001"


async def test_D7_a_reset_keeps_what_the_document_was(database: Database):
    workspace_id, _ = await add_workspace(database)
    async with UpdateLog.of(database) as log:
        async with database.transaction() as uow:
            first = await uow.documents.create(PAGE, workspace_id)
        await log.append(PAGE, [(b"1", "user:ann"), (b"2", "user:ann")])
        async with database.transaction() as uow:
            found = await uow.documents.get(PAGE)
            assert found
            version = await uow.versions.create(found, name="Before", created_by="user:ann")
        async with database.transaction() as uow:
            second = await uow.documents.reset(PAGE)

        assert second.epoch != first.epoch
        assert (second.head, second.workspace_id) == (0, workspace_id)
        assert await log.load(PAGE) == (0, None, [])
        assert await log.load(f"{PAGE}@{first.epoch}") == (2, None, [b"1", b"2"])
        async with database.read() as uow:
            now, was = await uow.documents.get(PAGE), await uow.documents.get(f"{PAGE}@{first.epoch}")
            assert now
            assert was
            assert await uow.versions.get(now, version.id) is None
            assert await uow.versions.get(was, version.id)
            assert await uow.documents.epochs([PAGE, "page:unknown"]) == {PAGE: second.epoch}


async def test_D7_a_document_may_begin_anew_with_a_content(database: Database):
    async with UpdateLog.of(database) as log:
        async with database.transaction() as uow:
            await uow.documents.create(PAGE, None)
        await log.append(PAGE, [(b"1", "user:ann"), (b"2", "user:ann")])
        for content in (b"restored", b"again"):
            async with database.transaction() as uow:
                document = await uow.documents.reset(PAGE, content, author="user:bob")
            assert await log.load(f"{PAGE}#{document.epoch}") == (1, None, [content])
        assert await log.append(PAGE, [(b"next", "user:ann")]) == 2


async def test_D7_a_document_that_is_not_there_cannot_be_reset(database: Database):
    with pytest.raises(UnknownDocumentError):
        async with database.transaction() as uow:
            await uow.documents.reset("page:unknown")
