"""The contents of files: objects by key, in a local folder or in S3-compatible storage, through obstore.

Knows no rows and no rights. Objects appear whole or not at all, are never changed, and are read in ranges.
obstore's own streams are not used for reading: one that is open when Python ends aborts the process. The
library takes more than four megabytes: where files lie in a folder, it is loaded with the first one.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

import msgspec

from storage.errors import FilesUnavailableError, InvalidFilesUrlError

if TYPE_CHECKING:  # loaded with the first file
    from obstore.store import LocalStore, S3Store

T = TypeVar("T")

READ_BYTES = 1024 * 1024
"""What is held of an object while it is read."""

PART_BYTES = 8 * 1024 * 1024
"""What is held of an object while it is written; S3 takes no parts below 5 MiB."""

_LEFTOVER = re.compile(r"#\d+$")
"""obstore writes into `KEY#1` and gives it its name at the end; its listings leave such files out."""

LISTED = 100
"""Objects that are listed at a time."""

CONNECT_SECONDS = "5s"
REQUEST_SECONDS = "60s"


class S3Access(msgspec.Struct, frozen=True):
    """How S3 is reached; empty values are S3's own, or what the environment's AWS variables say."""

    endpoint: str = ""
    region: str = ""
    access_key_id: str = ""
    secret_access_key: str = ""

    def __repr__(self) -> str:
        """Say nothing of the values."""
        return "<S3Access>"


class StoredFile(msgspec.Struct, frozen=True):
    """An object, as a listing tells it."""

    key: str
    size: int
    modified_at: datetime


class FileStore:
    """Objects by key. Keys are made here and in `server`, never by users."""

    def __init__(self, opened: "Callable[[], LocalStore | S3Store]", folder: Path | None = None) -> None:
        self._opened = opened
        self._folder = folder

    @cached_property
    def _store(self) -> "LocalStore | S3Store":
        return self._opened()

    @classmethod
    def open(cls, url: str, s3: S3Access) -> "FileStore":
        """Return the store at `file:///folder` (made where it is missing) or `s3://bucket/prefix`.

        Raises InvalidFilesUrlError.
        """
        parts = urlsplit(url)
        try:
            if parts.scheme == "file" and not parts.netloc and parts.path:
                folder = Path(parts.path)
                folder.mkdir(parents=True, exist_ok=True)
                return cls(lambda: _local(folder), folder)
            if parts.scheme == "s3" and parts.netloc:
                store = _s3(parts.netloc, parts.path.strip("/"), s3)
                return cls(lambda: store)
        except (*_errors(), ValueError, OSError) as error:
            raise InvalidFilesUrlError(f"the files cannot be kept there: {_one_line(error)}") from error
        raise InvalidFilesUrlError("files are kept at file:///folder or s3://bucket/prefix")

    async def put(self, key: str, parts: AsyncIterator[bytes]) -> None:
        """Write an object. What `parts` raises comes out, and then there is no object.

        Raises FilesUnavailableError.
        """
        try:
            await self._store.put_async(key, parts, chunk_size=PART_BYTES, max_concurrency=2)
        except (*_errors(), FileNotFoundError, PermissionError) as error:
            raise _unavailable(error) from error

    async def read(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        """Yield an object's bytes from `start` up to, and without, `end`.

        Raises FilesUnavailableError, also when there is none.
        """
        for begin in range(start, end, READ_BYTES):
            upto = min(begin + READ_BYTES, end)
            try:
                part = bytes(await self._store.get_range_async(key, start=begin, end=upto))
            except (*_errors(), FileNotFoundError, PermissionError) as error:
                raise _unavailable(error) from error
            if len(part) != upto - begin:
                raise FilesUnavailableError("an object is shorter than it was")
            yield part

    async def delete(self, key: str) -> None:
        """Remove an object; one that is not there is fine. Raises FilesUnavailableError."""
        try:
            await self._store.delete_async(key)
        except FileNotFoundError:
            return
        except (*_errors(), PermissionError) as error:
            raise _unavailable(error) from error

    async def list_parts(self) -> AsyncIterator[Sequence[StoredFile]]:
        """Yield all objects, some at a time, in no order. Raises FilesUnavailableError."""
        if self._folder is not None and await asyncio.to_thread(_is_empty, self._folder):
            return
        stream = self._store.list(chunk_size=LISTED)  # pyright: ignore[reportUnknownMemberType]  (of another overload)
        while found := await _in_thread(lambda: next(stream, None)):
            yield [StoredFile(one["path"], one["size"], one["last_modified"]) for one in found]

    async def remove_leftovers(self, before: datetime) -> int:
        """Remove what writers that were killed have left in a folder; return how many files that were.

        S3 has rules for that of its own.
        """
        if self._folder is None:
            return 0
        folder = self._folder
        try:
            return await asyncio.to_thread(_remove_leftovers, folder, before.timestamp())
        except OSError as error:
            raise _unavailable(error) from error


def _is_empty(folder: Path) -> bool:
    return next(folder.iterdir(), None) is None


def _remove_leftovers(folder: Path, before: float) -> int:
    gone = 0
    for path in folder.rglob("*#*"):
        if _LEFTOVER.search(path.name) and path.stat().st_mtime < before:
            path.unlink()
            gone += 1
    return gone


def _errors() -> tuple[type[Exception], ...]:
    """Return what obstore raises besides Python's own."""
    from obstore.exceptions import BaseError

    return (BaseError,)


def _local(folder: Path) -> "LocalStore":
    from obstore.store import LocalStore

    return LocalStore(folder)


def _s3(bucket: str, prefix: str, access: S3Access) -> "S3Store":
    from obstore.store import S3Store

    given = {
        "endpoint": access.endpoint,
        "region": access.region,
        "access_key_id": access.access_key_id,
        "secret_access_key": access.secret_access_key,
    }
    config = {name: value for name, value in given.items() if value}
    return S3Store(
        bucket,
        prefix=prefix or None,
        config=config,  # pyright: ignore[reportArgumentType]  (a TypedDict of the same names)
        client_options={
            "allow_http": access.endpoint.startswith("http://"),
            "connect_timeout": CONNECT_SECONDS,
            "timeout": REQUEST_SECONDS,
        },
        virtual_hosted_style_request=False,
    )


async def _in_thread(work: Callable[[], T]) -> T:
    try:
        return await asyncio.to_thread(work)
    except (*_errors(), FileNotFoundError, PermissionError) as error:
        raise _unavailable(error) from error


def _unavailable(error: Exception) -> FilesUnavailableError:
    return FilesUnavailableError(f"the file store failed: {_one_line(error)}")


def _one_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
