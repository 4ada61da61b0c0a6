"""API keys: for programs, in one workspace, with what their makers may do and their scopes name."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from server.errors import FieldError, InvalidError, NotFoundError
from server.opaque_tokens import hash_token, new_token
from server.rest.fields import Listing, Name, Slice, Time, list_slice, read_cursor
from server.rest.gate import find_workspace, require
from server.routing import Routes, UserCall
from storage.actions import SCOPES
from storage.models import ApiKey
from storage.unit_of_work import UnitOfWork

routes = Routes("API keys")

Scope = Annotated[
    str, Meta(max_length=50, description="For instance `pages:write`; `*:read` and `*:write` are for all.")
]


class ApiKeyAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A key, without its secret."""

    id: UUID
    workspace_id: UUID
    user_id: Annotated[UUID, Meta(description="Whose rights it has, as far as its scopes go.")]
    name: str
    last_characters: str
    scopes: list[str]
    created_at: Time
    expires_at: Time | None
    last_used_at: Annotated[Time | None, Meta(description="To the minute.")]


class ApiKeyMade(ApiKeyAnswer, frozen=True, kw_only=True):
    """A key that was just made."""

    key: Annotated[
        str | None,
        Meta(description="The key: told once, and null where an answer is given again."),
    ]


class NewApiKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key to make."""

    name: Name
    scopes: Annotated[list[Scope], Meta(min_length=1, max_length=100)]
    expires_at: Time | None = None


@routes.get("/v1/workspaces/{workspace_id}/api-keys", "api_keys.create", refuses=(403,))
async def list_api_keys(
    call: UserCall, uow: UnitOfWork, workspace_id: UUID, query: Slice
) -> Listing[ApiKeyAnswer]:
    """List one's own keys; admins see everybody's."""
    _, standing = await find_workspace(call, uow, workspace_id, "api_keys.create")
    rows = await uow.api_keys.list_of_workspace(
        workspace_id,
        of_user=None if standing.allows("api_keys.manage") else call.user_id,
        after=read_cursor(query, UUID),
        limit=query.limit + 1,
    )
    return list_slice(rows, query, show_api_key, lambda key: key.id)


@routes.post(
    "/v1/workspaces/{workspace_id}/api-keys",
    "api_keys.create",
    status=201,
    refuses=(403,),
    idempotent=True,
    told_once="key",
)
async def create_api_key(call: UserCall, uow: UnitOfWork, workspace_id: UUID, body: NewApiKey) -> ApiKeyMade:
    """Make a key. It may do what its maker may do here at that time, as far as its scopes go."""
    await find_workspace(call, uow, workspace_id, "api_keys.create")
    _check_scopes(body.scopes)
    _check_expiry(body.expires_at, uow.now)
    key_id = uow.new_id()
    secret = new_token("ifx", key_id)
    key = await uow.api_keys.create(
        key_id,
        workspace_id,
        call.user_id,
        name=body.name,
        scopes=sorted(set(body.scopes)),
        secret_hash=hash_token(secret),
        last_characters=secret[-4:],
        expires_at=body.expires_at,
    )
    await _tell(call, uow, "api_key.created", key)
    return ApiKeyMade(**msgspec.structs.asdict(show_api_key(key)), key=secret)


@routes.delete("/v1/workspaces/{workspace_id}/api-keys/{api_key_id}", "api_keys.manage", refuses=(403,))
async def revoke_api_key(call: UserCall, uow: UnitOfWork, workspace_id: UUID, api_key_id: UUID) -> None:
    """End a key at once. One's own anybody may end, others' an admin."""
    _, standing = await find_workspace(call, uow, workspace_id, "workspace.read")
    key = await uow.api_keys.get(workspace_id, api_key_id)
    if key is None or key.user_id != call.user_id:
        require(standing, "api_keys.manage")
    if key is None or key.revoked_at is not None:
        raise NotFoundError("There is no such key, or not any more.")
    await uow.api_keys.revoke(key)
    await _tell(call, uow, "api_key.revoked", key)


def show_api_key(key: ApiKey) -> ApiKeyAnswer:
    """Return a key as people see it later."""
    return ApiKeyAnswer(
        id=key.id,
        workspace_id=key.workspace_id,
        user_id=key.user_id,
        name=key.name,
        last_characters=key.last_characters,
        scopes=key.scopes,
        created_at=key.created_at,
        expires_at=key.expires_at,
        last_used_at=key.last_used_at,
    )


def _check_scopes(scopes: list[str]) -> None:
    for number, scope in enumerate(scopes):
        if scope not in SCOPES:
            raise _bad_field(f"scopes[{number}]", f"Not a scope: {', '.join(sorted(SCOPES))}")


def _check_expiry(expires_at: datetime | None, now: datetime) -> None:
    if expires_at is not None and expires_at <= now:
        raise _bad_field("expires_at", "Not in the future")


def _bad_field(name: str, detail: str) -> InvalidError:
    return InvalidError(f"{detail}.", errors=(FieldError(f"body.{name}", detail),))


async def _tell(call: UserCall, uow: UnitOfWork, event: str, key: ApiKey) -> None:
    payload = {"name": key.name, "scopes": key.scopes}
    await uow.events.append(key.workspace_id, event, call.actor, f"key:{key.id}", payload)
