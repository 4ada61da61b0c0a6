"""Creators. Their access tokens go in and never come out: answers tell only whether there is one."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from server.rest.connections import seal_tokens, tell_connections
from server.rest.fields import (
    JsonObject,
    Line,
    Listing,
    Name,
    Secret,
    Slice,
    Time,
    Url,
    check_json,
    given,
    list_slice,
    read_cursor,
)
from server.rest.gate import find_owned, find_workspace
from server.routing import Routes, UserCall
from storage.models import Creator
from storage.unit_of_work import UnitOfWork

routes = Routes("Creators")

Urls = Annotated[list[Url], Meta(max_length=100)]


class CreatorAnswer(msgspec.Struct, frozen=True):
    """A creator."""

    id: UUID
    workspace_id: UUID
    name: str
    niche: str | None
    tiktok_handle: str | None
    has_tiktok_access_token: bool
    portfolio_links: list[str]
    audience_demographics: dict[str, Any] | None
    created_at: Time
    updated_at: Time


class NewCreator(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A creator to make."""

    name: Name
    niche: Line | None = None
    tiktok_handle: Line | None = None
    tiktok_access_token: Secret | None = None
    portfolio_links: Urls = []
    audience_demographics: JsonObject | None = None


class CreatorChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to change; what is left out stays. Links and demographics are replaced as a whole."""

    name: Name | UnsetType = UNSET
    niche: Line | UnsetType | None = UNSET
    tiktok_handle: Line | UnsetType | None = UNSET
    tiktok_access_token: Secret | UnsetType | None = UNSET
    portfolio_links: Urls | UnsetType = UNSET
    audience_demographics: JsonObject | UnsetType | None = UNSET


class CreatorQuery(Slice, frozen=True, forbid_unknown_fields=True):
    """Which creators are wanted."""

    niche: Line | UnsetType = UNSET


@routes.get("/v1/workspaces/{workspace_id}/creators", "creators.read")
async def list_creators(
    call: UserCall, uow: UnitOfWork, workspace_id: UUID, query: CreatorQuery
) -> Listing[CreatorAnswer]:
    """List the creators of a workspace, oldest first."""
    await find_workspace(call, uow, workspace_id, "creators.read")
    wanted = {} if query.niche is UNSET else {"niche": query.niche}
    rows = await uow.creators.list_in(
        workspace_id, wanted, after=read_cursor(query, UUID), limit=query.limit + 1
    )
    return list_slice(rows, query, show_creator, lambda creator: creator.id)


@routes.post(
    "/v1/workspaces/{workspace_id}/creators", "creators.write", status=201, refuses=(403,), idempotent=True
)
async def create_creator(
    call: UserCall, uow: UnitOfWork, workspace_id: UUID, body: NewCreator
) -> CreatorAnswer:
    """Make a creator."""
    await find_workspace(call, uow, workspace_id, "creators.write")
    creator_id = uow.new_id()
    values = _values(call, creator_id, msgspec.structs.asdict(body))
    creator = Creator(
        id=creator_id, workspace_id=workspace_id, created_at=uow.now, updated_at=uow.now, **values
    )
    await uow.creators.add(creator)
    await _tell(call, uow, "creator.created", creator)
    given_tokens = {name: value for name, value in values.items() if value is not None}
    await tell_connections(call, uow, workspace_id, f"creator:{creator_id}", given_tokens)
    return show_creator(creator)


@routes.get("/v1/creators/{creator_id}", "creators.read")
async def get_creator(call: UserCall, uow: UnitOfWork, creator_id: UUID) -> CreatorAnswer:
    """Return a creator."""
    return show_creator(await find_owned(call, uow.creators, creator_id, "creators.read", "creator"))


@routes.patch("/v1/creators/{creator_id}", "creators.write", refuses=(403,))
async def change_creator(
    call: UserCall, uow: UnitOfWork, creator_id: UUID, body: CreatorChange
) -> CreatorAnswer:
    """Change a creator."""
    creator = await find_owned(call, uow.creators, creator_id, "creators.write", "creator")
    values = _values(call, creator_id, given(body))
    if await uow.creators.change(creator, values):
        await _tell(call, uow, "creator.updated", creator)
        await tell_connections(call, uow, creator.workspace_id, f"creator:{creator_id}", values)
    return show_creator(creator)


@routes.delete("/v1/creators/{creator_id}", "creators.write", refuses=(403,))
async def delete_creator(call: UserCall, uow: UnitOfWork, creator_id: UUID) -> None:
    """Delete a creator for good, with the token. Blocks that show it keep its id, which leads nowhere."""
    creator = await find_owned(call, uow.creators, creator_id, "creators.write", "creator")
    await uow.creators.remove(creator)
    await _tell(call, uow, "creator.deleted", creator)


def show_creator(creator: Creator) -> CreatorAnswer:
    """Return a creator as the members of its workspace see it."""
    return CreatorAnswer(
        id=creator.id,
        workspace_id=creator.workspace_id,
        name=creator.name,
        niche=creator.niche,
        tiktok_handle=creator.tiktok_handle,
        has_tiktok_access_token=creator.tiktok_access_token is not None,
        portfolio_links=creator.portfolio_links,
        audience_demographics=creator.audience_demographics,
        created_at=creator.created_at,
        updated_at=creator.updated_at,
    )


def _values(call: UserCall, creator_id: UUID, values: dict[str, Any]) -> dict[str, Any]:
    """Return the values as they are stored. Raises InvalidError."""
    check_json(values.get("audience_demographics"), "body.audience_demographics")
    return seal_tokens(call, "creators", creator_id, values)


async def _tell(call: UserCall, uow: UnitOfWork, event: str, creator: Creator) -> None:
    await uow.events.append(
        creator.workspace_id, event, call.actor, f"creator:{creator.id}", {"name": creator.name}
    )
