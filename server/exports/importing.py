"""What `ionflux import` does: a new workspace from an export, whole or not at all, beside a running server.

The file is read to its end before anything is touched. Then contents of files come into the store, and all
rows in one transaction; what fails or is cut off takes the contents back out.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, cast, get_args
from uuid import UUID

import msgspec
from anyio import CancelScope

from crdt.document import LiveDocument
from crdt.errors import DocumentDamaged, ProtocolError
from server.bootstrap import create_mailer, open_database, open_file_store, utc_now
from server.errors import ExportError
from server.exports.archive import ExportReader, Manifest, read_export
from server.exports.renaming import Renaming
from server.files import key_of, thumbnail_key_of
from server.invitations import LIFETIME, Invitations
from server.mailing import Mailing
from server.opaque_tokens import hash_token
from server.settings import Settings
from server.vault_keys import VaultKeyFile
from storage import migrations
from storage.engine import Database
from storage.errors import BadRowsError, ConstraintError, StorageError
from storage.files import FileStore
from storage.models import Role, User
from storage.search.queries import Kind
from storage.search.sources import SOURCES, refresh
from storage.unit_of_work import UnitOfWork
from storage.vault import Vault
from storage.workspace_rows import (
    EXPORTED,
    Row,
    existing_keys,
    is_taken,
    needed_columns,
    parse_rows,
    references_of,
    write_document,
    write_rows,
)

Report = Callable[[str], None]

MOST_ROWS_BYTES = 512 * 1024 * 1024
"""Of one table."""

AUTHOR = "system"
"""Of the first rows of documents: an export does not tell who wrote what."""

PERSONAL = ("memberships", "page_grants", "channel_members")
"""Rows that are nothing without their person."""

FILES = "files"
KINDS = ("page", "channel", "comments")
"""What documents are of."""

RESET: Mapping[str, tuple[str, ...]] = {
    "agent_configurations": (
        *("last_run_status", "last_run_at", "last_run_id"),
        *("last_run_output_preview", "last_run_full_output_ref"),
    )
}
"""Columns about what is not exported."""

SOURCE_TABLES: dict[Kind, str] = {kind: model.__tablename__ for kind, model in SOURCES.items()}
_FOUND_AT_ONCE = 500

Tables = dict[str, list[Row]]


class Person(msgspec.Struct, frozen=True):
    """Somebody of the export, with their account here if they have one."""

    email: str
    role: Role | None
    account: UUID | None


async def import_(
    settings: Settings, path: Path, report: Report, *, owner: str | None = None, with_invitations: bool = True
) -> str:
    """Make a workspace of an export; return what to say. Raises ExportError, and then nothing was made."""
    with read_export(path) as reader:
        tables = _read_tables(reader)
        pages = {str(row["id"]) for row in tables["pages"]}
        documents = _read_documents(reader, settings.max_document_bytes, pages)
        _check_files(reader, tables[FILES], settings)
        reader.check_all()
        report(f"{path} is whole")
        async with open_database(settings) as database:
            await migrations.require_current(database)
            store = open_file_store(settings)
            importing = _Importing(settings, database, store, reader, report)
            return await importing.run(tables, documents, owner, with_invitations=with_invitations)


class _Importing:
    """One import under way."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        store: FileStore,
        reader: ExportReader,
        report: Report,
    ) -> None:
        self._settings = settings
        self._database = database
        self._store = store
        self._reader = reader
        self._report = report
        self._manifest: Manifest = reader.manifest
        self._put: list[str] = []

    async def run(
        self,
        tables: Tables,
        documents: Mapping[str, list[bytes]],
        owner: str | None,
        *,
        with_invitations: bool,
    ) -> str:
        """Make it."""
        async with self._database.read() as uow:
            people = await self._find_people(uow)
            owner_user = await self._find_owner(uow, tables, people, owner)
            await self._check_definitions(uow, tables)
            renaming = await self._renaming(uow, tables, people)
        workspace_id = renaming.id(self._manifest.workspace_id)
        renamed = _rename_rows(tables, renaming, people, owner_user.id, workspace_id)
        try:
            await self._put_files(tables[FILES], renaming, workspace_id)
            async with self._database.transaction() as uow:
                await self._write(uow, renamed, documents, renaming, workspace_id)
                invited = await self._invite(uow, workspace_id, people, owner_user) if with_invitations else 0
                await uow.events.append(
                    workspace_id,
                    "workspace.imported",
                    None,
                    f"workspace:{workspace_id}",
                    {"exported_from": str(self._manifest.workspace_id)},
                )
        except BaseException as error:
            with CancelScope(shield=True):
                await self._take_back()
            if isinstance(error, ConstraintError | BadRowsError):
                raise ExportError(f"the export does not fit: {error}") from error
            raise
        missing = sorted(one.email for one in people.values() if one.account is None and one.role is not None)
        return self._words(workspace_id, renamed, documents, missing, invited)

    async def _find_people(self, uow: UnitOfWork) -> dict[UUID, Person]:
        found: dict[UUID, Person] = {}
        for one in self._manifest.people:
            if one.role not in (None, *get_args(Role)):
                raise ExportError(f"the export does not fit: there is no role {one.role!r}")
            user = await uow.users.find_by_email(one.email.lower())
            role = cast("Role | None", one.role)
            found[one.id] = Person(one.email.lower(), role, user.id if user else None)
        return found

    async def _find_owner(
        self, uow: UnitOfWork, tables: Tables, people: Mapping[UUID, Person], owner: str | None
    ) -> User:
        """Return whom the workspace will belong to."""
        email = owner
        if email is None:
            person = people.get(tables["workspaces"][0]["owner_user_id"])
            email = person.email if person else ""
        user = await uow.users.find_by_email(email.lower())
        if user is None:
            raise ExportError(
                f"there is no account with the address {email}: say with --owner whose it will be"
            )
        return user

    async def _check_definitions(self, uow: UnitOfWork, tables: Tables) -> None:
        for table in EXPORTED:
            for column, of in references_of(table).items():
                if of == "agent_definitions":
                    wanted = {row[column] for row in tables[table] if row.get(column) is not None}
                    if missing := wanted - await existing_keys(uow.session, of, wanted):
                        raise ExportError(
                            f"the export does not fit: there is no agent {sorted(missing)[0]} here"
                        )

    async def _renaming(self, uow: UnitOfWork, tables: Tables, people: Mapping[UUID, Person]) -> Renaming:
        """Decide whether ids can be kept: all of them, or none."""
        accounts = {old: one.account for old, one in people.items() if one.account is not None}
        ids = {table: {row["id"] for row in rows if "id" in row} for table, rows in tables.items()}
        names = set(self._manifest.documents)
        is_used = bool(await uow.documents.epochs(names))
        for table, found in ids.items():
            is_used = is_used or (bool(found) and await is_taken(uow.session, table, found))
        salt = self._database.new_id().bytes if is_used else None
        return Renaming(accounts, set[UUID]().union(*ids.values()), salt)

    async def _put_files(self, files: Sequence[Row], renaming: Renaming, workspace_id: UUID) -> None:
        for number, row in enumerate(files, 1):
            new_id = renaming.id(row["id"])
            await self._put_object(f"files/{row['id']}", row["size"], key_of(workspace_id, new_id))
            if row["thumbnail_size"] is not None:
                key = thumbnail_key_of(workspace_id, new_id)
                await self._put_object(f"files/{row['id']}.thumbnail", row["thumbnail_size"], key)
            self._report(f"file {number} of {len(files)}: {row['size']} bytes")

    async def _put_object(self, name: str, size: int, key: str) -> None:
        self._put.append(key)
        with closing(self._reader.parts(name, size)) as parts:
            await self._store.put(key, _each(parts))

    async def _take_back(self) -> None:
        """Remove the contents that came in; what fails is collected later as orphans are."""
        for key in self._put:
            try:
                await self._store.delete(key)
            except StorageError:
                return

    async def _write(
        self,
        uow: UnitOfWork,
        tables: Tables,
        documents: Mapping[str, list[bytes]],
        renaming: Renaming,
        workspace_id: UUID,
    ) -> None:
        for table in EXPORTED:
            await write_rows(uow.session, table, tables[table])
            self._report(f"{table}: {len(tables[table])}")
        for name, updates in documents.items():
            document = await uow.documents.create(renaming.text(name), workspace_id)
            await write_document(
                uow.session, document, [renaming.update(update) for update in updates], author=AUTHOR
            )
        self._report(f"documents: {len(documents)}")
        for row in tables["memberships"]:
            await uow.access_changes.note_user(row["user_id"])
        await self._let_be_found(uow, tables)

    async def _let_be_found(self, uow: UnitOfWork, tables: Tables) -> None:
        """Index what no document has: no event tells of it. What documents have follows them."""
        for kind, table in SOURCE_TABLES.items():
            ids = [row["id"] for row in tables[table]]
            for start in range(0, len(ids), _FOUND_AT_ONCE):
                await refresh(uow.session, uow.search, kind, ids[start : start + _FOUND_AT_ONCE])
        await uow.file_texts.read_again([row["id"] for row in tables[FILES]])

    async def _invite(
        self, uow: UnitOfWork, workspace_id: UUID, people: Mapping[UUID, Person], owner: User
    ) -> int:
        """Invite members who have no account here, by mail."""
        workspace = await uow.workspaces.get(workspace_id)
        assert workspace is not None
        keys = VaultKeyFile(self._settings.data_dir)
        keys.make_first()
        mailer = create_mailer(self._settings, utc_now)
        invitations = Invitations(
            Mailing(self._database, Vault(keys), mailer), self._settings.effective_public_url
        )
        missing = [one for one in people.values() if one.account is None]
        for one in missing:
            if one.role is None:
                continue
            invitation_id = uow.new_id()
            token = invitations.new_token(invitation_id)
            invitation = await uow.invitations.create(
                invitation_id,
                workspace_id,
                email=one.email,
                role=one.role,
                token_hash=hash_token(token),
                invited_by_user_id=owner.id,
                expires_at=uow.now + LIFETIME,
            )
            await invitations.send(uow, invitation, token, workspace, owner)
        return len(missing)

    def _words(
        self,
        workspace_id: UUID,
        tables: Tables,
        documents: Mapping[str, object],
        missing: Sequence[str],
        invited: int,
    ) -> str:
        words = (
            f"The workspace {self._manifest.workspace_name!r} is here as {workspace_id}, with "
            f"{len(documents)} documents, {len(tables[FILES])} files and "
            f"{len(tables['memberships'])} members."
        )
        if workspace_id != self._manifest.workspace_id:
            words += " Its ids were in use, so all of them are new."
        if missing:
            words += f" Without an account here: {', '.join(missing)}"
            words += " (invited)." if invited else " (not invited)."
        return words


