"""Accounts that are taken out of use and put back: by their owners, or by an operator."""

from storage.models import User
from storage.unit_of_work import UnitOfWork


async def deactivate(uow: UnitOfWork, user: User, *, actor: str | None, address: str | None = None) -> None:
    """End all that acts for an account. What the person has made stays, and so do their memberships."""
    await uow.users.set_active(user, is_active=False)
    await uow.access_changes.note_user(user.id)
    await uow.sessions.revoke_all(user.id, "deactivated")
    await uow.api_keys.revoke_of_user(user.id)
    _note(uow, user, "account.deactivated", actor, address)


async def reactivate(uow: UnitOfWork, user: User) -> None:
    """Let somebody sign in again; keys and sessions stay ended."""
    await uow.users.set_active(user, is_active=True)
    _note(uow, user, "account.reactivated", None, None)


def _note(uow: UnitOfWork, user: User, action: str, actor: str | None, address: str | None) -> None:
    uow.audit.add(action, user_id=user.id, actor=actor, subject=f"user:{user.id}", address=address)
