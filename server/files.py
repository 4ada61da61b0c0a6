"""Takes files in and gives them out: what comes is measured and looked at, not believed.

The contents go to the store first, then the row is written; a row that is not written leaves contents that
nobody knows, which `server.background.orphans` collects.
"""

import asyncio
import codecs
import hashlib
import hmac
from collections.abc import AsyncIterator
from datetime import datetime
from uuid import UUID

import msgspec

from server.downloads import SAVED_TYPE
from server.errors import SlowBodyError, TooLargeError
from server.images import MOST_BYTES, TYPES, Images, Picture
from storage.errors import StorageError
from storage.files import FileStore
from storage.models import File

HEAD_BYTES = 4096
IDLE_SECONDS = 30
"""How long an upload may pause."""

_THUMBNAIL = ".thumbnail"
_PART = ".part"


class Taken(msgspec.Struct, frozen=True):
    """The contents of a file that is in the store."""

    size: int
    sha256: str
    content_type: str
    picture: Picture | None


class Files:
    """The files of all workspaces."""

    def __init__(
        self, store: FileStore, images: Images, link_key: bytes, *, max_bytes: int, quota_bytes: int
    ) -> None:
        self.max_bytes = max_bytes
        self.quota_bytes = quota_bytes
        self.store = store
        self._images = images
        self._link_key = link_key

    async def take(self, workspace_id: UUID, file_id: UUID, parts: AsyncIterator[bytes]) -> Taken:
        """Put contents into the store and look at them. Raises TooLargeError, SlowBodyError, StorageError."""
        measured = _Measured(parts, self.max_bytes)
        await self.store.put(key_of(workspace_id, file_id), measured.parts())
        content_type = sniff(bytes(measured.head))
        picture = None
        if content_type in TYPES and measured.size <= MOST_BYTES:
            contents = [part async for part in self.read(workspace_id, file_id, 0, measured.size)]
            picture = await self._images.look_at(b"".join(contents))
        if picture is not None:
            await self.store.put(thumbnail_key_of(workspace_id, file_id), one_part(picture.thumbnail))
        return Taken(measured.size, measured.hash.hexdigest(), content_type, picture)

    def read(self, workspace_id: UUID, file_id: UUID, start: int, end: int) -> AsyncIterator[bytes]:
        """Yield a part of a file."""
        return self.store.read(key_of(workspace_id, file_id), start, end)

    def read_thumbnail(self, file: File, start: int, end: int) -> AsyncIterator[bytes]:
        """Yield a part of a file's small picture."""
        return self.store.read(thumbnail_key_of(file.workspace_id, file.id), start, end)

    async def remove(self, workspace_id: UUID, file_id: UUID) -> None:
        """Remove contents whose row is gone, or was never written; what fails is collected later."""
        try:
            await self.store.delete(key_of(workspace_id, file_id))
            await self.store.delete(thumbnail_key_of(workspace_id, file_id))
        except StorageError:
            return

    def sign(self, file_id: UUID, expires: int) -> str:
        """Return what makes a link to a file good until a time, in Unix seconds."""
        return hmac.digest(self._link_key, f"file {file_id} {expires}".encode(), hashlib.sha256).hex()

    def is_signed(self, file_id: UUID, expires: int, signature: str, now: datetime) -> bool:
        """Tell whether a link is good."""
        return expires > now.timestamp() and hmac.compare_digest(self.sign(file_id, expires), signature)


class _Measured:
    """What comes in, counted on its way."""

    def __init__(self, parts: AsyncIterator[bytes], max_bytes: int) -> None:
        self.size = 0
        self.head = bytearray()
        self.hash = hashlib.sha256()
        self._parts = parts
        self._max_bytes = max_bytes

    async def parts(self) -> AsyncIterator[bytes]:
        """Yield it. Raises TooLargeError, SlowBodyError."""
        async for part in within_time(self._parts):
            self.size += len(part)
            if self.size > self._max_bytes:
                raise too_large(self._max_bytes)
            self.head += part[: HEAD_BYTES - len(self.head)]
            self.hash.update(part)
            yield part


async def within_time(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield what comes, for as long as it goes on coming. Raises SlowBodyError."""
    while True:
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                part = await anext(parts, None)
        except TimeoutError as error:
            raise SlowBodyError("The upload stands still.", headers={"Connection": "close"}) from error
        if part is None:
            return
        yield part


def new_file(
    file_id: UUID,
    workspace_id: UUID,
    *,
    name: str,
    document: str | None,
    taken: Taken,
    created_by: str,
    now: datetime,
) -> File:
    """Return the row of a file whose contents are in the store."""
    picture = taken.picture
    return File(
        id=file_id,
        workspace_id=workspace_id,
        document=document,
        name=name,
        content_type=taken.content_type,
        size=taken.size,
        sha256=taken.sha256,
        width=picture.width if picture else None,
        height=picture.height if picture else None,
        thumbnail_size=len(picture.thumbnail) if picture else None,
        created_by=created_by,
        created_at=now,
        updated_at=now,
    )


def too_large(limit: int) -> TooLargeError:
    """Return the refusal of a file that is too large."""
    return TooLargeError(
        f"A file may have {limit} bytes.", code="file_too_large", headers={"Connection": "close"}
    )


def sniff(head: bytes) -> str:
    """Return the type of contents that begin so; what is not recognised is text or just bytes."""
    import puremagic  # here: its tables take more than a megabyte, and not every server is given files

    try:
        found = puremagic.from_string(head, mime=True)  # pyright: ignore[reportUnknownMemberType]  (a bare PathLike)
    except (puremagic.PureError, ValueError):
        found = ""
    if found:
        return found.lower()
    try:
        # Not the end of it: the last character may be cut off.
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return SAVED_TYPE
    return SAVED_TYPE if b"\x00" in head or not head else "text/plain"


def key_of(workspace_id: UUID, file_id: UUID) -> str:
    """Return where a file's contents are."""
    return f"{workspace_id}/{file_id}"


def thumbnail_key_of(workspace_id: UUID, file_id: UUID) -> str:
    """Return where a file's small picture is."""
    return f"{workspace_id}/{file_id}{_THUMBNAIL}"


def part_key_of(workspace_id: UUID, part_id: UUID) -> str:
    """Return where a part of an upload is."""
    return f"{workspace_id}/{part_id}{_PART}"


def file_id_of(key: str) -> UUID | None:
    """Return the file that an object belongs to, or None for an object that is not of this program."""
    return _id_of(key, _THUMBNAIL)


def part_id_of(key: str) -> UUID | None:
    """Return the part of an upload that an object is, or None for another object."""
    return _id_of(key, _PART) if key.endswith(_PART) else None


def _id_of(key: str, suffix: str) -> UUID | None:
    try:
        return UUID(key.rpartition("/")[2].removesuffix(suffix))
    except ValueError:
        return None


async def one_part(part: bytes) -> AsyncIterator[bytes]:
    """Yield contents that are there as a whole."""
    yield part
