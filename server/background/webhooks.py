"""Delivers events to webhooks: each subscription in order, again and again until a receiver takes them.

A webhook's position is in the database and moves when a delivery was taken, so whoever comes after a crash
goes on there; at worst a receiver gets an event twice, under the same id.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from anyio import create_task_group
from anyio.abc import TaskGroup

from server.background.leadership import LEASE_SECONDS, Leadership
from server.spans import span
from server.webhooks import TEST_TYPE, Attempt, Courier
from storage.access import workspace_standing
from storage.callers import Caller
from storage.engine import Database
from storage.errors import StorageError
from storage.event_access import visible_events
from storage.event_feed import EventFeed, News
from storage.models import Event, Webhook, WebhookDelivery

logger = logging.getLogger(__name__)

RETRY_SECONDS = (5, 30, 120, 300, 900, 1800, 3600, 7200, 14400)
"""The pauses between attempts; the last one is repeated."""

GIVE_UP_AFTER = timedelta(hours=24)
LONGEST_WISH_SECONDS = 3600
"""As far as a receiver's `Retry-After` is followed."""

AT_ONCE = 32
"""Requests under way at the same time."""

LOG_KEPT = timedelta(days=30)
SPAN = 200
"""Positions that are looked at in one go."""

FEW = 20
"""Events that are delivered before it is asked again whether they may be seen."""

_PAGE = 500
_GONE = 410


