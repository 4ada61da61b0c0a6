"""Writes notifications: follows the events of all workspaces and tells people what concerns them.

Rows are written in the transaction that moves the cursor, one for an event and a person, so nobody is told
twice and nothing is left out. Mails and live inboxes are made from the rows, by others.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from server.background.pacing import again_and_again
from server.notifications.kinds import delivery_of, mail_time
from server.notifications.lookups import Lookups
from server.notifications.recipients import Telling, is_told, read_message, telling_of
from storage.engine import Database
from storage.models import Event
from storage.repositories.consumers import Beginning
from storage.unit_of_work import UnitOfWork

logger = logging.getLogger(__name__)

TELLS_ALL_EVERY = timedelta(minutes=1)
"""How often all of a channel are told that it was mentioned; in between such a message is one like others."""

ROWS_AT_ONCE = 1000
"""Rows that one transaction writes, while all others who write may wait."""

_CHANNELS = 10_000
"""Channels whose last time is remembered."""

KEPT = timedelta(days=180)
FORGET_EVERY_SECONDS = 3600.0
_FORGET_AT_ONCE = 500


class Notifications:
    """The consumer `notifications`. Implements `server.background.consumers.Consumer`."""

    name = "notifications"
    beginning: Beginning = "now"

    def __init__(self, *on_told: Callable[[], None]) -> None:
        """Call `on_told` once somebody was told something."""
        self._on_told = on_told
        self._told_all: dict[UUID, Event] = {}

    async def wants(self, events: Sequence[Event]) -> bool:
        """Want what people are told of."""
        return any(is_told(event) for event in events)

    async def handle(self, uow: UnitOfWork, events: Sequence[Event]) -> int:
        """Tell people of events of one workspace, `ROWS_AT_ONCE` of them; what is left comes again."""
        lookups = Lookups(uow)
        rows: list[dict[str, Any]] = []
        done = 0
        # Only the first of the events may have been told in part.
        told_up_to = await uow.notifications.told_up_to(events[0].workspace_id, events[0].position)
        for event in events:
            telling = await telling_of(lookups, event, tells_all=self._tells_all(event))
            if telling is not None:
                room = ROWS_AT_ONCE + 1 - len(rows)
                rows += await _rows_of(lookups, telling, after=told_up_to, most=room)
            told_up_to = None
            if len(rows) > ROWS_AT_ONCE:
                break
            done += 1
        if rows:
            await uow.notifications.add(rows[:ROWS_AT_ONCE])
            uow.after_commit += self._on_told
        return done

    def _tells_all(self, event: Event) -> bool:
        """Tell whether an event's message is to be told to its whole channel, if it mentions that.

        Decided by the events alone, so that those that come again are taken alike.
        """
        posted = read_message(event)
        if posted is None or not posted.is_for_all:
            return False
        last = self._told_all.get(posted.channel_id)
        is_later = last is not None and last.position < event.position
        if last is not None and is_later and event.created_at < last.created_at + TELLS_ALL_EVERY:
            return False
        if len(self._told_all) >= _CHANNELS:
            self._told_all.clear()
        self._told_all[posted.channel_id] = event
        return True


async def _rows_of(
    lookups: Lookups, telling: Telling, *, after: UUID | None, most: int
) -> list[dict[str, Any]]:
    """Return rows for `most` of those who want to hear of it, by their ids, behind who was told last."""
    event = telling.event
    uow = lookups.uow
    muted = await lookups.muted(telling.subject)
    preferences = await lookups.preferences(telling.people)
    rows: list[dict[str, Any]] = []
    # In one order, so that two units never wait for each other in a circle, and a part can be gone on behind.
    for user_id, kind in sorted(telling.people.items()):
        if len(rows) == most:
            break
        if after is not None and user_id <= after:
            continue
        preference = preferences.get(user_id)
        delivery = delivery_of(preference, kind)
        if user_id in muted or delivery == "nothing":
            continue
        rows.append(
            {
                "id": uow.new_id(),
                "user_id": user_id,
                "workspace_id": event.workspace_id,
                "position": event.position,
                "kind": kind,
                "actor": event.actor,
                "subject": telling.subject,
                "details": telling.details,
                "created_at": event.created_at,
                "mail_at": mail_time(preference, uow.now) if delivery == "mail" else None,
            }
        )
    return rows


class ForgettingNotifications:
    """Deletes notifications of long ago; any number of processes may do so at once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self) -> None:
        """Forget again and again, until the task is cancelled."""
        await again_and_again(self.forget, FORGET_EVERY_SECONDS, "notifications cannot be forgotten now")

    async def forget(self) -> None:
        """Forget what is old, in small transactions."""
        forgotten = _FORGET_AT_ONCE
        while forgotten == _FORGET_AT_ONCE:
            async with self._database.transaction() as uow:
                forgotten = await uow.notifications.forget_older_than(KEPT, _FORGET_AT_ONCE)
