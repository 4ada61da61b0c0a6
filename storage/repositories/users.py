"""People with an account. Their passwords come here hashed."""

import contextlib
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import ApiKey, User
from storage.repositories.among import select_among


class Users:
    """Users by id and e-mail address; addresses are kept, and must be asked for, in lower case."""

    def __init__(self, session: AsyncSession, now: datetime, new_id: Callable[[], UUID]) -> None:
        self._session = session
        self._now = now
        self._new_id = new_id

    async def create(self, email: str, name: str, password_hash: str) -> User:
        """Add a user. A taken address makes the unit fail with `ConstraintError("uq_users_email")`."""
        user = User(
            id=self._new_id(),
            email=email,
            name=name,
            password_hash=password_hash,
            created_at=self._now,
            updated_at=self._now,
        )
        self._session.add(user)
        await self._session.flush()
        return user

    async def get(self, user_id: UUID) -> User | None:
        """Return a user, or None."""
        return await self._session.get(User, user_id)

    async def find_by_email(self, email: str) -> User | None:
        """Return the user with an address, or None."""
        return await self._session.scalar(select(User).where(User.email == email))

    async def list_names(self, user_ids: Sequence[UUID]) -> Sequence[str]:
        """Return the names of people, in the order of their accounts."""
        found = await self._session.scalars(select(User.name).where(User.id.in_(user_ids)).order_by(User.id))
        return found.all()

    async def active(self, user_ids: Collection[UUID]) -> set[UUID]:
        """Return which of these people have an account that is not deactivated."""
        return await select_among(
            self._session, select(User.id).where(User.deactivated_at.is_(None)), User.id, user_ids
        )

    async def names_of_principals(self, principals: Collection[str]) -> dict[str, str]:
        """Return the names of those principals that are people, or their keys."""
        users = select(User.id, User.name).where(User.id.in_(_ids_of("user", principals)))
        keys = (
            select(ApiKey.id, User.name)
            .join(User, User.id == ApiKey.user_id)
            .where(ApiKey.id.in_(_ids_of("key", principals)))
        )
        found = {f"user:{row[0]}": row[1] for row in await self._session.execute(users)}
        found.update((f"key:{row[0]}", row[1]) for row in await self._session.execute(keys))
        return found

    async def count(self) -> int:
        """Return how many users there are."""
        return await self._session.scalar(select(func.count()).select_from(User)) or 0

    async def is_active(self, user_id: UUID) -> bool:
        """Tell whether there is such an account, and it is not deactivated."""
        found = await self._session.scalar(
            select(User.id).where(User.id == user_id, User.deactivated_at.is_(None))
        )
        return found is not None

    async def set_active(self, user: User, *, is_active: bool) -> None:
        """Take an account out of use, or put it back."""
        user.deactivated_at = None if is_active else self._now
        user.updated_at = self._now
        await self._session.flush()

    async def set_password(self, user: User, password_hash: str) -> None:
        """Replace the password."""
        user.password_hash = password_hash
        user.updated_at = self._now
        await self._session.flush()

    async def set_verified(self, user: User) -> None:
        """Note that the address is the user's."""
        user.email_verified_at = user.email_verified_at or self._now
        await self._session.flush()

    async def change(
        self, user: User, *, name: str | None = None, profile_info: dict[str, Any] | None = None
    ) -> None:
        """Set what is given."""
        if name is not None:
            user.name = name
        if profile_info is not None:
            user.profile_info = profile_info
        user.updated_at = self._now
        await self._session.flush()


def _ids_of(kind: str, principals: Collection[str]) -> list[UUID]:
    found: list[UUID] = []
    for principal in principals:
        name, _, text = principal.partition(":")
        with contextlib.suppress(ValueError):
            if name == kind:
                found.append(UUID(text))
    return found