class Webhooks:
    """All subscriptions of the database, in the one process that leads."""

    def __init__(
        self,
        database: Database,
        feed: EventFeed,
        courier: Courier,
        *,
        retry_seconds: Sequence[float] = RETRY_SECONDS,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self._database = database
        self._feed = feed
        self._courier = courier
        self._retry_seconds = retry_seconds
        self._leadership = Leadership(database, "webhooks", lease_seconds=lease_seconds)
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._workers: dict[UUID, asyncio.Event] = {}

    async def run(self) -> None:
        """Deliver whenever no other process does, until the task is cancelled."""
        await self._leadership.lead(self._deliver_all)

    async def _deliver_all(self) -> None:
        self._workers.clear()
        async with create_task_group() as tasks:
            with self._feed.subscribe() as subscription:
                while not (news := await subscription.next()).is_over:
                    for webhook_id in await self._concerned(news):
                        self._wake(tasks, webhook_id)
                    if news.is_everywhere:
                        await self._forget()
            tasks.cancel_scope.cancel()

    async def _concerned(self, news: News) -> set[UUID]:
        """Return the webhooks that may have something to do."""
        found: set[UUID] = set()
        async with self._database.read() as uow:
            if news.workspaces:
                found |= set(await uow.deliveries.active_in(news.workspaces))
            after: UUID | None = None
            while news.is_everywhere:
                page = await uow.deliveries.behind(after=after, limit=_PAGE)
                found |= set(page)
                if len(page) < _PAGE:
                    break
                after = page[-1]
        return found

    def _wake(self, tasks: TaskGroup, webhook_id: UUID) -> None:
        woken = self._workers.get(webhook_id)
        if woken is not None:
            woken.set()
            return
        self._workers[webhook_id] = woken = asyncio.Event()
        tasks.start_soon(self._work, webhook_id, woken)

    async def _work(self, webhook_id: UUID, woken: asyncio.Event) -> None:
        """Deliver what one webhook has before it, until nothing is left."""
        try:
            while True:
                woken.clear()
                # Nothing is awaited between the last look and the end: no call comes too late.
                if not await self._step(webhook_id, woken) and not woken.is_set():
                    return
        except StorageError as error:
            logger.warning("webhook %s rests until the next look: %s", webhook_id, error)
        except Exception:
            logger.exception("webhook %s rests until the next look", webhook_id)
        finally:
            self._workers.pop(webhook_id, None)

    async def _step(self, webhook_id: UUID, woken: asyncio.Event) -> bool:
        """Deliver a few events; tell whether there may be more."""
        async with self._database.read() as uow:
            webhook = await uow.deliveries.webhook(webhook_id)
            if webhook is None or webhook.state != "active":
                return False
            pause = (webhook.next_attempt_at - uow.now).total_seconds() if webhook.next_attempt_at else 0
            head = await uow.events.head(webhook.workspace_id)
            upto = min(webhook.position + SPAN, head)
            if upto <= webhook.position:
                return False
            owner = Caller.of_user(webhook.created_by_user_id)
            found = await workspace_standing(uow, owner, webhook.workspace_id)
            may_have = found is not None and found[1].allows("webhooks.manage")
            events = await uow.events.of_types(
                webhook.workspace_id, webhook.position, upto, webhook.event_types
            )
            visible = await visible_events(uow, owner, webhook.workspace_id, events)
        if not may_have:
            await self._pause(webhook, "owner_lost_right")
            return False
        if pause > 0:
            await _sleep(pause, woken)
            return True
        for event in visible[:FEW]:
            if not await self._deliver(webhook, event):
                return True
        if len(visible) <= FEW and webhook.position < upto:
            async with self._database.transaction() as uow:
                await uow.deliveries.advance(webhook, upto)
        return True

    async def _deliver(self, webhook: Webhook, event: Event) -> bool:
        """Try to deliver one event, and keep what became of it; tell whether to go on with the next one."""
        async with self._slots:
            with span("deliver webhook", attempt=webhook.attempts + 1):
                attempt = await self._courier.deliver(webhook, event)
        is_over = False
        async with self._database.transaction() as uow:
            await uow.deliveries.log(entry(uow.new_id(), webhook, event, attempt, uow.now))
            if attempt.is_delivered:
                is_kept = await uow.deliveries.advance(webhook, event.position)
                webhook.position, webhook.attempts, webhook.failing_since = event.position, 0, None
                return is_kept
            is_over = attempt.status == _GONE or (
                webhook.failing_since is not None and uow.now - webhook.failing_since >= GIVE_UP_AFTER
            )
            if not is_over:
                pause = timedelta(seconds=self._pause_seconds(webhook, attempt))
                await uow.deliveries.postpone(webhook, next_attempt_at=uow.now + pause)
        if is_over:
            await self._pause(webhook, "gone" if attempt.status == _GONE else "failing")
        return False

    def _pause_seconds(self, webhook: Webhook, attempt: Attempt) -> float:
        steps = self._retry_seconds
        planned = steps[min(webhook.attempts, len(steps) - 1)]
        wished = min(attempt.retry_after_seconds or 0, LONGEST_WISH_SECONDS)
        # So that receivers that failed together are not asked together again.
        return max(planned, wished) * random.uniform(0.9, 1.1)

    async def _pause(self, webhook: Webhook, reason: str) -> None:
        """Stop delivering until somebody resumes it, and tell those who manage webhooks."""
        async with self._database.transaction() as uow:
            if await uow.deliveries.pause(webhook, reason):
                await uow.events.append(
                    webhook.workspace_id,
                    "webhook.paused",
                    None,
                    f"webhook:{webhook.id}",
                    {"reason": reason, "url": webhook.url},
                )
                logger.warning("webhook %s is paused: %s", webhook.id, reason)

    async def _forget(self) -> None:
        """Delete what is old of the log, in small transactions."""
        forgotten = _PAGE
        while forgotten == _PAGE:
            async with self._database.transaction() as uow:
                forgotten = await uow.deliveries.forget_older_than(LOG_KEPT, _PAGE)


def entry(
    id_: UUID, webhook: Webhook, event: Event | None, attempt: Attempt, now: datetime
) -> WebhookDelivery:
    """Return the line of the log for an attempt; without an event it was a test."""
    return WebhookDelivery(
        id=id_,
        webhook_id=webhook.id,
        event_id=event.id if event else id_,
        event_type=event.type if event else TEST_TYPE,
        position=event.position if event else None,
        attempt=webhook.attempts + 1 if event else 1,
        outcome="delivered" if attempt.is_delivered else "failed",
        status=attempt.status,
        error=attempt.error,
        response=attempt.response,
        duration_ms=attempt.duration_ms,
        created_at=now,
    )


async def _sleep(seconds: float, woken: asyncio.Event) -> None:
    """Wait for the time, or until there is something new to look at."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await woken.wait()
