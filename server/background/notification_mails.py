"""Mails what people were told: at once, or once a day in one mail.

Made from the rows of notifications by one process, into the outbox, in one transaction: so each is mailed
once. Whoever gets more than one in a few minutes gets them together, so a storm of a thousand mentions is a
handful of mails. What was read meanwhile is not mailed, nor what may not be seen any more.
"""

import asyncio
import logging
from collections.abc import Collection, Sequence
from datetime import timedelta
from uuid import UUID

import anyio

from server.background.leadership import LEASE_SECONDS, Leadership
from server.mailing import USUAL, Mailing
from server.notifications.letters import MOST, Addressee, write_letter
from server.notifications.names import names_for
from server.notifications.unsubscribing import Unsubscribing
from storage.engine import Database
from storage.errors import StorageError
from storage.models import Notification, NotificationPreference, User
from storage.repositories.notifications import TO_BE_MAILED
from storage.unit_of_work import UnitOfWork

logger = logging.getLogger(__name__)

APART = timedelta(minutes=5)
"""The least time between two mails to one person."""

LATER = timedelta(hours=1)
"""When a mail is tried again that could not be written."""

LOOK_SECONDS = 1.0

_PEOPLE = 50
"""People whose mails are written before the next look."""


class NotificationMails:
    """The mails of all people, in the one process that leads."""

    def __init__(
        self,
        database: Database,
        mailing: Mailing,
        unsubscribing: Unsubscribing,
        *,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self._database = database
        self._mailing = mailing
        self._unsubscribing = unsubscribing
        self._leadership = Leadership(database, "notification-mails", lease_seconds=lease_seconds)
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Look now: somebody was told something."""
        self._woken.set()

    async def run(self) -> None:
        """Write mails whenever no other process does, until the task is cancelled."""
        await self._leadership.lead(self._write_forever)

    async def _write_forever(self) -> None:
        while True:
            self._woken.clear()
            try:
                found = await self.write_due()
            except StorageError as error:
                logger.warning("notification mails wait for the database: %s", error)
                found = 0
            if found < _PEOPLE:
                with anyio.move_on_after(LOOK_SECONDS):
                    await self._woken.wait()

    async def write_due(self) -> int:
        """Write the mails whose time has come, up to a batch; return for how many people."""
        people = await self._database.look(TO_BE_MAILED, now=self._database.clock(), limit=_PEOPLE)
        for (user_id,) in people:
            try:
                async with self._database.transaction() as uow:
                    await self._write(uow, user_id)
            except StorageError:
                raise
            except Exception:  # the edge: one mail that cannot be written may not keep the others
                logger.exception("a notification mail could not be written")
                async with self._database.transaction() as uow:
                    await uow.notifications.set_mail_time(user_id, uow.now + LATER, only_due=True)
        return len(people)

    async def _write(self, uow: UnitOfWork, user_id: UUID) -> None:
        """Write somebody's mail, or find that it has to wait, or that there is none to write."""
        user = await uow.users.get(user_id)
        preference = await uow.notification_preferences.get(user_id)
        if user is None or not _can_be_mailed(user, preference):
            await uow.notifications.set_mail_time(user_id, None)
            return
        if preference.last_mailed_at is not None and uow.now < preference.last_mailed_at + APART:
            await uow.notifications.set_mail_time(user_id, preference.last_mailed_at + APART, only_due=True)
            return
        rows, total = await uow.notifications.waiting_for_mail(user_id, MOST)
        kept = await _without_muted(uow, user_id, rows)
        addressee = Addressee(
            name=user.name,
            email=user.email,
            page_url=self._unsubscribing.page_url(user_id),
            post_url=self._unsubscribing.post_url(user_id),
        )
        names = await names_for(uow, user_id, kept)
        total -= len(rows) - len(kept)
        mail = write_letter(addressee, kept, total, names, is_digest=preference.mail == "daily")
        if mail is not None:
            await self._mailing.post(uow, mail, priority=USUAL)
            preference.last_mailed_at = uow.now
            await uow.notification_preferences.save(preference)
        await uow.notifications.set_mail_time(user_id, None, only_due=True)


def _can_be_mailed(user: User, preference: NotificationPreference) -> bool:
    """Tell whether somebody wants mails, and is known to be who reads them: others would get a stranger's."""
    return user.deactivated_at is None and user.email_verified_at is not None and preference.mail != "off"


async def _without_muted(
    uow: UnitOfWork, user_id: UUID, rows: Collection[Notification]
) -> Sequence[Notification]:
    muted = await uow.notification_preferences.muted_of(user_id, {row.subject for row in rows})
    return [row for row in rows if row.subject not in muted]
