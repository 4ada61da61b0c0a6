"""The events of a workspace: what happened, in order, as a list or as a stream."""

from collections.abc import AsyncGenerator, Sequence
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from server.errors import MalformedError
from server.rest.fields import Listing, Slice, Time, read_cursor, write_cursor
from server.rest.gate import find_workspace
from server.routing import Routes, UserCall
from server.sse import HEARTBEAT, EventStream, sse, sse_position
from storage.access import workspace_standing
from storage.event_access import visible_events
from storage.models import Event
from storage.unit_of_work import UnitOfWork

routes = Routes("Events")

SPAN = 500
"""Positions that one request looks at; of these it answers with what was asked for and may be seen."""

HEARTBEAT_SECONDS = 15.0
"""Silence after which a stream gives a sign of life, and looks whether its credential still stands."""

MEDIA_TYPE = "text/event-stream"

Position = Annotated[int, Meta(ge=0, le=2**53)]
Types = Annotated[
    str,
    Meta(
        max_length=1000,
        pattern=r"^[a-z_.]+(\.\*)?(,[a-z_.]+(\.\*)?){0,19}$",
        description="Only events of these types, separated by commas; `page.*` stands for all that begin so.",
    ),
]


class EventSlice(Slice, frozen=True, forbid_unknown_fields=True):
    """Which events are wanted."""

    type: Types | None = None
    after: Annotated[Position, Meta(description="Only events behind this position.")] | None = None


class EventAnswer(msgspec.Struct, frozen=True):
    """Something that happened."""

    id: UUID
    position: Annotated[int, Meta(description="Its place among all events of the workspace, from 1.")]
    type: str
    actor: Annotated[str | None, Meta(description="Who did it, for instance `user:{id}`.")]
    subject: Annotated[str | None, Meta(description="What it happened to, for instance `page:{id}`.")]
    payload: dict[str, Any]
    created_at: Time


class Part(msgspec.Struct, frozen=True):
    """Some events that a caller may see, and the position up to which this is all."""

    events: Sequence[Event]
    upto: int
    is_last: bool


@routes.get("/v1/workspaces/{workspace_id}/events", "events.read", refuses=(429,))
async def list_events(
    call: UserCall, uow: UnitOfWork, workspace_id: UUID, query: EventSlice
) -> Listing[EventAnswer] | EventStream:
    """List what happened, oldest first: the events that one may see.

    A part may be empty and still have a `next_cursor`: then nothing in it was of the types, or visible. Ask
    again later with `after`, the position of the last event one has.

    With `Accept: text/event-stream` it is a stream that goes on as things happen, from `after` or, when it
    is resumed, from `Last-Event-ID`; without either from now on. Each message's id is the position, its data
    an event. The stream ends when the right to see the workspace ends, or the credential.
    """
    await find_workspace(call, uow, workspace_id, "events.read")
    types = query.type.split(",") if query.type else []
    start = _start(query)
    if MEDIA_TYPE in call.request.headers.get("accept", "") and call.request.method == "GET":
        resumed = _last_event_id(call)
        begin = resumed if resumed is not None else start
        if begin is None:
            begin = await uow.events.head(workspace_id)
        call.services.streams.check(call.actor)
        return EventStream(_follow(call, workspace_id, begin, types))
    part = await _read(call, uow, workspace_id, start or 0, types, query.limit)
    cursor = None if part.is_last else write_cursor((part.upto,))
    return Listing([show_event(event) for event in part.events], cursor)


def show_event(event: Event) -> EventAnswer:
    """Return an event as those see it who may."""
    return EventAnswer(
        id=event.id,
        position=event.position,
        type=event.type,
        actor=event.actor,
        subject=event.subject,
        payload=event.payload,
        created_at=event.created_at,
    )


def _start(query: EventSlice) -> int | None:
    """Return the position behind which a caller wants events."""
    cursor = read_cursor(query, tuple[Position])
    return cursor[0] if cursor else query.after


async def _read(
    call: UserCall, uow: UnitOfWork, workspace_id: UUID, after: int, types: Sequence[str], limit: int
) -> Part:
    """Return the next events that the caller may see."""
    head = await uow.events.head(workspace_id)
    upto = min(after + SPAN, head)
    found = await uow.events.of_types(workspace_id, after, upto, types)
    seen = await visible_events(uow, call.caller, workspace_id, found)
    if len(seen) > limit:
        seen = seen[:limit]
        upto = seen[-1].position
    return Part(seen, upto, is_last=upto >= head)


async def _follow(
    call: UserCall, workspace_id: UUID, position: int, types: Sequence[str]
) -> AsyncGenerator[bytes]:
    """Yield what happens behind a position, for as long as the caller may see the workspace."""
    services = call.services
    with services.streams.count(call.actor), services.feed.subscribe(workspace_id) as subscription:
        yield sse_position(position)  # who comes back before the first event goes on from here
        while not (await subscription.next(HEARTBEAT_SECONDS)).is_over:
            if not await call.is_standing():
                return
            begun = told = position
            is_last = False
            while not is_last:
                async with services.database.read() as uow:
                    # With each part: nothing is told that was not allowed at that moment.
                    if await workspace_standing(uow, call.caller, workspace_id) is None:
                        return
                    part = await _read(call, uow, workspace_id, position, types, SPAN)
                for event in part.events:
                    told = event.position
                    yield sse(msgspec.json.encode(show_event(event)), told)
                position, is_last = max(position, part.upto), part.is_last
            if position == begun:
                yield HEARTBEAT
            elif told < position:
                yield sse_position(position)  # what lies between is nothing for this caller


def _last_event_id(call: UserCall) -> int | None:
    """Return the position that a client has come to. Raises MalformedError for what is none."""
    text = call.request.headers.get("last-event-id")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise MalformedError("Last-Event-ID is no position of this stream.", code="invalid_header")
    return int(text)
