"""Takes in uploads that may be interrupted: part by part, and a file when all is there.

What has come is put into the store as parts, and counts from the commit of their rows on: whatever process
goes on begins there. Nobody holds a lock: of two that go on at once, one finds that the upload has moved.
When the last bytes come, the parts become one file in the store, whose row is written with the upload's last
step.
"""

import hashlib
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

import msgspec
from starlette.requests import ClientDisconnect

from server.errors import ChecksumError, ConflictError, GoneError, LockedError, MalformedError, SlowBodyError
from server.files import Files, Taken, one_part, part_key_of, too_large, within_time
from storage.engine import Database
from storage.errors import StorageError
from storage.files import PART_BYTES
from storage.models import Upload, UploadPart
from storage.repositories.uploads import Ended
from storage.unit_of_work import UnitOfWork

MOST_PARTS = 10_000
"""Of one upload: bytes that come one by one would fill the store with objects."""

ALGORITHMS = ("sha1", "sha256", "sha512")


class Checksum:
    """What the bytes of one request have to be, by the client's word."""

    def __init__(self, algorithm: str, wanted: bytes) -> None:
        self._hash = hashlib.new(algorithm, usedforsecurity=False)
        self._wanted = wanted

    def add(self, part: bytes) -> None:
        """Take what has come."""
        self._hash.update(part)

    def check(self) -> None:
        """Raise ChecksumError unless it is what it has to be."""
        if self._hash.digest() != self._wanted:
            raise ChecksumError("What came is not what was sent: send it again.")


class Completion(Protocol):
    """Writes the row of a file in the transaction that ends its upload."""

    async def __call__(self, uow: UnitOfWork, file_id: UUID, taken: Taken) -> None:
        """Write it."""
        ...


class Progress(msgspec.Struct, frozen=True):
    """How far an upload has come."""

    received: int
    expires_at: datetime | None
    """None when all has come."""
    file_id: UUID | None = None


class Uploads:
    """The uploads of all workspaces."""

    def __init__(self, database: Database, files: Files, *, lifetime: timedelta) -> None:
        self.lifetime = lifetime
        self._database = database
        self._files = files
        self._finishing: set[UUID] = set()

    async def go_on(
        self, upload: Upload, body: AsyncIterator[bytes], checksum: Checksum | None, completion: Completion
    ) -> Progress:
        """Take what comes behind `upload.received`; return how far it has come then.

        Raises ConflictError when somebody else has gone on, LockedError while the file is being made,
        TooLargeError, SlowBodyError, ChecksumError, StorageError. What came before an interruption is kept,
        unless a checksum was promised for the whole.
        """
        if upload.id in self._finishing:
            raise LockedError("All of this upload has come, and its file is being made.")
        async with self._database.read() as uow:
            parts = len(await uow.upload_progress.parts(upload.id))
        arrival = _Arrival(self, upload, parts, checksum)
        try:
            tail = await arrival.take(body)
            if arrival.settled + len(tail) < upload.size:
                return await arrival.settle(tail)
        finally:
            await self.drop(upload.workspace_id, arrival.uncounted)
        self._finishing.add(upload.id)
        try:
            return await self._finish(upload, arrival.settled, tail, completion)
        finally:
            self._finishing.discard(upload.id)

    async def end(self, upload_id: UUID) -> Ended | None:
        """Delete an upload with what has come of it; None when somebody else has."""
        async with self._database.transaction() as uow:
            ended = await uow.upload_progress.end(upload_id)
            if ended is not None and ended.reserved:
                await uow.file_space.give_back(ended.workspace_id, ended.reserved)
        if ended is not None:
            await self.drop(ended.workspace_id, ended.part_ids)
        return ended

    async def store(self, workspace_id: UUID, part: bytes) -> UUID:
        """Put a part into the store, where it does not count yet. Raises StorageError."""
        part_id = self._database.new_id()
        await self._files.store.put(part_key_of(workspace_id, part_id), one_part(part))
        return part_id

    async def append(
        self, upload: Upload, start: int, parts: Sequence[tuple[UUID, int]]
    ) -> tuple[int, datetime]:
        """Let parts that are stored count; return where they end, and until when the rest has time.

        Raises ConflictError, GoneError, StorageError.
        """
        async with self._database.transaction() as uow:
            expires_at = uow.now + self.lifetime
            if not await uow.upload_progress.append(upload.id, start, parts, expires_at):
                raise await _moved(uow, upload.id)
        return start + sum(size for _, size in parts), expires_at

    async def drop(self, workspace_id: UUID, part_ids: Sequence[UUID]) -> None:
        """Remove parts that count no more; what fails is collected later."""
        try:
            for part_id in part_ids:
                await self._files.store.delete(part_key_of(workspace_id, part_id))
        except StorageError:
            return

    async def _finish(self, upload: Upload, settled: int, tail: bytes, completion: Completion) -> Progress:
        """Make one file of the parts and of what is not stored."""
        async with self._database.read() as uow:
            parts = await uow.upload_progress.parts(upload.id)
            if sum(part.size for part in parts) != settled:
                raise await _moved(uow, upload.id)
        # An id of this attempt alone: whoever finishes at the same time does not write over it.
        file_id = self._database.new_id()
        try:
            taken = await self._files.take(upload.workspace_id, file_id, self._read(upload, parts, tail))
            async with self._database.transaction() as uow:
                await completion(uow, file_id, taken)
                if not await uow.upload_progress.complete(upload.id, settled, upload.size, file_id):
                    raise await _moved(uow, upload.id)
        except Exception:
            await self._files.remove(upload.workspace_id, file_id)
            raise
        await self.drop(upload.workspace_id, [part.id for part in parts])
        return Progress(upload.size, None, file_id)

    async def _read(self, upload: Upload, parts: Sequence[UploadPart], tail: bytes) -> AsyncIterator[bytes]:
        for part in parts:
            async for piece in self._files.store.read(
                part_key_of(upload.workspace_id, part.id), 0, part.size
            ):
                yield piece
        yield tail


