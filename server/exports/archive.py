"""The file that an export is: a zip, whose manifest names every member with its size and checksum.

    manifest.json            what wrote it, the people in it, and all other members
    pages/, channels/        for people to read: Markdown, and messages as JSON lines
    entities/TABLE.jsonl     a row a line, an object by column
    documents/NAME/0.yjs     the state of a live document, as a Yjs update; what waits for others behind it
    files/ID                 contents of files, `ID.thumbnail` their small pictures

Reading trusts nothing: names are never used as paths, sizes are believed only as limits, and what does not
agree with the manifest is refused.
"""

import hashlib
import stat
import zipfile
import zlib
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, TypeVar
from uuid import UUID

import msgspec

from server.backups.archive import whole_file
from server.errors import ExportError

T = TypeVar("T")

FORMAT = 1
MANIFEST = "manifest.json"
MOST_MANIFEST_BYTES = 64 * 1024 * 1024
MOST_MEMBERS = 1_000_000
MOST_TIMES = 200
"""How much larger than its file an export may be, unpacked: texts are not, bombs are."""
FREE_BYTES = 64 * 1024 * 1024
"""What may be unpacked whatever the size of the file."""

_READ_BYTES = 1024 * 1024
_UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)


class Person(msgspec.Struct, frozen=True):
    """Somebody whom an export names."""

    id: UUID
    email: str
    name: str
    role: str | None
    """In the workspace; None for who is no member."""


class Member(msgspec.Struct, frozen=True):
    """One part of the file."""

    name: str
    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """What an export says of itself."""

    format: int
    version: str
    exported_at: datetime
    workspace_id: UUID
    workspace_name: str
    people: list[Person]
    rows: dict[str, int]
    documents: list[str]
    members: list[Member]


class ExportWriter:
    """Adds members to an archive that is open."""

    def __init__(self, archive: zipfile.ZipFile, moment: datetime) -> None:
        self.members: list[Member] = []
        self._archive = archive
        self._date = moment.timetuple()[:6]

    def add(self, name: str, parts: Iterable[bytes], *, compress: bool = True) -> None:
        """Add a member that comes in parts."""
        with self.adding(name, compress=compress) as add_part:
            for part in parts:
                add_part(part)

    @contextmanager
    def adding(self, name: str, *, compress: bool = True) -> Generator[Any]:
        """Give what takes the parts of a member."""
        size, checksum = 0, hashlib.sha256()
        with self._archive.open(self._entry(name, compress=compress), "w", force_zip64=True) as member:

            def add_part(part: bytes) -> None:
                nonlocal size
                size += len(part)
                checksum.update(part)
                member.write(part)

            yield add_part
        self.members.append(Member(name, size, checksum.hexdigest()))

    def finish(self, manifest: Manifest) -> None:
        """Add the manifest, which makes it whole."""
        self._archive.writestr(self._entry(MANIFEST, compress=True), msgspec.json.encode(manifest))

    def _entry(self, name: str, *, compress: bool) -> zipfile.ZipInfo:
        entry = zipfile.ZipInfo(name, self._date)
        entry.compress_type = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
        entry.external_attr = 0o600 << 16
        return entry


@contextmanager
def write_export(path: Path, moment: datetime) -> Generator[ExportWriter]:
    """Give an archive to write, which takes its name when the block has ended well. Raises ExportError."""
    with whole_file(path, ExportError) as file, zipfile.ZipFile(file, "w", allowZip64=True) as archive:
        yield ExportWriter(archive, moment)


