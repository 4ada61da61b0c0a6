"""Invitations into a workspace: sent by mail, taken by whoever reads it, with or without an account."""

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from server.errors import (
    ApiError,
    ConflictError,
    FieldError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    UnauthenticatedError,
)
from server.invitations import LIFETIME
from server.opaque_tokens import hash_token
from server.rest.auth import SessionAnswer, device_of, show_session
from server.rest.fields import Email, Listing, Name, Password, Slice, Time, Token, list_slice, read_cursor
from server.rest.gate import find_workspace, require
from server.rest.members import MemberAnswer, show_member
from server.routing import Call, Routes, UserCall
from server.sign_in import add_account
from storage.errors import ConstraintError
from storage.models import Invitation, Role, User
from storage.unit_of_work import UnitOfWork

routes = Routes("Invitations")


class InvitationAnswer(msgspec.Struct, frozen=True):
    """An open invitation. Its token is in the mail, and nowhere else."""

    id: UUID
    workspace_id: UUID
    email: str
    role: Role
    invited_by_user_id: UUID
    created_at: Time
    sent_at: Time
    expires_at: Time


class NewInvitation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody to invite."""

    email: Email
    role: Role = "member"


class InvitationToken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The token of a mailed link."""

    token: Token


class InvitationPreview(msgspec.Struct, frozen=True):
    """What an invitation is to."""

    workspace_id: UUID
    workspace_name: str
    inviter_name: str
    email: str
    role: Role
    expires_at: Time
    has_account: Annotated[bool, Meta(description="Whether the address is registered.")]