def _read_tables(reader: ExportReader) -> Tables:
    """Read all rows; check that they belong together and to nothing else. Raises ExportError."""
    tables: Tables = {}
    try:
        for table in EXPORTED:
            name = f"entities/{table}.jsonl"
            if reader.size_of(name) is None and table not in reader.manifest.rows:
                tables[table] = []  # a table that an older version did not have
                continue
            tables[table] = parse_rows(table, reader.read(name, MOST_ROWS_BYTES))
            if len(tables[table]) != reader.manifest.rows.get(table):
                raise BadRowsError(table, "the manifest tells another number of rows")
    except BadRowsError as error:
        raise ExportError(f"the export does not fit: {error}") from error
    if [row.get("id") for row in tables["workspaces"]] != [reader.manifest.workspace_id]:
        raise ExportError("the export does not fit: it is not of one workspace")
    _check_references(tables)
    return tables


def _check_references(tables: Tables) -> None:
    """Refuse rows that refer to rows which are not in the export: they could be another workspace's here."""
    ids = {table: {row.get("id") for row in rows} for table, rows in tables.items()}
    for table, rows in tables.items():
        needed = needed_columns(table)
        for column, of in references_of(table).items():
            if of not in EXPORTED:
                continue
            for row in rows:
                value = row.get(column)
                if (value is None and column in needed) or (value is not None and value not in ids[of]):
                    raise ExportError(f"the export does not fit: a row of {table} has no {column} in it")
    tables["pages"] = _parents_first(tables["pages"])


