"""Prompts with their tags. Libraries are `storage.repositories.owned`'s."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import Membership, Prompt, PromptLibrary, PromptTag, Role


class Prompts:
    """Prompts by id and by library."""

    def __init__(self, session: AsyncSession, now: datetime) -> None:
        self._session = session
        self._now = now

    async def add(self, prompt: Prompt, tags: Sequence[str]) -> None:
        """Add a prompt with its tags."""
        self._session.add(prompt)
        await self._session.flush()
        await self._tag(prompt, tags)

    async def find_with_role(
        self, prompt_id: UUID, user_id: UUID
    ) -> tuple[tuple[Prompt, PromptLibrary], Role] | None:
        """Return a prompt with its library and the user's role in the workspace, or None for no member."""
        row = (
            await self._session.execute(
                select(Prompt, PromptLibrary, Membership.role)
                .join(PromptLibrary, PromptLibrary.id == Prompt.library_id)
                .join(Membership, Membership.workspace_id == PromptLibrary.workspace_id)
                .where(Prompt.id == prompt_id, Membership.user_id == user_id)
            )
        ).one_or_none()
        return ((row[0], row[1]), row[2]) if row else None

    async def find_in(self, workspace_id: UUID, prompt_id: UUID) -> Prompt | None:
        """Return a prompt if it is in a library of the workspace."""
        return await self._session.scalar(
            select(Prompt)
            .join(PromptLibrary, PromptLibrary.id == Prompt.library_id)
            .where(Prompt.id == prompt_id, PromptLibrary.workspace_id == workspace_id)
        )

    async def list_in(
        self, library_id: UUID, *, tag: str | None, after: UUID | None, limit: int
    ) -> Sequence[Prompt]:
        """Return the prompts of a library, those with a tag where one is given, oldest first."""
        statement = select(Prompt).order_by(Prompt.id).limit(limit)
        if tag is None:
            statement = statement.where(Prompt.library_id == library_id)
        else:
            statement = (
                statement.join(PromptTag, PromptTag.prompt_id == Prompt.id)
                .where(PromptTag.library_id == library_id, PromptTag.tag == tag)
                .order_by(None)
                .order_by(PromptTag.prompt_id)
            )
        if after is not None:
            statement = statement.where((Prompt.id if tag is None else PromptTag.prompt_id) > after)
        return (await self._session.scalars(statement)).all()

    async def tags_of(self, prompt_ids: Sequence[UUID]) -> dict[UUID, list[str]]:
        """Return the tags of each prompt, in order."""
        rows = await self._session.scalars(
            select(PromptTag).where(PromptTag.prompt_id.in_(prompt_ids)).order_by(PromptTag.tag)
        )
        found: dict[UUID, list[str]] = {prompt_id: [] for prompt_id in prompt_ids}
        for row in rows:
            found[row.prompt_id].append(row.tag)
        return found

    async def has_any(self, library_id: UUID) -> bool:
        """Tell whether a library has prompts. None is added until the end of the transaction."""
        await self._session.execute(
            select(PromptLibrary.id).where(PromptLibrary.id == library_id).with_for_update()
        )
        return bool(await self._session.scalar(select(exists().where(Prompt.library_id == library_id))))

    async def change(
        self, prompt: Prompt, values: Mapping[str, object], tags: Sequence[str] | None = None
    ) -> bool:
        """Set fields and, where they are given, tags; tell whether any of them was not so already."""
        changed = {name: value for name, value in values.items() if getattr(prompt, name) != value}
        before = (await self.tags_of([prompt.id]))[prompt.id]
        wanted = before if tags is None else sorted(set(tags))
        if not changed and wanted == before:
            return False
        for name, value in changed.items():
            setattr(prompt, name, value)
        prompt.updated_at = self._now
        await self._session.flush()
        if wanted != before or "library_id" in changed:
            await self._session.execute(delete(PromptTag).where(PromptTag.prompt_id == prompt.id))
            await self._tag(prompt, wanted)
        return True

    async def remove(self, prompt: Prompt) -> None:
        """Delete a prompt for good."""
        await self._session.delete(prompt)
        await self._session.flush()

    async def _tag(self, prompt: Prompt, tags: Sequence[str]) -> None:
        self._session.add_all(
            PromptTag(prompt_id=prompt.id, library_id=prompt.library_id, tag=tag) for tag in sorted(set(tags))
        )
        await self._session.flush()
