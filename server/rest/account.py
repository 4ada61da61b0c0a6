"""Keeping one's account: its password, its address, its sessions, and what was done to it."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from server.deactivation import deactivate
from server.errors import ConflictError, FieldError, InvalidError, NotFoundError
from server.rest.fields import Email, Listing, Password, Slice, Time, Token, list_slice, read_cursor
from server.rest.gate import find_workspace
from server.routing import Call, Routes, UserCall
from storage.models import AuditEntry, Session
from storage.unit_of_work import UnitOfWork

routes = Routes("Account safety")


class ResetRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose password is forgotten."""

    email: Email


class PasswordReset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A new password, with the mailed token that allows it."""

    token: Token
    new_password: Password


class Verification(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The mailed token that proves an address."""

    token: Token


class PasswordChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A new password, with the one it replaces."""

    current_password: Password
    new_password: Password


class SessionEntry(msgspec.Struct, frozen=True):
    """A place where one is signed in."""

    id: UUID
    user_agent: str
    address: str
    created_at: Time
    last_used_at: Annotated[Time, Meta(description="When it was last refreshed.")]
    expires_at: Time
    is_current: Annotated[bool, Meta(description="Whether it is the one that asks.")]


class AuditAnswer(msgspec.Struct, frozen=True):
    """One act that concerns security."""

    id: UUID
    action: str
    actor: Annotated[str | None, Meta(description="Who did it; null where nobody was signed in.")]
    subject: str | None
    address: Annotated[str | None, Meta(description="From where, for what was done to an account.")]
    details: dict[str, Any]
    created_at: Time


class Deactivation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What proves that it is the account's owner who asks."""

    password: Password


@routes.post("/v1/auth/password-reset")
async def request_password_reset(call: Call, uow: UnitOfWork, body: ResetRequest) -> None:
    """Mail a link that sets a new password.

    The answer is the same whether there is an account with this address or not.
    """
    limits = call.services.login_limits
    limits.count_address(call.address)
    call.answer_headers |= limits.count_mail(body.email.lower())
    await call.services.account_safety.request_password_reset(uow, body.email, call.address)


@routes.post("/v1/auth/password-reset/confirm")
async def reset_password(call: Call, body: PasswordReset) -> None:
    """Set a new password with a mailed token, and end all sessions of the account.

    A token works once, within an hour.
    """
    call.answer_headers |= call.services.login_limits.count_address(call.address)
    safety = call.services.account_safety
    if not await safety.reset_password(body.token, body.new_password, call.address):
        raise _bad_token()


@routes.post("/v1/auth/verify-email")
async def verify_email(call: Call, body: Verification) -> None:
    """Prove with a mailed token that an account's address is right."""
    call.answer_headers |= call.services.login_limits.count_address(call.address)
    if not await call.services.account_safety.verify_email(body.token, call.address):
        raise _bad_token()


@routes.post("/v1/me/verify-email", "account")
async def request_verification(call: UserCall, uow: UnitOfWork) -> None:
    """Mail the link again that proves one's address; nothing happens where it is proved."""
    call.answer_headers |= call.services.login_limits.count_mail(str(call.user_id))
    await call.services.account_safety.request_verification(uow, call.user_id)


@routes.post("/v1/me/password", "account")
async def change_password(call: UserCall, body: PasswordChange) -> None:
    """Change one's password, and end all other sessions."""
    call.answer_headers |= call.services.login_limits.count_account(str(call.user_id))
    is_changed = await call.services.account_safety.change_password(
        call.user_id, call.session_id, body.current_password, body.new_password, call.address
    )
    if not is_changed:
        fault = FieldError("body.current_password", "Not the current password")
        raise InvalidError("The current password is not right.", code="invalid_credentials", errors=(fault,))
    call.services.login_limits.forgive_account(str(call.user_id))


