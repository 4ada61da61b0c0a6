"""Who belongs to a workspace, and in which role. A workspace always has an owner."""

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from server.errors import ConflictError, FieldError, InvalidError, NotFoundError
from server.rest.fields import Email, Listing, Slice, Time, list_slice, read_cursor
from server.rest.gate import find_workspace, require
from server.routing import Routes, UserCall
from storage.models import Membership, Role, User, Workspace
from storage.unit_of_work import UnitOfWork

routes = Routes("Members")


class MemberAnswer(msgspec.Struct, frozen=True):
    """A member."""

    user_id: UUID
    name: str
    email: str
    avatar_url: str | None
    role: Role
    is_active: Annotated[bool, Meta(description="False for an account that is deactivated.")]
    created_at: Time


class NewMember(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody with an account, to be added."""

    email: Email
    role: Role = "member"


class MemberChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A new role."""

    role: Role


class OwnershipTransfer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who is to be the owner."""

    user_id: UUID


@routes.get("/v1/workspaces/{workspace_id}/members", "members.read")
async def list_members(
    call: UserCall, uow: UnitOfWork, workspace_id: UUID, query: Slice
) -> Listing[MemberAnswer]:
    """List the members."""
    await find_workspace(call, uow, workspace_id, "members.read")
    rows = await uow.workspaces.list_members(
        workspace_id, after=read_cursor(query, UUID), limit=query.limit + 1
    )
    return list_slice(rows, query, lambda row: show_member(*row), lambda row: row[1].id)


@routes.post(
    "/v1/workspaces/{workspace_id}/members", "members.manage", status=201, refuses=(403, 409), idempotent=True
)
async def add_member(call: UserCall, uow: UnitOfWork, workspace_id: UUID, body: NewMember) -> MemberAnswer:
    """Add somebody who has an account. Only owners make owners."""
    _, standing = await find_workspace(call, uow, workspace_id, "members.manage", lock=True)
    if body.role == "owner":
        require(standing, "owners.manage")
    user = await uow.users.find_by_email(body.email.lower())
    if user is None:
        fault = FieldError("body.email", "Nobody is registered with this address")
        raise InvalidError("Nobody is registered with this address.", code="unknown_email", errors=(fault,))
    if await uow.workspaces.find_member(workspace_id, user.id):
        raise ConflictError("This person is in the workspace.", code="already_member")
    membership = await uow.workspaces.add_member(workspace_id, user.id, body.role)
    await _tell(call, uow, "member.added", membership)
    return show_member(membership, user)


@routes.patch("/v1/workspaces/{workspace_id}/members/{user_id}", "members.manage", refuses=(403, 409))
async def change_member(
    call: UserCall, uow: UnitOfWork, workspace_id: UUID, user_id: UUID, body: MemberChange
) -> MemberAnswer:
    """Give a member another role. Only owners make owners or take the role from one."""
    workspace, standing = await find_workspace(call, uow, workspace_id, "members.manage", lock=True)
    membership, user = await _find_member(uow, workspace_id, user_id)
    if membership.role == body.role:
        return show_member(membership, user)
    if "owner" in (membership.role, body.role):
        require(standing, "owners.manage")
    await uow.workspaces.change_role(membership, body.role)
    await _keep_owner(uow, workspace)
    await _tell(call, uow, "member.role_changed", membership)
    return show_member(membership, user)


@routes.post("/v1/workspaces/{workspace_id}/transfer-ownership", "owners.manage", refuses=(409, 422))
async def transfer_ownership(
    call: UserCall, uow: UnitOfWork, workspace_id: UUID, body: OwnershipTransfer
) -> MemberAnswer:
    """Hand one's ownership over to a member, who is returned; oneself becomes an admin."""
    workspace, _ = await find_workspace(call, uow, workspace_id, "owners.manage", lock=True)
    if body.user_id == call.user_id:
        raise ConflictError("You are an owner.", code="already_owner")
    taker = await uow.workspaces.find_member(workspace_id, body.user_id)
    if taker is None:
        fault = FieldError("body.user_id", "Not in the workspace")
        raise InvalidError("An owner is a member.", code="invalid_reference", errors=(fault,))
    giver, _ = await _find_member(uow, workspace_id, call.user_id)
    await uow.workspaces.transfer(workspace, giver, taker[0])
    payload = {"from": str(call.user_id), "to": str(body.user_id)}
    subject = f"workspace:{workspace_id}"
    await uow.events.append(workspace_id, "ownership.transferred", call.actor, subject, payload)
    return show_member(*taker)


@routes.delete("/v1/workspaces/{workspace_id}/members/{user_id}", "members.manage", refuses=(403, 409))
async def remove_member(call: UserCall, uow: UnitOfWork, workspace_id: UUID, user_id: UUID) -> None:
    """Remove a member, or leave. Only owners remove owners."""
    workspace, standing = await find_workspace(call, uow, workspace_id, "workspace.read", lock=True)
    if user_id != call.user_id:
        require(standing, "members.manage")
    membership, _ = await _find_member(uow, workspace_id, user_id)
    if membership.role == "owner" and user_id != call.user_id:
        require(standing, "owners.manage")
    await uow.workspaces.remove_member(membership)
    await uow.channels.remove_from_all(workspace_id, user_id)
    await uow.api_keys.revoke_of_member(workspace_id, user_id)
    await uow.grants.remove_of_member(workspace_id, user_id)
    await _keep_owner(uow, workspace)
    await _tell(call, uow, "member.removed", membership)


def show_member(membership: Membership, user: User) -> MemberAnswer:
    """Return a member as the others see them."""
    return MemberAnswer(
        user_id=user.id,
        name=user.name,
        email=user.email,
        avatar_url=user.profile_info.get("avatar_url"),
        role=membership.role,
        is_active=user.deactivated_at is None,
        created_at=membership.created_at,
    )


async def _find_member(uow: UnitOfWork, workspace_id: UUID, user_id: UUID) -> tuple[Membership, User]:
    found = await uow.workspaces.find_member(workspace_id, user_id)
    if found is None:
        raise NotFoundError("There is no such member.")
    return found


async def _keep_owner(uow: UnitOfWork, workspace: Workspace) -> None:
    if not await uow.workspaces.keep_owner(workspace):
        raise ConflictError("A workspace keeps an owner: make somebody else one first.", code="last_owner")


async def _tell(call: UserCall, uow: UnitOfWork, event: str, membership: Membership) -> None:
    await uow.events.append(
        membership.workspace_id, event, call.actor, f"user:{membership.user_id}", {"role": membership.role}
    )
