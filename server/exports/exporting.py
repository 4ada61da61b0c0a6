"""What `ionflux export` does: one workspace, as of one moment, into one file, beside a running server."""

from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pycrdt

from crdt.document import LiveDocument
from crdt.errors import DocumentDamaged
from server import __version__
from server.bootstrap import open_database, open_file_store
from server.errors import ExportError
from server.exports.archive import FORMAT, ExportWriter, Manifest, Person, write_export
from server.exports.folder import channel_path, page_paths, write_messages, write_page
from server.files import key_of, thumbnail_key_of
from server.settings import Settings
from storage import migrations
from storage.engine import Database
from storage.errors import FilesUnavailableError
from storage.files import READ_BYTES, FileStore
from storage.unit_of_work import UnitOfWork
from storage.workspace_rows import (
    EXPORTED,
    Row,
    read_document,
    read_documents,
    read_people,
    read_rows,
    references_of,
)

Report = Callable[[str], None]

FILES = "files"


async def export(settings: Settings, workspace_id: UUID, path: Path, report: Report) -> str:
    """Write a workspace into a file; return what to say.

    Cut off at any point it leaves no file, and an older one of that name as it was. Raises ExportError.
    """
    async with open_database(settings) as database:
        await migrations.require_current(database)
        async with database.read() as uow:
            workspace = await uow.workspaces.get(workspace_id)
            if workspace is None:
                raise ExportError(f"there is no workspace {workspace_id}")
            with write_export(path, uow.now) as writer:
                exporting = _Exporting(database, uow, workspace_id, writer, open_file_store(settings), report)
                manifest = await exporting.run(workspace.name)
    return (
        f"{path}: the workspace {workspace.name!r} with {len(manifest.documents)} documents, "
        f"{manifest.rows[FILES]} files and {sum(manifest.rows.values())} rows."
    )


class _Exporting:
    """One export under way."""

    def __init__(
        self,
        database: Database,
        uow: UnitOfWork,
        workspace_id: UUID,
        writer: ExportWriter,
        store: FileStore,
        report: Report,
    ) -> None:
        self._database = database
        self._uow = uow
        self._workspace_id = workspace_id
        self._writer = writer
        self._store = store
        self._report = report
        self._people: dict[UUID, Person] = {}
        self._rows: dict[str, int] = {}

    async def run(self, name: str) -> Manifest:
        """Write everything, the manifest last."""
        pages, channels = await self._read("pages"), await self._read("channels")
        await self._find_people()
        for table in EXPORTED:
            if table != FILES:
                await self._add_rows(table)
        documents = await self._add_documents(pages, channels)
        await self._add_files()
        manifest = Manifest(
            format=FORMAT,
            version=__version__,
            exported_at=self._uow.now,
            workspace_id=self._workspace_id,
            workspace_name=name,
            people=list(self._people.values()),
            rows=self._rows,
            documents=documents,
            members=self._writer.members,
        )
        self._writer.finish(manifest)
        return manifest

    async def _read(self, table: str) -> list[Row]:
        return [row async for some in self._parts(table) for row in some]

    def _parts(self, table: str) -> AsyncIterator[Sequence[Row]]:
        return read_rows(self._uow.session, table, self._workspace_id)

    async def _find_people(self) -> None:
        """Find everybody whom a row names."""
        roles = {row["user_id"]: row["role"] for row in await self._read("memberships")}
        ids = set(roles)
        for table in EXPORTED:
            columns = [name for name, of in references_of(table).items() if of == "users"]
            if columns:
                async for rows in self._parts(table):
                    ids |= {row[name] for row in rows for name in columns if row[name] is not None}
        for id_, email, name in await read_people(self._uow.session, ids):
            self._people[id_] = Person(id=id_, email=email, name=name, role=roles.get(id_))

    async def _add_rows(self, table: str) -> None:
        count = 0
        with self._writer.adding(f"entities/{table}.jsonl") as add:
            async for rows in self._parts(table):
                add(msgspec.json.Encoder().encode_lines(rows))
                count += len(rows)
        self._rows[table] = count
        self._report(f"{table}: {count}")

    async def _add_documents(self, pages: Sequence[Row], channels: Sequence[Row]) -> list[str]:
        """Add the states of all documents, and what people read in them."""
        by_name = {f"page:{row['id']}": row for row in pages}
        by_name |= {f"channel:{row['id']}": row for row in channels}
        paths, taken = page_paths(pages), set[str]()
        archived: dict[UUID, list[Row]] = {}
        for message in await self._read("chat_messages"):
            archived.setdefault(message["channel_id"], []).append(message)
        names: list[str] = []
        for document_id, name in await read_documents(self._uow.session, self._workspace_id):
            snapshot, rows = await read_document(self._uow.session, document_id)
            try:
                live = LiveDocument(snapshot, rows)
            except DocumentDamaged as error:
                raise ExportError(f"the document {name} is damaged: run `ionflux doctor`") from error
            for number, piece in enumerate(live.pieces()):
                self._writer.add(f"documents/{name.replace(':', '-')}/{number}.yjs", [piece])
            names.append(name)
            if (row := by_name.get(name)) is not None:
                doc = pycrdt.Doc[Any]()
                doc.apply_update(live.state())
                if name.startswith("page:"):
                    author = self._people.get(row["created_by_user_id"])
                    self._writer.add(
                        paths[row["id"]], [write_page(row, doc, author.email if author else None)]
                    )
                else:
                    self._writer.add(
                        channel_path(row, taken), write_messages(doc, archived.get(row["id"], []))
                    )
            if len(names) % 100 == 0:
                self._report(f"documents: {len(names)}")
        self._report(f"documents: {len(names)}")
        return names

    async def _add_files(self) -> None:
        """Add the contents of files, then the rows of those that were not deleted meanwhile."""
        kept: list[Row] = []
        async for rows in self._parts(FILES):
            for row in rows:
                if await self._add_file(row):
                    kept.append(row)
                    self._report(f"file {len(kept)}: {row['size']} bytes")
        self._writer.add(f"entities/{FILES}.jsonl", [msgspec.json.Encoder().encode_lines(kept)])
        self._rows[FILES] = len(kept)

    async def _add_file(self, row: Row) -> bool:
        id_, key = row["id"], key_of(self._workspace_id, row["id"])
        try:
            await self._copy(key, row["size"], f"files/{id_}")
            if row["thumbnail_size"] is not None:
                key = thumbnail_key_of(self._workspace_id, id_)
                await self._copy(key, row["thumbnail_size"], f"files/{id_}.thumbnail")
        except FilesUnavailableError:
            async with self._database.read() as now:
                if await now.file_space.existing({id_}):
                    raise
            return False
        return True

    async def _copy(self, key: str, size: int, name: str) -> None:
        first = [part async for part in self._store.read(key, 0, min(size, READ_BYTES))]
        try:
            with self._writer.adding(name, compress=False) as add:
                for part in first:
                    add(part)
                async for part in self._store.read(key, min(size, READ_BYTES), size):
                    add(part)
        except FilesUnavailableError as error:
            raise ExportError(f"a file cannot be read to its end; try again: {error}") from error