@routes.post("/v1/me/deactivate", "account", refuses=(409, 422, 429, 503))
async def deactivate_account(call: UserCall, body: Deactivation) -> None:
    """Take one's account out of use: sessions and keys end, and nobody can sign in to it.

    Only an operator puts it back. Whoever is the last owner of a workspace hands that over before.
    """
    services = call.services
    async with services.database.read() as uow:
        user = await uow.users.get(call.user_id)
    assert user is not None
    services.login_limits.count_account(user.email)
    if not await services.accounts.check_password(user.password_hash, body.password):
        fault = FieldError("body.password", "Not the account's password")
        raise InvalidError("The password does not fit.", code="wrong_password", errors=(fault,))
    services.login_limits.forgive_account(user.email)
    async with services.database.transaction() as uow:
        user = await uow.users.get(call.user_id)
        assert user is not None
        if await uow.workspaces.is_last_owner(call.user_id):
            raise ConflictError(
                "You are the last owner of a workspace: make somebody else one first.", code="last_owner"
            )
        await deactivate(uow, user, actor=call.actor, address=call.address)


@routes.get("/v1/me/sessions", "account")
async def list_sessions(call: UserCall, uow: UnitOfWork, query: Slice) -> Listing[SessionEntry]:
    """List where one is signed in, oldest first."""
    rows = await uow.sessions.list_standing(
        call.user_id, after=read_cursor(query, UUID), limit=query.limit + 1
    )
    return list_slice(rows, query, lambda row: show_session_entry(call, row), lambda row: row.id)


@routes.delete("/v1/me/sessions/{session_id}", "account")
async def revoke_session(call: UserCall, uow: UnitOfWork, session_id: UUID) -> None:
    """Sign out somewhere; the session's sockets close within a second."""
    session = await uow.sessions.get(session_id)
    if session is None or session.user_id != call.user_id:
        raise NotFoundError("You have no such session.")
    if await uow.sessions.revoke(session_id, "revoked"):
        _note(call, uow, "account.session_revoked", f"session:{session_id}")


@routes.delete("/v1/me/sessions", "account")
async def revoke_other_sessions(call: UserCall, uow: UnitOfWork) -> None:
    """Sign out everywhere else."""
    ended = await uow.sessions.revoke_all(call.user_id, "revoked", but=call.session_id)
    _note(call, uow, "account.sessions_revoked", call.actor, sessions_ended=ended)


@routes.get("/v1/me/audit", "account")
async def list_own_audit(call: UserCall, uow: UnitOfWork, query: Slice) -> Listing[AuditAnswer]:
    """List what was done to one's account, the newest first."""
    rows = await uow.audit.list_of_user(call.user_id, before=read_cursor(query, UUID), limit=query.limit + 1)
    return list_slice(rows, query, show_audit_entry, lambda row: row.id)


@routes.get("/v1/workspaces/{workspace_id}/audit", "audit.read", refuses=(403,))
async def list_audit(
    call: UserCall, uow: UnitOfWork, workspace_id: UUID, query: Slice
) -> Listing[AuditAnswer]:
    """List what was done in a workspace that concerns security, the newest first."""
    await find_workspace(call, uow, workspace_id, "audit.read")
    rows = await uow.audit.list_of_workspace(
        workspace_id, before=read_cursor(query, UUID), limit=query.limit + 1
    )
    return list_slice(rows, query, show_audit_entry, lambda row: row.id)


def show_session_entry(call: UserCall, session: Session) -> SessionEntry:
    """Return a session as its owner sees it."""
    return SessionEntry(
        id=session.id,
        user_agent=session.user_agent,
        address=session.address,
        created_at=session.created_at,
        last_used_at=session.last_used_at,
        expires_at=session.expires_at,
        is_current=session.id == call.session_id,
    )


def show_audit_entry(entry: AuditEntry) -> AuditAnswer:
    """Return an act as those see it who answer for it."""
    return AuditAnswer(
        id=entry.id,
        action=entry.action,
        actor=entry.actor,
        subject=entry.subject,
        address=entry.address,
        details=entry.details,
        created_at=entry.created_at,
    )


def _note(call: UserCall, uow: UnitOfWork, action: str, subject: str, **details: int) -> None:
    uow.audit.add(
        action,
        user_id=call.user_id,
        actor=call.actor,
        subject=subject,
        address=call.address,
        details=details,
    )


def _bad_token() -> InvalidError:
    fault = FieldError("body.token", "Unknown, used or expired")
    return InvalidError("The link is unknown, used or expired.", code="invalid_token", errors=(fault,))