class ExportReader:
    """An archive whose members agree with its manifest, as far as it tells without unpacking them."""

    def __init__(self, path: Path, archive: zipfile.ZipFile, size: int) -> None:
        self._path = path
        self._archive = archive
        self.manifest = self._read_manifest()
        self._members = {member.name: member for member in self.manifest.members}
        self._compare(size)

    def read(self, name: str, limit: int) -> bytes:
        """Return a member of at most so many bytes. Raises ExportError."""
        return b"".join(self.parts(name, limit))

    def size_of(self, name: str) -> int | None:
        """Return the size of a member; None where there is none."""
        member = self._members.get(name)
        return member.size if member else None

    def checksum_of(self, name: str) -> str | None:
        """Return the SHA-256 of a member; None where there is none."""
        member = self._members.get(name)
        return member.sha256 if member else None

    def parts(self, name: str, limit: int) -> Generator[bytes]:
        """Yield a member's bytes; its checksum is compared at the end. Raises ExportError."""
        member = self._members.get(name)
        if member is None:
            raise self._damaged(f"{name} is missing")
        if member.size > limit:
            raise ExportError(f"{self._path}: {name} is too large: {member.size} bytes of at most {limit}")
        read, checksum = 0, hashlib.sha256()
        try:
            with self._archive.open(name) as unpacked:
                while part := unpacked.read(_READ_BYTES):
                    read += len(part)
                    if read > member.size:
                        break
                    checksum.update(part)
                    yield part
        except _UNREADABLE as error:
            raise self._damaged(f"{name} cannot be unpacked ({error})") from error
        if read != member.size or checksum.hexdigest() != member.sha256:
            raise self._damaged(f"{name} is not what the manifest says")

    def check_all(self) -> None:
        """Read every member to its end. Raises ExportError."""
        for member in self.manifest.members:
            for _ in self.parts(member.name, member.size):
                pass

    def decode(self, name: str, data: bytes, kind: type[T]) -> T:
        """Read JSON. Raises ExportError."""
        try:
            return msgspec.json.decode(data, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise self._damaged(f"{name}: {error}") from error

    def _read_manifest(self) -> Manifest:
        entries = self._archive.infolist()
        if len(entries) > MOST_MEMBERS:
            raise ExportError(f"{self._path} has {len(entries)} members, more than {MOST_MEMBERS}")
        found = [entry for entry in entries if entry.filename == MANIFEST]
        if len(found) != 1:
            raise ExportError(f"{self._path} is no export of IONFLUX: it has no {MANIFEST}, or several")
        if found[0].file_size > MOST_MANIFEST_BYTES:
            raise ExportError(f"{self._path}: {MANIFEST} is too large")
        try:
            with self._archive.open(found[0]) as unpacked:
                data = unpacked.read(MOST_MANIFEST_BYTES + 1)
        except _UNREADABLE as error:
            raise self._damaged(f"{MANIFEST} cannot be unpacked ({error})") from error
        said = self.decode(MANIFEST, data, dict[str, Any])
        if said.get("format") != FORMAT:
            raise ExportError(
                f"{self._path} has the format {said.get('format')!r}, this program reads {FORMAT}"
            )
        return self.decode(MANIFEST, data, Manifest)

    def _compare(self, size: int) -> None:
        entries = [entry for entry in self._archive.infolist() if entry.filename != MANIFEST]
        names = [entry.filename for entry in entries]
        if len(set(names)) != len(names) or len(self._members) != len(self.manifest.members):
            raise self._damaged("two members have the same name")
        for entry in entries:
            if _is_unsafe(entry):
                raise ExportError(f"{self._path}: {entry.filename!r} is no name of an export's member")
            member = self._members.get(entry.filename)
            if member is None or member.size != entry.file_size:
                raise self._damaged(f"{entry.filename} is not what the manifest says")
        if set(names) != set(self._members):
            raise self._damaged(f"{sorted(set(self._members) - set(names))[0]} is missing")
        if sum(member.size for member in self._members.values()) > FREE_BYTES + MOST_TIMES * size:
            raise ExportError(f"{self._path} would be more than {MOST_TIMES} times as large when unpacked")

    def _damaged(self, reason: str) -> ExportError:
        return ExportError(f"{self._path} is damaged: {reason}")


@contextmanager
def read_export(path: Path) -> Generator[ExportReader]:
    """Open an export. Raises ExportError for a file that is none, is damaged or means harm."""
    try:
        with path.open("rb") as file, _opened(path, file) as archive:
            yield ExportReader(path, archive, path.stat().st_size)
    except OSError as error:
        raise ExportError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from error


@contextmanager
def _opened(path: Path, file: BinaryIO) -> Generator[zipfile.ZipFile]:
    try:
        archive = zipfile.ZipFile(file)
    except _UNREADABLE as error:
        raise ExportError(f"{path} is damaged, cut off or no export: {error}") from error
    with archive:
        yield archive


def _is_unsafe(entry: zipfile.ZipInfo) -> bool:
    """Tell whether a name leads elsewhere for whoever unpacks it, or the member is no plain file."""
    name = entry.filename
    kind = stat.S_IFMT(entry.external_attr >> 16)
    return (
        name != entry.orig_filename
        or name.startswith("/")
        or "\\" in name
        or ":" in name.split("/")[0]
        or any(part in ("", ".", "..") for part in name.split("/"))
        or kind not in (0, stat.S_IFREG)
        or bool(entry.flag_bits & 1)
    )
