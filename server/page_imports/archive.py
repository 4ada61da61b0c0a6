"""Reads zips that anybody may have made: bounded, by names that lead nowhere, zips in them included.

Nothing is ever written under a name of the archive, so a name can do no harm; one that tries is left out
and told.
"""

import posixpath
import re
import stat
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import IO, Self

import msgspec

MOST_ENTRIES = 10_000
MOST_BYTES = 2 * 1024 * 1024 * 1024
"""Of all that is in an archive, unpacked."""
MOST_TIMES = 200
"""How much larger what is in it may be than the archive itself, beyond `FREE_BYTES`."""
FREE_BYTES = 64 * 1024 * 1024
MOST_LEVELS = 40
"""Of folders in each other."""
MOST_ZIPS = 100
"""In the zip; each is an open file meanwhile."""
MOST_DIRECTORY_BYTES = 16 * 1024 * 1024
"""Of what a zip tells of its files, which is in memory at once."""
PART_BYTES = 256 * 1024

_MEMBERS_OF_A_FILE = 4
"""Folders, and what computers put beside a file, are many too."""

_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    OSError,
    ValueError,
)
_DRIVE = re.compile(r"^[A-Za-z]:")
_LEFT_OUT = ("__macosx/", ".ds_store", "thumbs.db", "desktop.ini")


class BadArchiveError(Exception):
    """The archive as a whole cannot be imported; the message says why, for people."""


class Entry(msgspec.Struct, frozen=True):
    """A file of the archive."""

    path: str
    """With `/`, in one Unicode form; no part of it is empty, `.` or `..`."""
    size: int
    archive: int
    """Which of the zips it is in."""
    info: zipfile.ZipInfo


class Archive:
    """A zip, with those in it, open until the end of `with`."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        """Open it and look through its directory. Raises BadArchiveError."""
        self.entries: list[Entry] = []
        self.refused: list[tuple[str, str]] = []
        """Names that are left out, and why."""
        self._stack = ExitStack()
        self._zips: list[zipfile.ZipFile] = []
        self._nested = 0
        self._members = 0
        self._left = min(MOST_BYTES, FREE_BYTES + MOST_TIMES * size)
        try:
            self._look(self._open(file), "", may_nest=True)
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def parts(self, entry: Entry) -> Iterator[bytes]:
        """Yield a file. Raises BadArchiveError where it cannot be unpacked, or is more than it says."""
        read = 0
        try:
            with self._zips[entry.archive].open(entry.info) as unpacked:
                while part := unpacked.read(PART_BYTES):
                    read += len(part)
                    if read > entry.size:
                        raise BadArchiveError("It has more in it than it says.")
                    yield part
        except _UNREADABLE as error:
            raise BadArchiveError(f"It cannot be unpacked ({error}).") from error

    def read(self, entry: Entry) -> bytes:
        """Return a file. Raises BadArchiveError."""
        return b"".join(self.parts(entry))

    def _open(self, file: IO[bytes]) -> zipfile.ZipFile:
        try:
            return self._stack.enter_context(zipfile.ZipFile(_Bounded(file)))
        except _UNREADABLE as error:
            raise BadArchiveError(f"This is no zip, or it is damaged ({error}).") from error

    def _look(self, opened: zipfile.ZipFile, folder: str, *, may_nest: bool) -> None:
        self._members += len(opened.infolist())
        if self._members > _MEMBERS_OF_A_FILE * MOST_ENTRIES:
            raise BadArchiveError(f"It has more than {MOST_ENTRIES} files.")
        number = len(self._zips)
        self._zips.append(opened)
        known = {entry.path for entry in self.entries}
        for info in opened.infolist():
            if info.is_dir():
                continue
            path, fault = _read_name(info)
            if fault:
                self.refused.append((path, fault))
                continue
            if path.lower().endswith(_LEFT_OUT[1:]) or path.lower().startswith(_LEFT_OUT[0]):
                continue
            path = folder + path
            if path in known:
                self.refused.append((path, "There is another of this name."))
                continue
            known.add(path)
            self._left -= info.file_size
            if self._left < 0:
                raise BadArchiveError("There is too much in it: it would be far larger unpacked.")
            if len(self.entries) + len(self.refused) >= MOST_ENTRIES:
                raise BadArchiveError(f"It has more than {MOST_ENTRIES} files.")
            entry = Entry(path, info.file_size, number, info)
            if path.lower().endswith(".zip") and may_nest:
                self._look_into(entry)
            else:
                self.entries.append(entry)

    def _look_into(self, entry: Entry) -> None:
        """Look through a zip that is in the zip; one that cannot be read is told, and the others count."""
        self._nested += 1
        if self._nested > MOST_ZIPS:
            raise BadArchiveError(f"It has more than {MOST_ZIPS} zips in it.")
        try:
            opened = self._open(self._unpack(entry))
        except BadArchiveError as error:
            self.refused.append((entry.path, str(error)))
            return
        folder = posixpath.dirname(entry.path)
        self._look(opened, folder and f"{folder}/", may_nest=False)

    def _unpack(self, entry: Entry) -> IO[bytes]:
        """Return a zip that is in the zip, as Notion makes it of large exports."""
        file = self._stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115  (closed with the rest)
        for part in self.parts(entry):
            file.write(part)
        return file


class _Bounded:
    """A zip's file. Its directory is read at once, before anybody can count what it tells of."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1, /) -> bytes:
        if size > MOST_DIRECTORY_BYTES:
            raise BadArchiveError("It tells too much of its files.")
        return self._file.read(size)


def _read_name(info: zipfile.ZipInfo) -> tuple[str, str | None]:
    """Return the path of a member, and what is wrong with it."""
    name = info.orig_filename
    if not info.flag_bits & 0x800:
        # Says nothing of its encoding: usually UTF-8 all the same, else that of old DOS.
        with suppress(UnicodeError):
            name = name.encode("cp437").decode()
    shown = unicodedata.normalize("NFC", name.replace("\\", "/"))
    parts = shown.split("/")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if "\0" in shown or shown.startswith("/") or _DRIVE.match(shown) or {"", ".", ".."} & set(parts):
        return shown.replace("\0", "\ufffd")[:500], "Its name leads out of the archive."
    if kind not in (0, stat.S_IFREG):
        return shown[:500], "It is no plain file."
    if info.flag_bits & 1:
        return shown[:500], "It is encrypted."
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # `zipfile` unpacks the others without a bound: some bytes can be gigabytes.
        return shown[:500], "It is packed in a way that is not read here."
    if len(parts) > MOST_LEVELS or len(shown) > 2000:
        return shown[:500], "It lies too deep."
    return shown, None
