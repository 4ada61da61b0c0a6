"""Mailed tokens: making, using once, forgetting."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import AccountToken
from storage.models.account_tokens import Purpose


class AccountTokens:
    """Tokens by id."""

    def __init__(self, session: AsyncSession, now: datetime) -> None:
        self._session = session
        self._now = now

    async def create(
        self,
        token_id: UUID,
        user_id: UUID,
        purpose: Purpose,
        *,
        email: str,
        secret_hash: str,
        expires_at: datetime,
    ) -> None:
        """Add a token; what this account has had of the kind is no good any more."""
        await self.forget(user_id, purpose)
        self._session.add(
            AccountToken(
                id=token_id,
                user_id=user_id,
                purpose=purpose,
                email=email,
                secret_hash=secret_hash,
                created_at=self._now,
                expires_at=expires_at,
            )
        )
        await self._session.flush()

    async def use(self, token_id: UUID, purpose: Purpose, secret_hash: str) -> AccountToken | None:
        """Take a token out and return it; None for one that is unknown, used, expired or for something else.

        One statement decides, so that of two uses at once only one finds it.
        """
        return await self._session.scalar(
            delete(AccountToken)
            .where(
                AccountToken.id == token_id,
                AccountToken.purpose == purpose,
                AccountToken.secret_hash == secret_hash,
                AccountToken.expires_at > self._now,
            )
            .returning(AccountToken)
        )

    async def forget(self, user_id: UUID, purpose: Purpose) -> None:
        """Remove an account's tokens of a kind."""
        await self._session.execute(
            delete(AccountToken).where(AccountToken.user_id == user_id, AccountToken.purpose == purpose)
        )
