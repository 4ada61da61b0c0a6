"""The file that a backup is: a gzipped tar, written and read from front to end. Blocks.

    backup.json                 what wrote it, and the tables with their columns
    tables/NAME/000000.jsonl    rows, as `storage.portable` encodes them
    files/KEY                   contents of files, as `storage.files` keeps them
    secrets/NAME                secrets of the data folder, if they were asked for
    manifest.json               size and SHA-256 of every member, and the number of rows

The manifest comes last, so a file that was cut off has none. Nothing is ever unpacked by the names in it.
"""

import gzip
import hashlib
import io
import os
import tarfile
import tempfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, TypeVar, cast

import msgspec

from server.errors import BackupError, ServerError
from storage.copying import Part, Shape

T = TypeVar("T")

FORMAT = 1
HEAD = "backup.json"
MANIFEST = "manifest.json"
_LEVEL = 6
_UNREADABLE = (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile)


class Head(msgspec.Struct, frozen=True):
    """What a backup says of itself in front of everything else."""

    format: int
    version: str
    created_at: datetime
    database: str
    shape: Shape


class Member(msgspec.Struct, frozen=True):
    """One part of the file."""

    name: str
    size: int
    sha256: str
    rows: int = 0


class Manifest(msgspec.Struct, frozen=True):
    """All parts, the manifest excepted, in order."""

    members: list[Member]

    @property
    def rows(self) -> dict[str, int]:
        """How many rows each table has."""
        counted: dict[str, int] = {}
        for member in self.members:
            if table := _table_of(member.name):
                counted[table] = counted.get(table, 0) + member.rows
        return counted


class ArchiveWriter:
    """Adds parts to an archive that is open; without `finish` it is none."""

    def __init__(self, tar: tarfile.TarFile, head: Head) -> None:
        self._tar = tar
        self._head = head
        self._members: list[Member] = []
        self._add(HEAD, msgspec.json.encode(head))

    def add_rows(self, part: Part) -> None:
        """Add rows of a table."""
        self._add(f"tables/{part.table}/{len(self._members):06}.jsonl", part.lines, part.rows)

    def add_file(self, key: str, content: bytes) -> None:
        """Add the content of a file."""
        self._add(f"files/{key}", content)

    def add_secret(self, name: str, content: bytes) -> None:
        """Add a secret of the data folder."""
        self._add(f"secrets/{name}", content)

    def finish(self) -> Manifest:
        """Add the manifest, which makes it whole."""
        manifest = Manifest(self._members)
        self._write(MANIFEST, msgspec.json.encode(manifest))
        return manifest

    def _add(self, name: str, content: bytes, rows: int = 0) -> None:
        self._write(name, content)
        self._members.append(Member(name, len(content), hashlib.sha256(content).hexdigest(), rows))

    def _write(self, name: str, content: bytes) -> None:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = len(content), 0o600
        entry.mtime = self._head.created_at.timestamp()
        self._tar.addfile(entry, io.BytesIO(content))


@contextmanager
def write_archive(path: Path, head: Head) -> Generator[ArchiveWriter]:
    """Give an archive to write, which takes its name when the block has ended well, and else vanishes.

    Raises BackupError.
    """
    with (
        whole_file(path, BackupError) as file,
        gzip.GzipFile(filename="", mode="wb", compresslevel=_LEVEL, fileobj=file) as zipped,
        tarfile.open(fileobj=cast(BinaryIO, zipped), mode="w|") as tar,
    ):
        yield ArchiveWriter(tar, head)


@contextmanager
def whole_file(path: Path, refusal: type[ServerError]) -> Generator[BinaryIO]:
    """Give a file (0600) that takes its name when the block has ended well. Raises `refusal`."""
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.rename(temporary, path)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(temporary)
    except OSError as error:
        raise refusal(f"{path} cannot be written: {(error.strerror or str(error)).lower()}") from error


def read_archive(path: Path) -> Generator[tuple[str, bytes]]:
    """Yield the members of a backup, the head first, and the manifest last if it is right.

    Raises BackupError for a file that is no backup, is damaged or cut off; perhaps after its members.
    """
    seen: list[tuple[str, int, str]] = []
    try:
        with gzip.open(path, "rb") as unzipped, tarfile.open(fileobj=unzipped, mode="r|") as tar:
            for entry in tar:
                content = tar.extractfile(entry)
                data = content.read() if content is not None else b""
                if entry.name == MANIFEST:
                    _compare(path, decode(path, data, Manifest), seen)
                    yield entry.name, data
                    _drain(unzipped)
                    return
                seen.append((entry.name, len(data), hashlib.sha256(data).hexdigest()))
                yield entry.name, data
    except _UNREADABLE as error:
        raise BackupError(f"{path} is damaged, cut off or no backup: {error}") from error
    except OSError as error:
        raise BackupError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from error
    raise BackupError(f"{path} is cut off: its end is missing")


def read_head(path: Path, members: Iterator[tuple[str, bytes]]) -> Head:
    """Take the head off a backup's members. Raises BackupError."""
    name, data = next(members)
    if name != HEAD:
        raise BackupError(f"{path} is no backup of IONFLUX")
    head = decode(path, data, Head)
    if head.format != FORMAT:
        raise BackupError(f"{path} has the format {head.format}, this program reads {FORMAT}")
    return head


def read_part(path: Path, name: str, data: bytes) -> Part | None:
    """Return the rows in a member, or None where it holds none."""
    if (table := _table_of(name)) is None:
        return None
    return Part(table, data.count(b"\n"), data)


def file_key(name: str) -> str | None:
    """Return the key of the file whose content is in a member, or None."""
    return name.removeprefix("files/") if name.startswith("files/") else None


def secret_name(name: str) -> str | None:
    """Return the name of the secret that a member holds, or None."""
    return name.removeprefix("secrets/") if name.startswith("secrets/") else None


def decode(path: Path, data: bytes, kind: type[T]) -> T:
    """Read a member that is JSON. Raises BackupError."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BackupError(f"{path} is damaged or no backup of IONFLUX: {error}") from error


def _compare(path: Path, manifest: Manifest, seen: list[tuple[str, int, str]]) -> None:
    wanted = [(one.name, one.size, one.sha256) for one in manifest.members]
    if wanted == seen:
        return
    names = [name for name, _, _ in set(wanted) ^ set(seen)]
    raise BackupError(f"{path} is damaged: {min(names, default='the order')} is not as its manifest says")


def _drain(unzipped: gzip.GzipFile) -> None:
    """Read to the end, where the checksum of the whole is compared."""
    while unzipped.read(1024 * 1024):
        pass


def _table_of(name: str) -> str | None:
    parts = name.split("/")
    return parts[1] if len(parts) == 3 and parts[0] == "tables" else None
