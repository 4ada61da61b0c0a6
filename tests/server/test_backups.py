"""The file of a backup, and the commands around it."""

import asyncio
import gzip
import io
import stat
import tarfile
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest

from server.backups.operations import back_up, restore, verify
from server.bootstrap import open_file_store
from server.data_folder import prepare_data_folder, read_secrets
from server.errors import BackupError
from server.files import key_of
from server.operations import migrate
from server.settings import Settings
from server.vault_keys import VaultKeyFile
from storage.engine import Database
from tests.services.databases import add_workspace


def said(_line: str) -> None:
    """Hear it and forget it."""


def read(path: Path) -> bytes:
    return path.read_bytes()


def write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


def settings_of(folder: Path) -> Settings:
    return Settings(data_dir=folder)


@pytest.fixture
async def source(tmp_path: Path) -> Settings:
    """An installation on SQLite with a workspace."""
    settings = settings_of(tmp_path / "source")
    await migrate(settings)
    async with Database(settings.effective_database_url) as database:
        await add_workspace(database)
    return settings


@pytest.fixture
async def file(source: Settings, tmp_path: Path) -> Path:
    path = tmp_path / "backup.tar.gz"
    await back_up(source, path, said)
    return path


def repack(file: Path, change: dict[str, bytes | None]) -> None:
    """Write the archive again with members changed, or left out."""
    with tarfile.open(file) as old:
        members = {one.name: old.extractfile(one) for one in old}
        contents = {name: found.read() for name, found in members.items() if found}
    with tarfile.open(file, "w:gz") as new:
        for name, content in (contents | change).items():
            if content is not None:
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                new.addfile(entry, io.BytesIO(content))


async def test_it_says_what_is_in_it(file: Path, tmp_path: Path):
    words = verify(file)
    assert "is whole: 0 documents with 0 edits, 0 file objects, 2 rows in all" in words
    assert "without secrets" in words
    assert mode(file) == 0o600
    assert names(tmp_path) == ["backup.tar.gz", "source"]


async def test_a_file_that_was_cut_off_anywhere_is_refused(file: Path, tmp_path: Path):
    whole = read(file)
    for length in [*range(0, len(whole), 97), len(whole) - 1]:
        write(file, whole[:length])
        with pytest.raises(BackupError):
            verify(file)
    write(file, whole)
    verify(file)


def unpacked(packed: bytes) -> bytes | None:
    """Return what is in gzip's bytes; None for what cannot be read."""
    try:
        return gzip.decompress(packed)
    except (OSError, EOFError, zlib.error):
        return None


async def test_a_file_with_a_changed_byte_is_refused(file: Path):
    whole = read(file)
    # The first ten are gzip's header: its time and system mean nothing.
    for position in range(10, len(whole), 61):
        changed = whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :]
        if unpacked(changed) == unpacked(whole):  # a bit that nothing is made of
            continue
        write(file, changed)
        with pytest.raises(BackupError):
            verify(file)


@pytest.mark.parametrize(
    "change",
    [
        {"manifest.json": None},
        {"manifest.json": b"{}"},
        {"backup.json": None},
        {"backup.json": b"[]"},
        {"tables/users/000001.jsonl": None},
        {"tables/users/000001.jsonl": b"[]\n"},
    ],
)
async def test_members_that_are_not_as_the_manifest_says_are_refused(
    file: Path, tmp_path: Path, change: dict[str, bytes | None]
):
    repack(file, change)
    with pytest.raises(BackupError):
        verify(file)
    with pytest.raises(BackupError):
        await restore(settings_of(tmp_path / "target"), file, said)
    assert "target" not in names(tmp_path)


async def test_what_is_no_backup_is_refused(tmp_path: Path):
    path = tmp_path / "file"
    with pytest.raises(BackupError, match="cannot be read"):
        verify(path)
    for content in (b"", b"no gzip", gzip.compress(b""), gzip.compress(b"no tar" * 200)):
        write(path, content)
        with pytest.raises(BackupError):
            verify(path)


async def test_a_later_format_is_refused(file: Path):
    with tarfile.open(file) as archive:
        head = archive.extractfile("backup.json")
        assert head is not None
        changed = msgspec.json.encode(msgspec.json.decode(head.read()) | {"format": 2})
    repack(file, {"backup.json": changed})
    with pytest.raises(BackupError, match="the format 2"):
        verify(file)


async def test_being_cut_off_leaves_the_older_file_and_no_other(file: Path, source: Settings, tmp_path: Path):
    older = read(file)

    def cut_off(_line: str) -> None:
        raise asyncio.CancelledError

    for path in (file, tmp_path / "other.tar.gz"):
        with pytest.raises(asyncio.CancelledError):
            await back_up(source, path, cut_off)
    assert read(file) == older
    assert names(tmp_path) == ["backup.tar.gz", "source"]


async def test_a_folder_that_is_not_there_is_one_line(source: Settings, tmp_path: Path):
    with pytest.raises(BackupError, match="cannot be written: no such file"):
        await back_up(source, tmp_path / "nowhere" / "backup.tar.gz", said)


async def test_files_come_back(source: Settings, file: Path, tmp_path: Path):
    key, content = key_of(uuid4(), uuid4()), bytes(range(256)) * 5000
    store, fresh = open_file_store(source), settings_of(tmp_path / "fresh")

    async def parts() -> AsyncIterator[bytes]:
        yield content

    await store.put(key, parts())
    assert "1 file objects" in await back_up(source, file, said)
    assert "1 file objects" in verify(file)
    await store.delete(key)
    await restore(fresh, file, said)
    restored = open_file_store(fresh).read(key, 0, len(content))
    assert b"".join([part async for part in restored]) == content

    await back_up(fresh, file, said, with_files=False)
    assert "0 file objects" in verify(file)


async def test_secrets_come_along_when_they_are_asked_for(source: Settings, file: Path, tmp_path: Path):
    secrets = read_secrets(source.data_dir)
    keys = VaultKeyFile(source.data_dir)
    keys.make_first()
    words = await back_up(source, file, said, with_secrets=True)
    assert "with secrets.json and vault-keys.json" in words

    await restore(settings_of(tmp_path / "fresh"), file, said)
    assert read_secrets(tmp_path / "fresh") == secrets
    assert VaultKeyFile(tmp_path / "fresh")() == keys()
    assert mode(tmp_path / "fresh/secrets.json") == 0o600


async def test_secrets_that_are_there_stay_and_the_vault_gets_the_older_keys_too(
    source: Settings, file: Path, tmp_path: Path
):
    read_secrets(source.data_dir)
    older = VaultKeyFile(source.data_dir)
    older.make_first()
    await back_up(source, file, said, with_secrets=True)
    target = tmp_path / "target"
    prepare_data_folder(target)
    secrets, newer = read_secrets(target), VaultKeyFile(target)
    newer.make_first()
    (newest,) = newer()

    assert "secrets.json was there already" in await restore(settings_of(target), file, said)
    assert read_secrets(target) == secrets
    assert newer() == [*older(), newest]
