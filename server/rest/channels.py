"""Channels: public ones for the workspace, private ones and direct conversations for those in them."""

from collections.abc import Mapping
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from server.errors import FieldError, InvalidError
from server.rest.fields import DocumentEpoch, Listing, Name, Prose, Slice, Time, list_slice, read_cursor
from server.rest.gate import find_channel, find_workspace
from server.routing import Routes, UserCall
from storage.models import Channel, ChannelType
from storage.unit_of_work import UnitOfWork

routes = Routes("Channels")


class ChannelAnswer(msgspec.Struct, frozen=True):
    """A channel; its messages are in its document."""

    id: UUID
    workspace_id: UUID
    document: Annotated[str, Meta(description="The name of the channel's live document.")]
    epoch: DocumentEpoch
    name: str
    type: ChannelType
    description: str | None
    member_user_ids: Annotated[list[UUID], Meta(description="Who is in it; empty for a public channel.")]
    created_by_user_id: UUID
    created_at: Time
    updated_at: Time


class NewChannel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A channel to make. Who makes a private channel or a direct conversation is in it."""

    name: Name
    type: ChannelType = "public"
    description: Prose | None = None
    member_user_ids: Annotated[
        list[UUID], Meta(max_length=100, description="Members of the workspace; not for a public channel.")
    ] = []


@routes.get("/v1/workspaces/{workspace_id}/channels", "channels.read")
async def list_channels(
    call: UserCall, uow: UnitOfWork, workspace_id: UUID, query: Slice
) -> Listing[ChannelAnswer]:
    """List the public channels and those one is in, oldest first."""
    await find_workspace(call, uow, workspace_id, "channels.read")
    rows = await uow.channels.list_visible(
        workspace_id, call.user_id, after=read_cursor(query, UUID), limit=query.limit + 1
    )
    members = await uow.channels.members([channel.id for channel in rows])
    epochs = await uow.documents.epochs(map(document_of, rows))
    return list_slice(
        rows,
        query,
        lambda channel: show_channel(channel, members.get(channel.id, []), epochs),
        lambda channel: channel.id,
    )


@routes.post(
    "/v1/workspaces/{workspace_id}/channels", "channels.create", status=201, refuses=(403,), idempotent=True
)
async def create_channel(
    call: UserCall, uow: UnitOfWork, workspace_id: UUID, body: NewChannel
) -> ChannelAnswer:
    """Make a channel and its empty document."""
    await find_workspace(call, uow, workspace_id, "channels.create")
    members = await _members_of(call, uow, workspace_id, body)
    channel = await uow.channels.create(
        workspace_id,
        name=body.name,
        type=body.type,
        description=body.description,
        created_by_user_id=call.user_id,
        members=members,
    )
    document = await uow.documents.create(document_of(channel), workspace_id)
    await uow.events.append(
        workspace_id, "channel.created", call.actor, document_of(channel), {"type": channel.type}
    )
    return show_channel(channel, members, {document.name: document.epoch})


@routes.get("/v1/channels/{channel_id}", "channels.read")
async def get_channel(call: UserCall, uow: UnitOfWork, channel_id: UUID) -> ChannelAnswer:
    """Return a channel."""
    channel = await find_channel(call, uow, channel_id, "channels.read")
    members = await uow.channels.members([channel_id])
    epochs = await uow.documents.epochs([document_of(channel)])
    return show_channel(channel, members.get(channel_id, []), epochs)


def document_of(channel: Channel) -> str:
    """Return the name of a channel's document."""
    return f"channel:{channel.id}"


def show_channel(channel: Channel, members: list[UUID], epochs: Mapping[str, str]) -> ChannelAnswer:
    """Return a channel as those see it who may, given the epochs of documents."""
    return ChannelAnswer(
        id=channel.id,
        workspace_id=channel.workspace_id,
        document=document_of(channel),
        epoch=epochs.get(document_of(channel), ""),
        name=channel.name,
        type=channel.type,
        description=channel.description,
        member_user_ids=members,
        created_by_user_id=channel.created_by_user_id,
        created_at=channel.created_at,
        updated_at=channel.updated_at,
    )


async def _members_of(call: UserCall, uow: UnitOfWork, workspace_id: UUID, body: NewChannel) -> list[UUID]:
    """Return who will be in the channel, its maker included. Raises InvalidError."""
    if body.type == "public":
        if body.member_user_ids:
            raise _bad_members("A public channel has no list of members")
        return []
    members = sorted({call.user_id, *body.member_user_ids})
    if await uow.workspaces.count_members(workspace_id, members) != len(members):
        raise _bad_members("Not all of them are in the workspace")
    return members


def _bad_members(detail: str) -> InvalidError:
    return InvalidError(
        f"{detail}.", code="invalid_reference", errors=(FieldError("body.member_user_ids", detail),)
    )
