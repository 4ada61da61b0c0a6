"""Who is in private channels, and direct conversations, which are the same people's for ever."""

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from server.errors import ConflictError, NotFoundError
from server.rest.channels import ChannelAnswer, check_members, document_of, open_direct_message, read_channel
from server.rest.gate import find_channel, find_workspace
from server.routing import Routes, UserCall
from storage.models import Channel
from storage.unit_of_work import UnitOfWork

routes = Routes("Channels")


class DirectMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom to talk with."""

    user_ids: Annotated[
        list[UUID], Meta(min_length=1, max_length=100, description="Members; oneself need not be among them.")
    ]


class NewChannelMember(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody to add."""

    user_id: UUID


@routes.post("/v1/workspaces/{workspace_id}/direct-messages", "channels.create", refuses=(422,))
async def get_direct_message(
    call: UserCall, uow: UnitOfWork, workspace_id: UUID, body: DirectMessage
) -> ChannelAnswer:
    """Return the direct conversation of these people, made now if there is none."""
    await find_workspace(call, uow, workspace_id, "channels.create", lock=True)
    members = await check_members(uow, workspace_id, {call.user_id, *body.user_ids}, "user_ids")
    return await open_direct_message(call, uow, workspace_id, members)


@routes.post("/v1/channels/{channel_id}/members", "channels.invite", refuses=(409,))
async def add_channel_member(
    call: UserCall, uow: UnitOfWork, channel_id: UUID, body: NewChannelMember
) -> ChannelAnswer:
    """Add a member of the workspace to a private channel; one who is in it stays in it."""
    channel = await find_channel(call, uow, channel_id, "channels.invite")
    _refuse_fixed(channel)
    await check_members(uow, channel.workspace_id, {body.user_id}, "user_id")
    if await uow.channels.add_member(channel_id, body.user_id):
        await _tell(call, uow, "channel_member.added", channel, body.user_id)
    return await read_channel(uow, channel)


@routes.delete("/v1/channels/{channel_id}/members/{member_id}", "channels.manage", refuses=(409,))
async def remove_channel_member(call: UserCall, uow: UnitOfWork, channel_id: UUID, member_id: UUID) -> None:
    """Take somebody out of a private channel, or leave it."""
    is_leaving = member_id == call.user_id
    channel = await find_channel(call, uow, channel_id, "channels.read" if is_leaving else "channels.manage")
    _refuse_fixed(channel)
    if not await uow.channels.remove_member(channel_id, member_id):
        raise NotFoundError("This person is not in the channel.")
    await _tell(call, uow, "channel_member.removed", channel, member_id)


def _refuse_fixed(channel: Channel) -> None:
    if channel.type == "public":
        raise ConflictError("A public channel is everybody's.", code="public_channel")
    if channel.type == "dm":
        raise ConflictError("A direct conversation keeps its people: begin another.", code="direct_message")


async def _tell(call: UserCall, uow: UnitOfWork, event: str, channel: Channel, user_id: UUID) -> None:
    payload = {"user_id": str(user_id)}
    await uow.events.append(channel.workspace_id, event, call.actor, document_of(channel), payload)
