"""Workspaces and their settings."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from server.rest.fields import (
    JsonObject,
    Listing,
    Name,
    Slice,
    Time,
    check_json,
    list_slice,
    read_cursor,
)
from server.rest.gate import find_workspace
from server.routing import Routes, UserCall
from storage.models import Role, Workspace
from storage.unit_of_work import UnitOfWork

routes = Routes("Workspaces")

MEMBERS_SHOWN = 100


class WorkspaceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What holds for the whole workspace unless something in it says otherwise."""

    default_llm_config: (
        Annotated[JsonObject, Meta(description='For instance `{"provider": "OpenAI", "model": "gpt-4"}`.')]
        | None
    ) = None


class WorkspaceAnswer(msgspec.Struct, frozen=True):
    """A workspace, with the caller's role in it."""

    id: UUID
    name: str
    owner_user_id: UUID
    role: Role
    settings: WorkspaceSettings
    member_user_ids: Annotated[
        list[UUID], Meta(description=f"The first {MEMBERS_SHOWN} members; `.../members` has all.")
    ]
    created_at: Time
    updated_at: Time


class NewWorkspace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A workspace to make."""

    name: Name
    settings: WorkspaceSettings = WorkspaceSettings()


class WorkspaceChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to change; what is left out stays. Settings are replaced as a whole."""

    name: Name | UnsetType = UNSET
    settings: WorkspaceSettings | UnsetType = UNSET


@routes.post("/v1/workspaces", "account", status=201, idempotent=True)
async def create_workspace(call: UserCall, uow: UnitOfWork, body: NewWorkspace) -> WorkspaceAnswer:
    """Make a workspace and own it."""
    settings = _settings_to_store(body.settings)
    workspace = await uow.workspaces.create(body.name, call.user_id, settings)
    await uow.events.append(
        workspace.id, "workspace.created", call.actor, f"workspace:{workspace.id}", {"name": body.name}
    )
    return show_workspace(workspace, "owner", [call.user_id])


@routes.get("/v1/workspaces", "signed_in")
async def list_workspaces(call: UserCall, uow: UnitOfWork, query: Slice) -> Listing[WorkspaceAnswer]:
    """List the workspaces one is in, oldest first."""
    rows = await uow.workspaces.list_of_user(
        call.user_id,
        only=call.caller.workspace_id,
        after=read_cursor(query, UUID),
        limit=query.limit + 1,
    )
    members = await uow.workspaces.first_members([row[0].id for row in rows], MEMBERS_SHOWN)
    return list_slice(
        rows, query, lambda row: show_workspace(*row, members[row[0].id]), lambda row: row[0].id
    )


@routes.get("/v1/workspaces/{workspace_id}", "workspace.read")
async def get_workspace(call: UserCall, uow: UnitOfWork, workspace_id: UUID) -> WorkspaceAnswer:
    """Return a workspace."""
    workspace, standing = await find_workspace(call, uow, workspace_id, "workspace.read")
    return show_workspace(workspace, standing.member_role, await _first_members(uow, workspace_id))


@routes.patch("/v1/workspaces/{workspace_id}", "workspace.update", refuses=(403,))
async def change_workspace(
    call: UserCall, uow: UnitOfWork, workspace_id: UUID, body: WorkspaceChange
) -> WorkspaceAnswer:
    """Rename a workspace or change its settings."""
    workspace, standing = await find_workspace(call, uow, workspace_id, "workspace.update")
    name = workspace.name if body.name is UNSET else body.name
    settings = workspace.settings if body.settings is UNSET else _settings_to_store(body.settings)
    if (name, settings) != (workspace.name, workspace.settings):
        await uow.workspaces.change(workspace, name=name, settings=settings)
        await uow.events.append(
            workspace_id, "workspace.updated", call.actor, f"workspace:{workspace_id}", {"name": name}
        )
    return show_workspace(workspace, standing.member_role, await _first_members(uow, workspace_id))


@routes.delete("/v1/workspaces/{workspace_id}", "workspace.delete", refuses=(403,))
async def delete_workspace(call: UserCall, uow: UnitOfWork, workspace_id: UUID) -> None:
    """Delete a workspace for good, with everything in it."""
    await find_workspace(call, uow, workspace_id, "workspace.delete")
    await uow.workspaces.delete(workspace_id)


def show_workspace(workspace: Workspace, role: Role, members: Sequence[UUID]) -> WorkspaceAnswer:
    """Return a workspace as one of its members sees it."""
    return WorkspaceAnswer(
        id=workspace.id,
        name=workspace.name,
        owner_user_id=workspace.owner_user_id,
        role=role,
        settings=msgspec.convert(workspace.settings, WorkspaceSettings),
        member_user_ids=list(members),
        created_at=workspace.created_at,
        updated_at=workspace.updated_at,
    )


async def _first_members(uow: UnitOfWork, workspace_id: UUID) -> list[UUID]:
    return (await uow.workspaces.first_members([workspace_id], MEMBERS_SHOWN))[workspace_id]


def _settings_to_store(settings: WorkspaceSettings) -> dict[str, Any]:
    if settings.default_llm_config is not None:
        check_json(settings.default_llm_config, "body.settings.default_llm_config")
    return msgspec.structs.asdict(settings)