def _parents_first(pages: Sequence[Row]) -> list[Row]:
    """Return pages so that each comes behind the one it is in. Raises ExportError for a circle."""
    children: dict[UUID | None, list[Row]] = {}
    for row in pages:
        children.setdefault(row.get("parent_page_id"), []).append(row)
    found = list(children.get(None, []))
    for row in found:  # which grows meanwhile
        found += children.get(row["id"], [])
    if len(found) != len(pages):
        raise ExportError("the export does not fit: pages are in each other")
    return found


def _read_documents(reader: ExportReader, limit: int, pages: Collection[str]) -> dict[str, list[bytes]]:
    """Read the states of all documents, and read them as documents. Raises ExportError."""
    documents: dict[str, list[bytes]] = {}
    for name in reader.manifest.documents:
        kind, _, id_ = name.partition(":")
        # Comments are seen by who sees the page, so it has to be one of these.
        is_lost = kind == "comments" and id_ not in pages
        if kind not in KINDS or name in documents or not _is_id(id_) or is_lost:
            raise ExportError(f"the export does not fit: {name!r} is no document of a workspace")
        folder = f"documents/{kind}-{id_}"
        pieces: list[bytes] = []
        while reader.size_of(f"{folder}/{len(pieces)}.yjs") is not None:
            pieces.append(reader.read(f"{folder}/{len(pieces)}.yjs", limit))
        try:
            LiveDocument(None, pieces)
        except (DocumentDamaged, ProtocolError) as error:
            raise ExportError(f"the export does not fit: {name} cannot be read") from error
        documents[name] = pieces
    return documents


