"""Brands. Their access tokens go in and never come out: answers tell only whether there is one."""

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from server.rest.connections import seal_tokens, tell_connections
from server.rest.fields import (
    Line,
    Listing,
    Name,
    Prose,
    Secret,
    Slice,
    Time,
    Url,
    given,
    list_slice,
    read_cursor,
)
from server.rest.gate import find_owned, find_workspace
from server.routing import Routes, UserCall
from storage.models import Brand
from storage.unit_of_work import UnitOfWork

routes = Routes("Brands")

Urls = Annotated[list[Url], Meta(max_length=100)]


class BrandAnswer(msgspec.Struct, frozen=True):
    """A brand."""

    id: UUID
    workspace_id: UUID
    name: str
    industry: str | None
    target_audience: str | None
    mood_board_urls: list[str]
    shopify_store_url: str | None
    has_shopify_access_token: bool
    tiktok_profile_url: str | None
    has_tiktok_access_token: bool
    created_at: Time
    updated_at: Time


class NewBrand(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A brand to make."""

    name: Name
    industry: Line | None = None
    target_audience: Prose | None = None
    mood_board_urls: Urls = []
    shopify_store_url: Url | None = None
    shopify_access_token: Secret | None = None
    tiktok_profile_url: Url | None = None
    tiktok_access_token: Secret | None = None


class BrandChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to change; what is left out stays. The mood board is replaced as a whole."""

    name: Name | UnsetType = UNSET
    industry: Line | UnsetType | None = UNSET
    target_audience: Prose | UnsetType | None = UNSET
    mood_board_urls: Urls | UnsetType = UNSET
    shopify_store_url: Url | UnsetType | None = UNSET
    shopify_access_token: Secret | UnsetType | None = UNSET
    tiktok_profile_url: Url | UnsetType | None = UNSET
    tiktok_access_token: Secret | UnsetType | None = UNSET


class BrandQuery(Slice, frozen=True, forbid_unknown_fields=True):
    """Which brands are wanted."""

    industry: Line | UnsetType = UNSET


@routes.get("/v1/workspaces/{workspace_id}/brands", "brands.read")
async def list_brands(
    call: UserCall, uow: UnitOfWork, workspace_id: UUID, query: BrandQuery
) -> Listing[BrandAnswer]:
    """List the brands of a workspace, oldest first."""
    await find_workspace(call, uow, workspace_id, "brands.read")
    wanted = {} if query.industry is UNSET else {"industry": query.industry}
    rows = await uow.brands.list_in(
        workspace_id, wanted, after=read_cursor(query, UUID), limit=query.limit + 1
    )
    return list_slice(rows, query, show_brand, lambda brand: brand.id)


@routes.post(
    "/v1/workspaces/{workspace_id}/brands", "brands.write", status=201, refuses=(403,), idempotent=True
)
async def create_brand(call: UserCall, uow: UnitOfWork, workspace_id: UUID, body: NewBrand) -> BrandAnswer:
    """Make a brand."""
    await find_workspace(call, uow, workspace_id, "brands.write")
    brand_id = uow.new_id()
    values = seal_tokens(call, "brands", brand_id, msgspec.structs.asdict(body))
    brand = Brand(id=brand_id, workspace_id=workspace_id, created_at=uow.now, updated_at=uow.now, **values)
    await uow.brands.add(brand)
    await _tell(call, uow, "brand.created", brand)
    given_tokens = {name: value for name, value in values.items() if value is not None}
    await tell_connections(call, uow, workspace_id, f"brand:{brand_id}", given_tokens)
    return show_brand(brand)


@routes.get("/v1/brands/{brand_id}", "brands.read")
async def get_brand(call: UserCall, uow: UnitOfWork, brand_id: UUID) -> BrandAnswer:
    """Return a brand."""
    return show_brand(await find_owned(call, uow.brands, brand_id, "brands.read", "brand"))


@routes.patch("/v1/brands/{brand_id}", "brands.write", refuses=(403,))
async def change_brand(call: UserCall, uow: UnitOfWork, brand_id: UUID, body: BrandChange) -> BrandAnswer:
    """Change a brand."""
    brand = await find_owned(call, uow.brands, brand_id, "brands.write", "brand")
    values = seal_tokens(call, "brands", brand_id, given(body))
    if await uow.brands.change(brand, values):
        await _tell(call, uow, "brand.updated", brand)
        await tell_connections(call, uow, brand.workspace_id, f"brand:{brand_id}", values)
    return show_brand(brand)


@routes.delete("/v1/brands/{brand_id}", "brands.write", refuses=(403,))
async def delete_brand(call: UserCall, uow: UnitOfWork, brand_id: UUID) -> None:
    """Delete a brand for good, with its tokens. Blocks that show it keep its id, which leads nowhere."""
    brand = await find_owned(call, uow.brands, brand_id, "brands.write", "brand")
    await uow.brands.remove(brand)
    await _tell(call, uow, "brand.deleted", brand)


def show_brand(brand: Brand) -> BrandAnswer:
    """Return a brand as the members of its workspace see it."""
    return BrandAnswer(
        id=brand.id,
        workspace_id=brand.workspace_id,
        name=brand.name,
        industry=brand.industry,
        target_audience=brand.target_audience,
        mood_board_urls=brand.mood_board_urls,
        shopify_store_url=brand.shopify_store_url,
        has_shopify_access_token=brand.shopify_access_token is not None,
        tiktok_profile_url=brand.tiktok_profile_url,
        has_tiktok_access_token=brand.tiktok_access_token is not None,
        created_at=brand.created_at,
        updated_at=brand.updated_at,
    )


async def _tell(call: UserCall, uow: UnitOfWork, event: str, brand: Brand) -> None:
    await uow.events.append(brand.workspace_id, event, call.actor, f"brand:{brand.id}", {"name": brand.name})
