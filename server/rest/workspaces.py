"""Workspaces."""

from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from server.rest.fields import Listing, Name, Slice, Time, list_slice, read_cursor
from server.rest.gate import find_workspace
from server.routing import Routes, UserCall
from storage.models import Role, Workspace
from storage.unit_of_work import UnitOfWork

routes = Routes("Workspaces")


class WorkspaceAnswer(msgspec.Struct, frozen=True):
    """A workspace, with the caller's role in it."""

    id: UUID
    name: str
    owner_user_id: UUID
    role: Role
    created_at: Time
    updated_at: Time


class NewWorkspace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A workspace to make."""

    name: Name


class WorkspaceChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to change; what is left out stays."""

    name: Name | UnsetType = UNSET


@routes.post("/v1/workspaces", status=201, idempotent=True)
async def create_workspace(call: UserCall, uow: UnitOfWork, body: NewWorkspace) -> WorkspaceAnswer:
    """Make a workspace and own it."""
    workspace = await uow.workspaces.create(body.name, call.user_id)
    await uow.events.append(
        workspace.id, "workspace.created", call.actor, f"workspace:{workspace.id}", {"name": body.name}
    )
    return show_workspace(workspace, "owner")


@routes.get("/v1/workspaces")
async def list_workspaces(call: UserCall, uow: UnitOfWork, query: Slice) -> Listing[WorkspaceAnswer]:
    """List the workspaces one is in, oldest first."""
    rows = await uow.workspaces.list_of_user(
        call.user_id, after=read_cursor(query, UUID), limit=query.limit + 1
    )
    return list_slice(rows, query, lambda row: show_workspace(*row), lambda row: row[0].id)


@routes.get("/v1/workspaces/{workspace_id}")
async def get_workspace(call: UserCall, uow: UnitOfWork, workspace_id: UUID) -> WorkspaceAnswer:
    """Return a workspace."""
    return show_workspace(*await find_workspace(call, uow, workspace_id, "workspace.read"))


@routes.patch("/v1/workspaces/{workspace_id}", refuses=(403,))
async def change_workspace(
    call: UserCall, uow: UnitOfWork, workspace_id: UUID, body: WorkspaceChange
) -> WorkspaceAnswer:
    """Rename a workspace."""
    workspace, role = await find_workspace(call, uow, workspace_id, "workspace.update")
    if body.name is not UNSET and body.name != workspace.name:
        await uow.workspaces.rename(workspace, body.name)
        await uow.events.append(
            workspace_id, "workspace.updated", call.actor, f"workspace:{workspace_id}", {"name": body.name}
        )
    return show_workspace(workspace, role)


@routes.delete("/v1/workspaces/{workspace_id}", refuses=(403,))
async def delete_workspace(call: UserCall, uow: UnitOfWork, workspace_id: UUID) -> None:
    """Delete a workspace for good, with everything in it."""
    await find_workspace(call, uow, workspace_id, "workspace.delete")
    await uow.workspaces.delete(workspace_id)


def show_workspace(workspace: Workspace, role: Role) -> WorkspaceAnswer:
    """Return a workspace as one of its members sees it."""
    return WorkspaceAnswer(
        id=workspace.id,
        name=workspace.name,
        owner_user_id=workspace.owner_user_id,
        role=role,
        created_at=workspace.created_at,
        updated_at=workspace.updated_at,
    )
