"""Channels: public ones for the workspace, private ones and direct conversations for those in them."""

from collections.abc import Mapping
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from server.errors import FieldError, InvalidError
from server.rest.fields import DocumentEpoch, Listing, Name, Prose, Slice, Time, list_slice, read_cursor
from server.rest.gate import find_channel, find_workspace
from server.routing import Routes, UserCall
from storage.models import Channel, ChannelType
from storage.unit_of_work import UnitOfWork

routes = Routes("Channels")

NAME_LENGTH = 200


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
    archived_at: Annotated[
        Time | None,
        Meta(description="Since when it can only be read and is in no list but that of archived channels."),
    ]


class ChannelChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to change; what is left out stays."""

    name: Name | UnsetType = UNSET
    description: Prose | UnsetType | None = UNSET
    is_archived: (
        Annotated[bool, Meta(description="True: nobody writes in it any more. False: it is as it was.")]
        | UnsetType
    ) = UNSET


class NewChannel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A channel to make. Who makes a private channel or a direct conversation is in it."""

    name: Name
    type: ChannelType = "public"
    description: Prose | None = None
    member_user_ids: Annotated[
        list[UUID], Meta(max_length=100, description="Members of the workspace; not for a public channel.")
    ] = []


class ChannelChoice(Slice, frozen=True):
    """Which channels are wanted."""

    archived: Annotated[bool, Meta(description="Those that are archived, instead of all others.")] = False


@routes.get("/v1/workspaces/{workspace_id}/channels", "channels.read")
async def list_channels(
    call: UserCall, uow: UnitOfWork, workspace_id: UUID, query: ChannelChoice
) -> Listing[ChannelAnswer]:
    """List the public channels and those one is in, oldest first, without those that are archived."""
    await find_workspace(call, uow, workspace_id, "channels.read")
    rows = await uow.channels.list_visible(
        workspace_id,
        call.user_id,
        after=read_cursor(query, UUID),
        limit=query.limit + 1,
        are_archived=query.archived,
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
    """Make a channel and its empty document.

    A direct conversation of people who have one is given again.
    """
    await find_workspace(call, uow, workspace_id, "channels.create", lock=body.type == "dm")
    members = await _members_of(call, uow, workspace_id, body)
    if body.type == "dm":
        return await open_direct_message(call, uow, workspace_id, members, body)
    return await _create(call, uow, workspace_id, body, members)


@routes.get("/v1/channels/{channel_id}", "channels.read")
async def get_channel(call: UserCall, uow: UnitOfWork, channel_id: UUID) -> ChannelAnswer:
    """Return a channel."""
    return await read_channel(uow, await find_channel(call, uow, channel_id, "channels.read"))


@routes.patch("/v1/channels/{channel_id}", "channels.manage")
async def change_channel(
    call: UserCall, uow: UnitOfWork, channel_id: UUID, body: ChannelChange
) -> ChannelAnswer:
    """Rename or describe a channel, archive it or bring it back. Admins may, and who made it."""
    channel = await find_channel(call, uow, channel_id, "channels.manage")
    if body.is_archived is not UNSET:
        await _archive(call, uow, channel, is_archived=body.is_archived)
    if body.name is not UNSET or body.description is not UNSET:
        if body.name is not UNSET:
            channel.name = body.name
        if body.description is not UNSET:
            channel.description = body.description
        await uow.channels.change(channel)
        payload = {"name": channel.name}
        await uow.events.append(
            channel.workspace_id, "channel.updated", call.actor, document_of(channel), payload
        )
    return await read_channel(uow, channel)


async def _archive(call: UserCall, uow: UnitOfWork, channel: Channel, *, is_archived: bool) -> None:
    """Archive a channel or bring it back; one that is so already is left alone."""
    if channel.type == "dm":
        fault = FieldError("body.is_archived", "A direct conversation is not archived")
        raise InvalidError(f"{fault.detail}.", code="not_archivable", errors=(fault,))
    if is_archived == (channel.archived_at is not None):
        return
    if is_archived:
        await uow.channels.archive(channel)
    else:
        await uow.channels.bring_back(channel)
    await uow.events.append(
        channel.workspace_id,
        "channel.archived" if is_archived else "channel.restored",
        call.actor,
        document_of(channel),
        {"name": channel.name},
    )


def document_of(channel: Channel) -> str:
    """Return the name of a channel's document."""
    return f"channel:{channel.id}"


async def read_channel(uow: UnitOfWork, channel: Channel) -> ChannelAnswer:
    """Return a channel as those see it who may, with who is in it."""
    members = await uow.channels.members([channel.id])
    epochs = await uow.documents.epochs([document_of(channel)])
    return show_channel(channel, members.get(channel.id, []), epochs)


async def open_direct_message(
    call: UserCall,
    uow: UnitOfWork,
    workspace_id: UUID,
    members: list[UUID],
    body: NewChannel | None = None,
) -> ChannelAnswer:
    """Return the direct conversation of these people, made now if there is none.

    The workspace is locked, so that two who begin at once find the same one.
    """
    channel = await uow.channels.find_direct_message(workspace_id, members)
    if channel is None:
        people = await uow.users.list_names(members)
        name = ", ".join(people)[:NAME_LENGTH]
        body = body or NewChannel(name=name, type="dm")
        return await _create(call, uow, workspace_id, body, members)
    for user_id in members:  # whoever has left the workspace and come back is in it again
        await uow.channels.add_member(channel.id, user_id)
    return await read_channel(uow, channel)


async def _create(
    call: UserCall, uow: UnitOfWork, workspace_id: UUID, body: NewChannel, members: list[UUID]
) -> ChannelAnswer:
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
        archived_at=channel.archived_at,
    )


async def _members_of(call: UserCall, uow: UnitOfWork, workspace_id: UUID, body: NewChannel) -> list[UUID]:
    """Return who will be in the channel, its maker included. Raises InvalidError."""
    if body.type == "public":
        if body.member_user_ids:
            raise _bad_members("member_user_ids", "A public channel has no list of members")
        return []
    return await check_members(uow, workspace_id, {call.user_id, *body.member_user_ids}, "member_user_ids")


async def check_members(uow: UnitOfWork, workspace_id: UUID, user_ids: set[UUID], field: str) -> list[UUID]:
    """Return the people in order. Raises InvalidError unless all of them are in the workspace."""
    members = sorted(user_ids)
    if await uow.workspaces.count_members(workspace_id, members) != len(members):
        raise _bad_members(field, "Not all of them are in the workspace")
    return members


def _bad_members(field: str, detail: str) -> InvalidError:
    return InvalidError(f"{detail}.", code="invalid_reference", errors=(FieldError(f"body.{field}", detail),))
