"""Rows that belong to one workspace and are read, listed, changed and removed alike: brands, creators ..."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import (
    AgentConfiguration,
    AgentTrigger,
    Brand,
    Creator,
    File,
    LlmBudget,
    LlmProvider,
    Membership,
    Playbook,
    PlaybookRun,
    PromptLibrary,
    Role,
    Upload,
    Webhook,
)

M = TypeVar(
    "M",
    AgentConfiguration,
    AgentTrigger,
    Brand,
    Creator,
    File,
    LlmBudget,
    LlmProvider,
    Playbook,
    PlaybookRun,
    PromptLibrary,
    Upload,
    Webhook,
)


class Owned(Generic[M]):
    """The rows of one table, by id and by workspace. Callers make them, with `uow.new_id()` and `uow.now`."""

    def __init__(
        self,
        model: type[M],
        session: AsyncSession,
        now: datetime,
        changed: Callable[[M], object] = lambda row: None,
    ) -> None:
        """`changed` is told of rows that change, or go."""
        self._model = model
        self._session = session
        self._now = now
        self._changed = changed

    async def add(self, row: M) -> None:
        """Add a row."""
        self._session.add(row)
        await self._session.flush()

    async def get(self, row_id: UUID) -> M | None:
        """Return a row of whatever workspace, or None."""
        return await self._session.get(self._model, row_id)

    async def find_in(self, workspace_id: UUID, row_id: UUID) -> M | None:
        """Return a row if it is in the workspace."""
        found = await self._session.get(self._model, row_id)
        return found if found is not None and found.workspace_id == workspace_id else None

    async def find_with_role(self, row_id: UUID, user_id: UUID) -> tuple[M, Role] | None:
        """Return a row and the user's role in its workspace, or None for no member."""
        row = (
            await self._session.execute(
                select(self._model, Membership.role)
                .join(Membership, Membership.workspace_id == self._model.workspace_id)
                .where(self._model.id == row_id, Membership.user_id == user_id)
            )
        ).one_or_none()
        return (row[0], row[1]) if row else None

    async def list_in(
        self, workspace_id: UUID, wanted: Mapping[str, object], *, after: UUID | None, limit: int
    ) -> Sequence[M]:
        """Return a workspace's rows whose fields have the wanted values, oldest first, behind `after`."""
        statement = (
            select(self._model)
            .where(self._model.workspace_id == workspace_id)
            .where(*(getattr(self._model, name) == value for name, value in wanted.items()))
            .order_by(self._model.id)
            .limit(limit)
        )
        if after is not None:
            statement = statement.where(self._model.id > after)
        return (await self._session.scalars(statement)).all()

    async def change(self, row: M, values: Mapping[str, object]) -> bool:
        """Set fields, and tell whether any of them was not so already."""
        changed = {name: value for name, value in values.items() if getattr(row, name) != value}
        if changed:
            for name, value in changed.items():
                setattr(row, name, value)
            row.updated_at = self._now
            self._changed(row)
            await self._session.flush()
        return bool(changed)

    async def remove(self, row: M) -> None:
        """Delete a row for good."""
        self._changed(row)
        await self._session.delete(row)
        await self._session.flush()