def _check_files(reader: ExportReader, files: Sequence[Row], settings: Settings) -> None:
    """Refuse files that are too large, or not what their rows say."""
    for row in files:
        name = f"files/{row['id']}"
        if row["size"] > settings.max_file_bytes:
            raise ExportError(f"{row['name']!r} has {row['size']} bytes, more than IONFLUX_MAX_FILE_BYTES")
        sizes = (reader.size_of(name), reader.size_of(f"{name}.thumbnail"))
        if sizes != (row["size"], row["thumbnail_size"]) or row["sha256"] != reader.checksum_of(name):
            raise ExportError(f"the export does not fit: {name} is not what its row says")
    if sum(row["size"] for row in files) > settings.file_quota_bytes:
        raise ExportError("the files are more than IONFLUX_FILE_QUOTA_BYTES allows a workspace")


def _rename_rows(
    tables: Tables,
    renaming: Renaming,
    people: Mapping[UUID, Person],
    owner_id: UUID,
    workspace_id: UUID,
) -> Tables:
    """Return the rows as they will be here; those of people who have no account here fall away."""
    renamed: Tables = {}
    for table, rows in tables.items():
        references = references_of(table)
        renamed[table] = []
        for row in rows:
            if table in PERSONAL and _account(people, row["user_id"]) is None:
                continue
            fresh = {
                column: _rename(column, value, references.get(column), renaming, people, owner_id)
                for column, value in row.items()
                if column not in RESET.get(table, ())
            }
            renamed[table].append(fresh)
    (workspace,) = renamed["workspaces"]
    workspace |= {
        "owner_user_id": owner_id,
        "event_head": 0,
        "file_bytes": sum(row["size"] for row in renamed[FILES]),
    }
    _seat_owner(renamed["memberships"], owner_id, workspace_id, workspace["created_at"])
    _rename_direct_messages(renamed)
    return renamed


def _rename(
    column: str,
    value: Any,
    of: str | None,
    renaming: Renaming,
    people: Mapping[UUID, Person],
    owner_id: UUID,
) -> Any:
    if isinstance(value, UUID):
        if of == "users":
            return _account(people, value) or owner_id
        return renaming.id(value)
    return renaming.value(value)


def _account(people: Mapping[UUID, Person], user_id: UUID) -> UUID | None:
    person = people.get(user_id)
    return person.account if person else None


def _seat_owner(memberships: list[Row], owner_id: UUID, workspace_id: UUID, moment: object) -> None:
    """Make the owner a member, first of all."""
    seats = [row for row in memberships if row["user_id"] == owner_id]
    if not seats:
        row = {"workspace_id": workspace_id, "user_id": owner_id, "created_at": moment}
        memberships.append(row)
        seats = [row]
    seats[0]["role"] = "owner"


def _rename_direct_messages(tables: Tables) -> None:
    """Let the same people find their conversation; one that lost somebody is nobody's to be found."""
    members: dict[UUID, list[str]] = {}
    for row in tables["channel_members"]:
        members.setdefault(row["channel_id"], []).append(str(row["user_id"]))
    for row in tables["channels"]:
        key = row.get("dm_key")
        if key is not None:
            found = sorted(members.get(row["id"], []))
            row["dm_key"] = ",".join(found) if len(found) == len(key.split(",")) else None


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


async def _each(parts: Iterable[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part
        await asyncio.sleep(0)
