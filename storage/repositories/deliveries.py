"""How far webhooks have come, and the log of their deliveries. The webhooks themselves are `owned` rows."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import Webhook, WebhookDelivery, Workspace


class Deliveries:
    """What the one who delivers needs."""

    def __init__(self, session: AsyncSession, now: datetime) -> None:
        self._session = session
        self._now = now

    async def webhook(self, webhook_id: UUID) -> Webhook | None:
        """Return a webhook, or None."""
        return await self._session.get(Webhook, webhook_id)

    async def count_in(self, workspace_id: UUID) -> int:
        """Return how many webhooks a workspace has."""
        count = await self._session.scalar(
            select(func.count()).select_from(Webhook).where(Webhook.workspace_id == workspace_id)
        )
        return count or 0

    async def active_in(self, workspaces: Collection[UUID]) -> Sequence[UUID]:
        """Return the webhooks of some workspaces that are not paused."""
        found = await self._session.scalars(
            select(Webhook.id).where(Webhook.workspace_id.in_(workspaces), Webhook.state == "active")
        )
        return found.all()

    async def behind(self, *, after: UUID | None, limit: int) -> Sequence[UUID]:
        """Return the webhooks, by id behind `after`, that are not paused and have events to look at."""
        statement = (
            select(Webhook.id)
            .join(Workspace, Workspace.id == Webhook.workspace_id)
            .where(Webhook.state == "active", Webhook.position < Workspace.event_head)
            .order_by(Webhook.id)
            .limit(limit)
        )
        if after is not None:
            statement = statement.where(Webhook.id > after)
        return (await self._session.scalars(statement)).all()

    async def advance(self, webhook: Webhook, position: int) -> bool:
        """Move on, with nothing failing; False when somebody else has moved or paused it since."""
        return await self._change(
            webhook, position=position, attempts=0, failing_since=None, next_attempt_at=None
        )

    async def postpone(self, webhook: Webhook, *, next_attempt_at: datetime) -> bool:
        """Let the next event wait for another attempt; False as above."""
        return await self._change(
            webhook,
            attempts=webhook.attempts + 1,
            failing_since=webhook.failing_since or self._now,
            next_attempt_at=next_attempt_at,
        )

    async def pause(self, webhook: Webhook, reason: str) -> bool:
        """Stop delivering; False as above."""
        return await self._change(
            webhook,
            state="paused",
            paused_reason=reason,
            attempts=0,
            failing_since=None,
            next_attempt_at=None,
            updated_at=self._now,
        )

    async def log(self, delivery: WebhookDelivery) -> None:
        """Write an attempt down."""
        self._session.add(delivery)
        await self._session.flush()

    async def list_log(
        self, webhook_id: UUID, *, before: UUID | None, limit: int
    ) -> Sequence[WebhookDelivery]:
        """Return a webhook's attempts, the latest first, before `before`."""
        statement = (
            select(WebhookDelivery)
            .where(WebhookDelivery.webhook_id == webhook_id)
            .order_by(WebhookDelivery.id.desc())
            .limit(limit)
        )
        if before is not None:
            statement = statement.where(WebhookDelivery.id < before)
        return (await self._session.scalars(statement)).all()

    async def forget_older_than(self, age: timedelta, limit: int) -> int:
        """Delete attempts of long ago, `limit` at most; return how many."""
        old = select(WebhookDelivery.id).where(WebhookDelivery.created_at < self._now - age).limit(limit)
        gone = await self._session.scalars(
            delete(WebhookDelivery)
            .where(WebhookDelivery.id.in_(old))
            .returning(WebhookDelivery.id)
            .execution_options(synchronize_session=False)
        )
        return len(gone.all())

    async def _change(self, webhook: Webhook, **values: object) -> bool:
        changed = await self._session.scalar(
            update(Webhook)
            .where(Webhook.id == webhook.id, Webhook.position == webhook.position, Webhook.state == "active")
            .values(**values)
            .returning(Webhook.id)
            .execution_options(synchronize_session=False)
        )
        return changed is not None
