"""Files and mails for agents' tools."""

from collections.abc import AsyncIterator
from uuid import UUID

from agents.tools.base import ToolContext
from agents.tools.errors import ToolError
from integrations.mail.models import Mail
from server.errors import TooLargeError
from server.file_texts import TextReading
from server.files import Files, new_file, one_part
from server.mailing import Mailing
from storage.engine import Database
from storage.models import File
from storage.unit_of_work import UnitOfWork


class FileContents:
    """Implements `agents.ports.Contents`."""

    def __init__(self, database: Database, files: Files, texts: TextReading) -> None:
        self._database = database
        self._files = files
        self._texts = texts

    async def read_text(self, file: File, most_characters: int) -> str | None:
        """Return the beginning of what a file says; None for one that has no text that can be read."""
        return await self._texts.read(file, most_characters)

    async def save(
        self, context: ToolContext, file_id: UUID, name: str, document: str | None, content: bytes
    ) -> File:
        """Keep a file; one that is there already is left as it is."""
        async with self._database.read() as uow:
            known = await uow.files.get(file_id)
        if known is not None:
            return known
        try:
            return await self._add(context, file_id, name, document, one_part(content))
        except TooLargeError as error:
            raise ToolError(error.detail) from error
        except Exception:
            await self._files.remove(context.workspace_id, file_id)
            raise

    async def _add(
        self,
        context: ToolContext,
        file_id: UUID,
        name: str,
        document: str | None,
        parts: AsyncIterator[bytes],
    ) -> File:
        workspace_id, by = context.workspace_id, context.principal.id
        taken = await self._files.take(workspace_id, file_id, parts)
        async with self._database.transaction() as uow:
            if not await uow.file_space.take(workspace_id, taken.size, self._files.quota_bytes):
                raise ToolError("The workspace has no more room for files.")
            file = new_file(
                file_id, workspace_id, name=name, document=document, taken=taken, created_by=by, now=uow.now
            )
            await uow.files.add(file)
            subject, payload = document or f"file:{file_id}", {"file_id": str(file_id), "name": name}
            await uow.events.append(workspace_id, "file.created", by, subject, payload)
        return file


class OutgoingMails:
    """Implements `agents.ports.Mails`."""

    def __init__(self, mailing: Mailing) -> None:
        self._mailing = mailing

    async def post(self, uow: UnitOfWork, to: str, subject: str, text: str) -> None:
        """Send a mail once this unit is committed."""
        await self._mailing.post(uow, Mail(to=to, subject=subject, text=text))