class Joining(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mailed token, with the password of the account or, with a name, of a new one."""

    token: Token
    password: Password
    name: Annotated[Name | None, Meta(description="Needed where the address has no account.")] = None


@routes.get("/v1/workspaces/{workspace_id}/invitations", "members.manage")
async def list_invitations(
    call: UserCall, uow: UnitOfWork, workspace_id: UUID, query: Slice
) -> Listing[InvitationAnswer]:
    """List the open invitations, the expired ones too, oldest first."""
    await find_workspace(call, uow, workspace_id, "members.manage")
    rows = await uow.invitations.list_open(
        workspace_id, after=read_cursor(query, UUID), limit=query.limit + 1
    )
    return list_slice(rows, query, show_invitation, lambda invitation: invitation.id)


@routes.post(
    "/v1/workspaces/{workspace_id}/invitations",
    "members.manage",
    status=201,
    refuses=(409,),
    idempotent=True,
)
async def create_invitation(call: UserCall, workspace_id: UUID, body: NewInvitation) -> InvitationAnswer:
    """Invite an address by mail, registered or not. Only owners invite owners."""
    services = call.services
    email = body.email.lower()
    async with services.database.transaction() as uow:
        workspace, standing = await find_workspace(call, uow, workspace_id, "members.manage", lock=True)
        if body.role == "owner":
            require(standing, "owners.manage")
        await _refuse_known(uow, workspace_id, email)
        invitation_id = uow.new_id()
        token = services.invitations.new_token(invitation_id)
        invitation = await uow.invitations.create(
            invitation_id,
            workspace_id,
            email=email,
            role=body.role,
            token_hash=hash_token(token),
            invited_by_user_id=call.user_id,
            expires_at=uow.now + LIFETIME,
        )
        inviter = await _caller(call, uow)
        await services.invitations.send(uow, invitation, token, workspace, inviter)
        await _tell(call, uow, "member.invited", invitation)
    return show_invitation(invitation)


@routes.post("/v1/workspaces/{workspace_id}/invitations/{invitation_id}/resend", "members.manage")
async def resend_invitation(call: UserCall, workspace_id: UUID, invitation_id: UUID) -> InvitationAnswer:
    """Mail an invitation again, for another week. The link of the earlier mail ends."""
    services = call.services
    async with services.database.transaction() as uow:
        workspace, standing = await find_workspace(call, uow, workspace_id, "members.manage")
        invitation = await _find(uow, workspace_id, invitation_id)
        if invitation.role == "owner":
            require(standing, "owners.manage")
        token = services.invitations.new_token(invitation_id)
        await uow.invitations.send_again(invitation, hash_token(token), uow.now + LIFETIME)
        inviter = await _caller(call, uow)
        await services.invitations.send(uow, invitation, token, workspace, inviter)
        await _tell(call, uow, "invitation.resent", invitation)
    return show_invitation(invitation)


@routes.delete("/v1/workspaces/{workspace_id}/invitations/{invitation_id}", "members.manage")
async def revoke_invitation(call: UserCall, uow: UnitOfWork, workspace_id: UUID, invitation_id: UUID) -> None:
    """End an invitation."""
    await find_workspace(call, uow, workspace_id, "members.manage")
    invitation = await _find(uow, workspace_id, invitation_id)
    await uow.invitations.revoke(invitation)
    await _tell(call, uow, "invitation.revoked", invitation)


@routes.post("/v1/invitations/preview", refuses=(422, 429))
async def preview_invitation(call: Call, body: InvitationToken) -> InvitationPreview:
    """Tell whoever has the link what it is to."""
    services = call.services
    call.answer_headers |= services.login_limits.count_address(call.address)
    async with services.database.read() as uow:
        found = await services.invitations.find(uow, body.token)
        if found is None:
            raise _no_good()
        invitation, workspace, inviter = found
        user = await uow.users.find_by_email(invitation.email)
    return InvitationPreview(
        workspace_id=workspace.id,
        workspace_name=workspace.name,
        inviter_name=inviter.name,
        email=invitation.email,
        role=invitation.role,
        expires_at=invitation.expires_at,
        has_account=user is not None,
    )


@routes.post("/v1/invitations/accept", "account", refuses=(422,))
async def accept_invitation(call: UserCall, uow: UnitOfWork, body: InvitationToken) -> MemberAnswer:
    """Take an invitation to one's own address."""
    invitations = call.services.invitations
    found = await invitations.find(uow, body.token)
    if found is None:
        raise _no_good()
    user = await _caller(call, uow)
    if user.email != found[0].email:
        raise ForbiddenError(
            "This invitation is for another address than your account's.", code="another_address"
        )
    await invitations.accept(uow, found[0], user)
    member = await uow.workspaces.find_member(found[0].workspace_id, user.id)
    assert member is not None
    return show_member(*member)


@routes.post("/v1/invitations/join", refuses=(401, 409, 422, 429, 503))
async def join_by_invitation(call: Call, body: Joining) -> SessionAnswer:
    """Take an invitation and sign in: to the account of its address, or to a new one."""
    services = call.services
    call.answer_headers |= services.login_limits.count_address(call.address)
    async with services.database.read() as uow:
        found = await services.invitations.find(uow, body.token)
        user = await uow.users.find_by_email(found[0].email) if found else None
    if found is None:
        raise _no_good()
    if user is None:
        return await _join_newly(call, body, found[0].email)
    services.login_limits.count_account(user.email)
    signed_in = await services.accounts.sign_in(user.email, body.password, device_of(call))
    if signed_in is None:
        raise UnauthenticatedError("The password does not fit.", code="invalid_credentials")
    services.login_limits.forgive_account(user.email)
    async with services.database.transaction() as uow:
        await _take(call, uow, body.token, user)
    return show_session(signed_in)


def show_invitation(invitation: Invitation) -> InvitationAnswer:
    """Return an invitation as those see it who manage members."""
    return InvitationAnswer(
        id=invitation.id,
        workspace_id=invitation.workspace_id,
        email=invitation.email,
        role=invitation.role,
        invited_by_user_id=invitation.invited_by_user_id,
        created_at=invitation.created_at,
        sent_at=invitation.sent_at,
        expires_at=invitation.expires_at,
    )


async def _join_newly(call: Call, body: Joining, email: str) -> SessionAnswer:
    accounts = call.services.accounts
    if body.name is None:
        fault = FieldError("body.name", "Needed for a new account")
        raise InvalidError("A new account needs a name.", errors=(fault,))
    password_hash = await accounts.hash_password(body.password)
    try:
        async with call.services.database.transaction() as uow:
            user = await add_account(uow, email, body.name, password_hash)
            await _take(call, uow, body.token, user)
    except ConstraintError as error:
        if error.constraint != "uq_users_email":
            raise
        raise ConflictError("The address was registered at this moment.", code="email_taken") from error
    return show_session(await accounts.begin_session(user, device_of(call)))


async def _take(call: Call, uow: UnitOfWork, token: str, user: User) -> None:
    """Accept an invitation in this unit, if it still stands."""
    found = await call.services.invitations.find(uow, token)
    if found is None:
        raise _no_good()
    known = await uow.users.get(user.id)
    assert known is not None
    await call.services.invitations.accept(uow, found[0], known)


async def _refuse_known(uow: UnitOfWork, workspace_id: UUID, email: str) -> None:
    """Raise ConflictError for members and those who are invited; an expired invitation makes room."""
    user = await uow.users.find_by_email(email)
    if user and await uow.workspaces.find_member(workspace_id, user.id):
        raise ConflictError("This person is in the workspace.", code="already_member")
    earlier = await uow.invitations.find_open(workspace_id, email)
    if earlier and earlier.expires_at > uow.now:
        raise ConflictError("This address is invited: send that again.", code="already_invited")
    if earlier:
        await uow.invitations.revoke(earlier)


async def _find(uow: UnitOfWork, workspace_id: UUID, invitation_id: UUID) -> Invitation:
    invitation = await uow.invitations.get(workspace_id, invitation_id)
    if invitation is None:
        raise NotFoundError("There is no such invitation, or not any more.")
    return invitation


async def _caller(call: UserCall, uow: UnitOfWork) -> User:
    user = await uow.users.get(call.user_id)
    assert user is not None, "whoever is identified has an account"
    return user


def _no_good() -> ApiError:
    return InvalidError(
        "The invitation is unknown, used, revoked or expired.",
        code="invalid_invitation",
        errors=(FieldError("body.token", "Not the token of an invitation that stands"),),
    )


async def _tell(call: UserCall, uow: UnitOfWork, event: str, invitation: Invitation) -> None:
    payload = {"email": invitation.email, "role": invitation.role}
    subject = f"invitation:{invitation.id}"
    await uow.events.append(invitation.workspace_id, event, call.actor, subject, payload)
