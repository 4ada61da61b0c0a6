"""What `ionflux backup` and `ionflux restore` do. Says how far it is through `report`, a line at a time."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, closing
from pathlib import Path

import msgspec

from server import __version__
from server.backups.archive import (
    FORMAT,
    ArchiveWriter,
    Head,
    Manifest,
    decode,
    file_key,
    read_archive,
    read_head,
    read_part,
    secret_name,
    write_archive,
)
from server.bootstrap import open_database, open_file_store
from server.data_folder import SECRETS, create_private_file, prepare_data_folder
from server.errors import BackupError
from server.files import file_id_of
from server.settings import Settings
from server.vault_keys import VAULT_KEYS, VaultKeyFile, VaultKeys
from storage import copying
from storage.engine import Database
from storage.errors import FilesUnavailableError
from storage.files import FileStore, StoredFile

Report = Callable[[str], None]

_SECRETS = (SECRETS, VAULT_KEYS)


class Contents(msgspec.Struct, frozen=True):
    """What a backup holds, after all of it was read and found right."""

    head: Head
    rows: dict[str, int]
    files: int
    secrets: list[str]

    def __str__(self) -> str:
        count = self.rows.get
        found = (
            f"{count('documents', 0)} documents with {count('updates', 0)} edits, "
            f"{self.files} file objects, {sum(self.rows.values())} rows in all "
            f"(revision {self.head.shape.revision}, version {self.head.version}), "
            f"taken {self.head.created_at:%Y-%m-%d %H:%M:%S} UTC"
        )
        return found + (f", with {' and '.join(self.secrets)}" if self.secrets else ", without secrets")


async def back_up(
    settings: Settings, path: Path, report: Report, *, with_secrets: bool = False, with_files: bool = True
) -> str:
    """Write everything into a file, as of one moment, beside a running server; return what to say.

    Cut off at any point it leaves no file, and an older one of that name as it was. Raises BackupError.
    """
    async with open_database(settings) as database:
        head = Head(FORMAT, __version__, database.clock(), database.kind, await copying.shape(database))
        # Not in threads: nothing else runs in this process, and nobody writes into what is being closed.
        with write_archive(path, head) as writer:
            async with aclosing(copying.copy_out(database)) as parts:
                async for part in parts:
                    writer.add_rows(part)
                    report(f"{part.table}: {part.rows} rows")
            # After the rows: contents never change, and each that a row names is there by now.
            files = await _add_files(writer, database, open_file_store(settings), report) if with_files else 0
            secrets = [name for name in _SECRETS if with_secrets and (settings.data_dir / name).exists()]
            for name in secrets:
                writer.add_secret(name, (settings.data_dir / name).read_bytes())
            manifest = writer.finish()
    return f"{path}: {Contents(head, manifest.rows, files, secrets)}."


def verify(path: Path) -> str:
    """Read a whole backup and say what is in it. Raises BackupError."""
    return f"{path} is whole: {_examine(path)}."


async def restore(
    settings: Settings, path: Path, report: Report, *, replace: bool = False, resumes_runs: bool = False
) -> str:
    """Make the database, and the secrets that are missing, what a backup holds; return what to say.

    Runs of agents and playbooks that were not over are cancelled, unless they are to go on.
    The file is read twice: nothing is touched before it was found whole. Raises BackupError, and what
    `storage.copying.copy_in` raises; the database is then as it was.
    """
    contents = _examine(path)
    report(f"{path} is whole")
    prepare_data_folder(settings.data_dir)
    async with open_database(settings) as database:
        async with aclosing(_parts(path, open_file_store(settings), report)) as parts:
            await copying.copy_in(
                database, contents.head.shape, parts, replace=replace, resumes_jobs=resumes_runs
            )
        kept = _restore_secrets(settings.data_dir, path) if contents.secrets else []
        words = f"The database {database} holds {contents}. Every document began a new epoch."
    return words + "".join(f" {name} was there already and has stayed as it was." for name in kept)


async def _add_files(writer: ArchiveWriter, database: Database, store: FileStore, report: Report) -> int:
    count = 0
    async for some in store.list_parts():
        for found in some:
            content = await _read_file(database, store, found)
            if content is not None:
                writer.add_file(found.key, content)
                count += 1
        report(f"files: {count}")
    return count


async def _read_file(database: Database, store: FileStore, found: StoredFile) -> bytes | None:
    """Return the content of a file, or None for one that was deleted meanwhile."""
    try:
        return b"".join([part async for part in store.read(found.key, 0, found.size)])
    except FilesUnavailableError:
        file_id = file_id_of(found.key)
        async with database.read() as uow:
            if file_id is not None and await uow.file_space.existing({file_id}):
                raise
        return None


def _examine(path: Path) -> Contents:
    members = read_archive(path)
    head = read_head(path, members)
    known = {one.name for one in head.shape.tables}
    counted: dict[str, int] = {}
    files, secrets = 0, list[str]()
    manifest: Manifest | None = None
    for name, data in members:
        if part := read_part(path, name, data):
            if part.table not in known:
                raise BackupError(f"{path} is damaged: it does not describe the table {part.table}")
            counted[part.table] = counted.get(part.table, 0) + part.rows
        elif file_key(name) is not None:
            files += 1
        elif (secret := secret_name(name)) in _SECRETS:
            secrets.append(secret)
        else:
            manifest = decode(path, data, Manifest)
    assert manifest is not None
    if counted != manifest.rows:
        raise BackupError(f"{path} is damaged: it holds other numbers of rows than its manifest says")
    return Contents(head, counted, files, secrets)


async def _parts(path: Path, store: FileStore, report: Report) -> AsyncGenerator[copying.Part]:
    """Yield the rows; put files back on the way, so that rows are there only with their files."""

    async def whole(content: bytes) -> AsyncGenerator[bytes]:
        yield content

    with closing(read_archive(path)) as members:
        for name, data in members:
            if part := read_part(path, name, data):
                yield part
                report(f"{part.table}: {part.rows} rows")
            elif key := file_key(name):
                await store.put(key, whole(data))


def _restore_secrets(folder: Path, path: Path) -> list[str]:
    """Bring back what is missing. Keys of the vault are added to those there are; returns what stayed."""
    kept: list[str] = []
    for member, data in read_archive(path):
        name = secret_name(member)
        if name == VAULT_KEYS:
            VaultKeyFile(folder).include(decode(path, data, VaultKeys).keys)
        elif name == SECRETS:
            if (folder / name).exists():
                kept.append(name)
            create_private_file(folder / name, data)
    return kept