class _Arrival:
    """What one request brings."""

    def __init__(self, uploads: Uploads, upload: Upload, parts: int, checksum: Checksum | None) -> None:
        self.settled = upload.received
        """Up to where all is stored, and counts."""
        self._uploads = uploads
        self._upload = upload
        self._parts = parts
        self._checksum = checksum
        self._expires_at = upload.expires_at
        self._waiting: list[tuple[UUID, int]] = []
        """Parts that are stored, and count when the checksum is right."""

    @property
    def uncounted(self) -> list[UUID]:
        """Parts that are stored for nothing when it ends like this."""
        return [part_id for part_id, _ in self._waiting]

    async def take(self, body: AsyncIterator[bytes]) -> bytes:
        """Take what comes, and return its end, which is less than a part and not stored."""
        held = bytearray()
        end = self.settled
        try:
            async for piece in within_time(body):
                end += len(piece)
                if end > self._upload.size:
                    raise too_large(self._upload.size)
                held += piece
                if self._checksum is not None:
                    self._checksum.add(piece)
                if len(held) >= PART_BYTES:
                    await self._store(bytes(held))
                    held.clear()
                    if self._checksum is None:
                        await self._count()
            if self._checksum is not None:
                self._checksum.check()
                await self._count()
        except (ClientDisconnect, SlowBodyError):
            if self._checksum is None:
                await self.settle(bytes(held))
            raise
        return bytes(held)

    async def settle(self, tail: bytes) -> Progress:
        """Store the end as well."""
        if tail:
            await self._store(tail)
            await self._count()
        return Progress(self.settled, self._expires_at)

    async def _store(self, part: bytes) -> None:
        if self._parts == MOST_PARTS:
            raise MalformedError(
                f"An upload may come in {MOST_PARTS} parts: send more at a time.", code="too_many_parts"
            )
        self._parts += 1
        part_id = await self._uploads.store(self._upload.workspace_id, part)
        self._waiting.append((part_id, len(part)))

    async def _count(self) -> None:
        if self._waiting:
            self.settled, self._expires_at = await self._uploads.append(
                self._upload, self.settled, self._waiting
            )
            self._waiting = []


async def _moved(uow: UnitOfWork, upload_id: UUID) -> ConflictError | GoneError:
    """Return why an upload does not go on from where it was."""
    if await uow.upload_progress.received(upload_id) is None:
        return GoneError("This upload was ended meanwhile.")
    return ConflictError("Somebody else has gone on with this upload.", code="offset_mismatch")
