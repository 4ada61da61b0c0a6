"""How one wants to be told: by which way, of what, when, and of which pages and channels not at all."""

from typing import Annotated
from uuid import UUID
from zoneinfo import available_timezones

import msgspec
from msgspec import UNSET, Meta, UnsetType

from server.errors import FieldError, InvalidError, NotFoundError
from server.notifications.kinds import DELIVERIES, Delivery, delivery_of, mail_time
from server.rest.fields import Listing, Slice, Time, Token, given, list_slice, read_cursor
from server.routing import Call, Routes, UserCall
from storage.access import document_right
from storage.models import ChannelLevel, MailMode, NotificationMute, NotificationPreference
from storage.unit_of_work import UnitOfWork

routes = Routes("Notifications")

MOST_CHANNELS = 1000

_UUID = "[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
MutedDocument = Annotated[str, Meta(pattern=f"^(?:page|channel):{_UUID}$")]


class EventChoices(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How each kind is delivered: `nothing`, `in_app`, or `mail` for both."""

    mention: Delivery | UnsetType = UNSET
    channel_mention: Delivery | UnsetType = UNSET
    reply: Delivery | UnsetType = UNSET
    direct_message: Delivery | UnsetType = UNSET
    message: Delivery | UnsetType = UNSET
    share: Delivery | UnsetType = UNSET
    membership: Delivery | UnsetType = UNSET
    channel_invitation: Delivery | UnsetType = UNSET
    run_finished: Delivery | UnsetType = UNSET
    approval_wanted: Delivery | UnsetType = UNSET
    agent_message: Delivery | UnsetType = UNSET
    webhook_paused: Delivery | UnsetType = UNSET
    suggestion_made: Delivery | UnsetType = UNSET
    suggestion_decided: Delivery | UnsetType = UNSET


class ChannelChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to tell of a channel."""

    channel_id: UUID
    level: ChannelLevel


class Preferences(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one wants to be told. What is left out is as it is for everybody who has not chosen."""

    mail: Annotated[
        MailMode,
        Meta(description="`immediate`, with five minutes between two mails at least; `daily`; or `off`."),
    ] = "immediate"
    digest_hour: Annotated[int, Meta(ge=0, le=23, description="When the daily mail goes.")] = 9
    time_zone: Annotated[
        str, Meta(max_length=64, description="Where that hour is meant, for instance `Europe/Vienna`.")
    ] = "UTC"
    events: EventChoices = EventChoices()
    channels: Annotated[
        list[ChannelChoice],
        Meta(
            max_length=MOST_CHANNELS,
            description="What to tell of a channel: `all` messages, `mentions` and answers, or `nothing`. "
            "Of others it is `mentions`, of direct conversations `all`.",
        ),
    ] = []


class Mute(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to hear nothing of, and until when; without a time, for good."""

    document: MutedDocument
    until: Time | None = None


class MuteAnswer(msgspec.Struct, frozen=True):
    """A page or channel that one hears nothing of."""

    id: UUID
    document: str
    until: Annotated[Time | None, Meta(description="Null: until the mute is taken back.")]
    created_at: Time


class UnsubscribeQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The token of a mail."""

    token: Token


@routes.get("/v1/notification-preferences", "account")
async def get_notification_preferences(call: UserCall, uow: UnitOfWork) -> Preferences:
    """Return how one is told, with every kind of notification there is."""
    return await _show(uow, await uow.notification_preferences.get(call.user_id))


@routes.put("/v1/notification-preferences", "account", refuses=(422,))
async def set_notification_preferences(call: UserCall, uow: UnitOfWork, body: Preferences) -> Preferences:
    """Choose how one is told. It replaces what was chosen before, also for mails that wait."""
    if body.time_zone not in available_timezones():
        fault = FieldError("body.time_zone", "Not the name of a time zone")
        raise InvalidError("There is no such time zone.", errors=(fault,))
    await _check_channels(call, uow, body)
    preference = await uow.notification_preferences.get(call.user_id)
    preference.mail = body.mail
    preference.digest_hour = body.digest_hour
    preference.time_zone = body.time_zone
    preference.events = given(body.events)
    await uow.notification_preferences.save(preference)
    await uow.notification_preferences.set_channels(call.user_id, _levels(body))
    await uow.notifications.set_mail_time(call.user_id, mail_time(preference, uow.now))
    return await _show(uow, preference)


@routes.get("/v1/notification-mutes", "account")
async def list_mutes(call: UserCall, uow: UnitOfWork, query: Slice) -> Listing[MuteAnswer]:
    """List the pages and channels that one hears nothing of, those whose time is over too."""
    rows = await uow.notification_preferences.list_mutes(
        call.user_id, after=read_cursor(query, str), limit=query.limit + 1
    )
    return list_slice(rows, query, show_mute, lambda row: row.document)


@routes.put("/v1/notification-mutes", "account", refuses=(422,))
async def mute(call: UserCall, uow: UnitOfWork, body: Mute) -> MuteAnswer:
    """Hear nothing of a page or channel, not even mentions, until a time or for good."""
    if await document_right(uow, call.caller, body.document) == "none":
        fault = FieldError("body.document", "Nothing that you may see")
        raise InvalidError("There is no such page or channel.", code="invalid_reference", errors=(fault,))
    return show_mute(await uow.notification_preferences.mute(call.user_id, body.document, body.until))


@routes.delete("/v1/notification-mutes/{mute_id}", "account")
async def unmute(call: UserCall, uow: UnitOfWork, mute_id: UUID) -> None:
    """Hear of a page or channel again."""
    if not await uow.notification_preferences.unmute(call.user_id, mute_id):
        raise NotFoundError("You have no such mute.")


@routes.post("/v1/notification-mails/unsubscribe", refuses=(422,))
async def unsubscribe(call: Call, uow: UnitOfWork, query: UnsubscribeQuery) -> None:
    """End somebody's notification mails with the token that each of them has, without signing in.

    Mail programs send this by themselves when their button is pressed (RFC 8058).
    """
    user_id = call.services.unsubscribing.read(query.token)
    if user_id is None or await uow.users.get(user_id) is None:
        fault = FieldError("query.token", "Not the token of a mail")
        raise InvalidError("This is no link of a mail of ours.", code="invalid_token", errors=(fault,))
    preference = await uow.notification_preferences.get(user_id)
    preference.mail = "off"
    await uow.notification_preferences.save(preference)
    await uow.notifications.set_mail_time(user_id, None)


def show_mute(row: NotificationMute) -> MuteAnswer:
    """Return a mute."""
    return MuteAnswer(id=row.id, document=row.document, until=row.until, created_at=row.created_at)


async def _show(uow: UnitOfWork, preference: NotificationPreference) -> Preferences:
    levels = await uow.notification_preferences.channels_of(preference.user_id)
    return Preferences(
        mail=preference.mail,
        digest_hour=preference.digest_hour,
        time_zone=preference.time_zone,
        events=msgspec.convert({kind: delivery_of(preference, kind) for kind in DELIVERIES}, EventChoices),
        channels=[ChannelChoice(channel_id, level) for channel_id, level in sorted(levels.items())],
    )


async def _check_channels(call: UserCall, uow: UnitOfWork, body: Preferences) -> None:
    """Raise InvalidError for channels that one may not see and had not chosen anything for before."""
    known = await uow.notification_preferences.channels_of(call.user_id)
    new = _levels(body).keys() - known.keys()
    unknown = new - await uow.channels.visible_anywhere(call.user_id, new)
    if unknown:
        fault = FieldError("body.channels", f"{min(unknown)} is no channel that you may see")
        raise InvalidError("There is no such channel.", code="invalid_reference", errors=(fault,))


def _levels(body: Preferences) -> dict[UUID, ChannelLevel]:
    return {choice.channel_id: choice.level for choice in body.channels}
