"""The outbox of mails: written in the transaction of their cause, sent by one process, tried again for a day.

A request never waits for a mail server. Where it must not tell whether there is somebody to write to, it only
leaves a `MailRequest`, and the mail is written from that by whoever sends. Mails lie sealed in their table:
they may hold secret links.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import timedelta
from uuid import UUID

import anyio
import msgspec

from integrations.errors import MailRefusedError, MailUnavailableError
from integrations.mail.models import Mail
from integrations.mail.ports import Mailer
from server.background.leadership import Leadership
from server.spans import span
from storage.engine import Database
from storage.errors import BrokenSealError, StorageError, UnknownKeyError
from storage.models import WaitingMail
from storage.repositories.mails import ANY_DUE
from storage.unit_of_work import UnitOfWork
from storage.vault import Vault, place_of

logger = logging.getLogger("ionflux.mail")

AT_ONCE = 4
"""Connections to the mail server."""

RETRY_SECONDS = (5, 30, 120, 600, 1800, 3600, 7200, 14400)
"""The pauses between attempts; the last one is repeated."""

GIVE_UP_AFTER = timedelta(hours=24)

LOOK_SECONDS = 1.0
"""How long it takes until mails of other processes, and those that come due, are noticed."""

URGENT, USUAL = 0, 1
"""Somebody waits for a mail that was asked for; one that tells news goes behind it."""


class MailRequest(msgspec.Struct, frozen=True):
    """What a mail is to be written from, by the maker of its kind."""

    kind: str
    about: str
    """Whom it is about, as the maker understands it."""
    address: str = ""
    """From where it was asked for."""


class Content(msgspec.Struct, frozen=True):
    """What lies in a row: a mail, or what one is to be written from."""

    mail: Mail | None = None
    request: MailRequest | None = None


Maker = Callable[[UnitOfWork, MailRequest], Awaitable[Mail | None]]
"""Writes the mail of a request, in the transaction that puts it in the request's place; None for no mail."""


class Mailing:
    """Takes mails in any process, and sends them in the one that leads."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        mailer: Mailer,
        *,
        retry_seconds: Sequence[float] = RETRY_SECONDS,
    ) -> None:
        self.makers: dict[str, Maker] = {}
        """Kind of a request -> who writes its mail."""
        self._database = database
        self._vault = vault
        self._mailer = mailer
        self._retry_seconds = retry_seconds
        self._leadership = Leadership(database, "mails")
        self._woken = asyncio.Event()

    async def post(self, uow: UnitOfWork, mail: Mail, *, priority: int = URGENT) -> None:
        """Send a mail once this unit is committed."""
        await self._add(uow, Content(mail=mail), priority)

    async def request(self, uow: UnitOfWork, request: MailRequest) -> None:
        """Have a mail written and sent once this unit is committed: who waits for the answer cannot tell."""
        await self._add(uow, Content(request=request), URGENT)

    async def run(self) -> None:
        """Send whenever no other process does, until the task is cancelled."""
        await self._leadership.lead(self._send_forever)

    async def _add(self, uow: UnitOfWork, content: Content, priority: int) -> None:
        mail_id = uow.new_id()
        await uow.mails.add(mail_id, self._seal(mail_id, content), priority=priority)
        uow.after_commit.append(self._woken.set)

    def _seal(self, mail_id: UUID, content: Content) -> bytes:
        text = msgspec.json.encode(content).decode()
        return self._vault.seal(text, place_of("mails", "content", mail_id))

    def _open(self, mail: WaitingMail) -> Content:
        text = self._vault.open(mail.content, place_of("mails", "content", mail.id))
        return msgspec.json.decode(text, type=Content)

    async def _send_forever(self) -> None:
        """Send what comes due. A conversation that takes long holds up no mail that came later."""
        under_way: set[UUID] = set()
        async with anyio.create_task_group() as tasks:

            async def send(row: WaitingMail) -> None:
                try:
                    await self._handle_guarded(row)
                finally:
                    under_way.discard(row.id)
                    self._woken.set()

            while True:
                self._woken.clear()
                for row in await self._find_due(AT_ONCE - len(under_way), under_way):
                    under_way.add(row.id)
                    tasks.start_soon(send, row)
                with anyio.move_on_after(LOOK_SECONDS):
                    await self._woken.wait()

    async def _find_due(self, count: int, under_way: Collection[UUID]) -> Sequence[WaitingMail]:
        """Return so many of the mails that are due; none while the database cannot be read."""
        if not count:
            return ()
        try:
            if not await self._database.look(ANY_DUE, now=self._database.clock()):
                return ()
            async with self._database.read() as uow:
                return await uow.mails.due(count, besides=under_way)
        except StorageError as error:
            logger.warning("mails wait for the database: %s", error)
            return ()

    async def _handle_guarded(self, row: WaitingMail) -> None:
        try:
            await self._handle(row)
        except StorageError as error:
            logger.warning("a mail waits for the database: %s", error)
            await asyncio.sleep(LOOK_SECONDS)
        except Exception:  # the edge of a task: no mail may end the others'
            logger.exception("a mail could not be sent")
            await asyncio.sleep(LOOK_SECONDS)

    async def _handle(self, row: WaitingMail) -> None:
        try:
            mail = await self._written(row)
            if mail is not None:
                with span("send mail"):
                    await self._mailer.send(msgspec.structs.replace(mail, key=row.id.hex))
        except MailRefusedError as error:
            logger.error("a mail cannot be delivered: %s", error)  # noqa: TRY400 - the reason is enough
        except (MailUnavailableError, UnknownKeyError, BrokenSealError) as error:
            if self._database.clock() - row.created_at < GIVE_UP_AFTER:
                logger.warning("a mail waits: %s", error)
                await self._postpone(row)
                return
            logger.error("a mail is given up: %s", error)  # noqa: TRY400
        async with self._database.transaction() as uow:
            await uow.mails.remove(row.id)

    async def _written(self, row: WaitingMail) -> Mail | None:
        """Return a row's mail, written now if it was not before; None where there is none to write."""
        content = self._open(row)
        if content.request is None:
            return content.mail
        async with self._database.transaction() as uow:
            locked = await uow.mails.lock(row.id)
            content = self._open(locked) if locked else Content()
            if locked is None or content.request is None:  # another process, which also believes to lead
                return content.mail
            mail = await self.makers[content.request.kind](uow, content.request)
            if mail is not None:
                await uow.mails.replace(locked, self._seal(row.id, Content(mail=mail)))
        return mail

    async def _postpone(self, row: WaitingMail) -> None:
        pause = self._retry_seconds[min(row.attempts, len(self._retry_seconds) - 1)]
        async with self._database.transaction() as uow:
            await uow.mails.postpone(row, uow.now + timedelta(seconds=pause))
