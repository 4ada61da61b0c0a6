"""Whom an event concerns, and why: before anybody is asked what they want to hear, but within their rights.

An event that cannot be read, or is about what is no more, concerns nobody.
"""

import logging
from collections.abc import Awaitable, Callable, Collection
from typing import Any
from uuid import UUID

import msgspec

from server.notifications.lookups import Lookups
from storage.audience import members_who_may
from storage.callers import parse_document_name
from storage.models import Event, NotificationKind

logger = logging.getLogger(__name__)


class Telling(msgspec.Struct, frozen=True):
    """What people are to be told of one event."""

    event: Event
    subject: str
    """What it is about: a document's name, or `kind:id`."""
    people: dict[UUID, NotificationKind]
    details: dict[str, Any]


class Mention(msgspec.Struct, frozen=True):
    """Somebody whom a message or a comment mentions; of kind `channel`, everybody in that channel."""

    kind: str
    id: UUID


class MessagePosted(msgspec.Struct, frozen=True):
    """The payload of `message.posted`."""

    channel_id: UUID
    message_id: UUID
    sender_id: str
    thread_id: UUID | None = None
    mentions: list[Mention] = []

    @property
    def is_for_all(self) -> bool:
        """Whether it mentions the whole channel."""
        return any(mention.kind == "channel" and mention.id == self.channel_id for mention in self.mentions)


class PageMentioned(msgspec.Struct, frozen=True):
    """The payload of `page.mentioned`."""

    page_id: UUID
    block_id: str
    user_id: UUID


class CommentCreated(msgspec.Struct, frozen=True):
    """The payload of `comment.created`."""

    page_id: UUID
    thread_id: UUID
    comment_id: UUID
    mentions: list[Mention] = []


class WithUser(msgspec.Struct, frozen=True):
    """The payload of what is done to one person."""

    user_id: UUID


class RunFinished(msgspec.Struct, frozen=True):
    """The payload of `agent.run.finished`."""

    run_id: UUID
    agent_id: UUID
    status: str


class ApprovalWanted(msgspec.Struct, frozen=True):
    """The payload of `agent.approval.wanted`."""

    run_id: UUID
    agent_id: UUID
    question: str
    user_ids: list[UUID]


class AgentNotice(msgspec.Struct, frozen=True):
    """The payload of `agent.notice`."""

    run_id: UUID
    agent_id: UUID
    text: str
    user_id: UUID


class AboutSuggestion(msgspec.Struct, frozen=True):
    """The payload of what happens to a suggestion."""

    page_id: UUID
    suggestion_id: UUID
    author: str


People = dict[UUID, NotificationKind]


def is_told(event: Event) -> bool:
    """Tell whether an event is of a type that people are told of."""
    return event.type in _HANDLERS


async def telling_of(lookups: Lookups, event: Event, *, tells_all: bool) -> Telling | None:
    """Return whom an event concerns; None for nobody.

    `tells_all` says whether a message that mentions its whole channel is to be told to it.
    """
    handler = _HANDLERS.get(event.type)
    if handler is None:
        return None
    try:
        telling = await handler(lookups, event, tells_all)
    except msgspec.ValidationError as error:
        logger.warning("the event %s of the type %s cannot be read: %s", event.id, event.type, error)
        return None
    if telling is None or not telling.people:
        return None
    candidates = telling.people.keys() - {await lookups.person_of(event.actor)}
    allowed = await lookups.readers(event.workspace_id, telling.subject, candidates)
    people = {user_id: kind for user_id, kind in telling.people.items() if user_id in allowed}
    return msgspec.structs.replace(telling, people=people) if people else None


def read_message(event: Event) -> MessagePosted | None:
    """Return the message that an event tells of; None for any other event."""
    if event.type != "message.posted":
        return None
    try:
        return msgspec.convert(event.payload, MessagePosted)
    except msgspec.ValidationError:
        return None


async def _of_message(lookups: Lookups, event: Event, tells_all: bool) -> Telling | None:
    posted = msgspec.convert(event.payload, MessagePosted)
    channel = await lookups.channel(posted.channel_id)
    if channel is None or channel.workspace_id != event.workspace_id:
        return None
    document = f"channel:{channel.id}"
    levels = await lookups.levels(channel.id)
    people: People = {}

    def tell(users: Collection[UUID], kind: NotificationKind) -> None:
        # What concerns somebody more comes later, and takes the place of what concerns them less.
        people.update(dict.fromkeys(users, kind))

    tell([user_id for user_id, level in levels.items() if level == "all"], "message")
    if posted.is_for_all and tells_all:
        tell(await lookups.all_readers(event.workspace_id, document), "channel_mention")
    if channel.type == "dm":
        members = await lookups.members(channel.id)
        tell([user_id for user_id in members if levels.get(user_id) != "mentions"], "direct_message")
    if posted.thread_id is not None:
        tell(await lookups.thread_people(channel.id, posted.thread_id), "reply")
    tell([mention.id for mention in posted.mentions if mention.kind == "user"], "mention")
    wanted: People = {user_id: kind for user_id, kind in people.items() if levels.get(user_id) != "nothing"}
    details: dict[str, Any] = {"message_id": str(posted.message_id)}
    if posted.thread_id is not None:
        details["thread_id"] = str(posted.thread_id)
    return Telling(event, document, wanted, details)


async def _of_page_mention(lookups: Lookups, event: Event, tells_all: bool) -> Telling:
    found = msgspec.convert(event.payload, PageMentioned)
    people: People = {found.user_id: "mention"}
    return Telling(event, f"page:{found.page_id}", people, {"block_id": found.block_id})


async def _of_comment(lookups: Lookups, event: Event, tells_all: bool) -> Telling:
    """Tell whom a comment mentions, and who else wrote in its thread."""
    found = msgspec.convert(event.payload, CommentCreated)
    others = await lookups.comment_people(found.page_id, found.thread_id)
    people: People = dict.fromkeys(others, "reply")
    people |= {mention.id: "mention" for mention in found.mentions if mention.kind == "user"}
    details = {"thread_id": str(found.thread_id), "comment_id": str(found.comment_id)}
    return Telling(event, f"page:{found.page_id}", people, details)


async def _of_grant(lookups: Lookups, event: Event, tells_all: bool) -> Telling:
    found = msgspec.convert(event.payload, WithUser)
    return Telling(
        event, event.subject or "", {found.user_id: "share"}, {"level": event.payload.get("level")}
    )


async def _of_member(lookups: Lookups, event: Event, tells_all: bool) -> Telling | None:
    match parse_document_name(event.subject or ""):
        case ("user", user_id):
            subject = f"workspace:{event.workspace_id}"
            return Telling(event, subject, {user_id: "membership"}, {"role": event.payload.get("role")})
        case _:
            return None


async def _of_channel_member(lookups: Lookups, event: Event, tells_all: bool) -> Telling:
    found = msgspec.convert(event.payload, WithUser)
    return Telling(event, event.subject or "", {found.user_id: "channel_invitation"}, {})


async def _of_channel(lookups: Lookups, event: Event, tells_all: bool) -> Telling | None:
    """Tell those who were put into a private channel when it was made; in a conversation, messages do."""
    parsed = parse_document_name(event.subject or "")
    if parsed is None or event.payload.get("type") != "private":
        return None
    events = lookups.uow.events
    head = await events.head(event.workspace_id)
    later = await events.of_types(event.workspace_id, event.position, head, ["channel_member.added"])
    # Who was added since is in it by now, and is told of that.
    added = {UUID(one.payload["user_id"]) for one in later if one.subject == event.subject}
    members = [user_id for user_id in await lookups.members(parsed[1]) if user_id not in added]
    return Telling(event, event.subject or "", dict.fromkeys(members, "channel_invitation"), {})


async def _of_run(lookups: Lookups, event: Event, tells_all: bool) -> Telling | None:
    """Tell who began a run; of one that nobody began, who made the agent."""
    found = msgspec.convert(event.payload, RunFinished)
    agent = await lookups.uow.agent_configurations.find_in(event.workspace_id, found.agent_id)
    if agent is None:
        return None
    starter = await lookups.uow.agent_runs.starter(found.run_id)
    details = {"run_id": str(found.run_id), "status": found.status}
    return Telling(event, f"agent:{agent.id}", {starter or agent.created_by_user_id: "run_finished"}, details)


async def _of_approval(lookups: Lookups, event: Event, tells_all: bool) -> Telling:
    found = msgspec.convert(event.payload, ApprovalWanted)
    details = {"run_id": str(found.run_id), "question": found.question}
    return Telling(
        event, f"agent:{found.agent_id}", dict.fromkeys(found.user_ids, "approval_wanted"), details
    )


async def _of_notice(lookups: Lookups, event: Event, tells_all: bool) -> Telling:
    found = msgspec.convert(event.payload, AgentNotice)
    details = {"run_id": str(found.run_id), "text": found.text}
    return Telling(event, f"agent:{found.agent_id}", {found.user_id: "agent_message"}, details)


async def _of_webhook(lookups: Lookups, event: Event, tells_all: bool) -> Telling | None:
    """Tell who made a webhook; where it paused by itself, all who manage webhooks."""
    parsed = parse_document_name(event.subject or "")
    webhook = await lookups.uow.webhooks.find_in(event.workspace_id, parsed[1]) if parsed else None
    if webhook is None:
        return None
    people = {webhook.created_by_user_id}
    if event.actor is None:
        people |= await members_who_may(lookups.uow, event.workspace_id, "webhooks.manage")
    details = {"reason": event.payload.get("reason"), "url": webhook.url}
    return Telling(event, f"webhook:{webhook.id}", dict.fromkeys(people, "webhook_paused"), details)


async def _of_suggestion(lookups: Lookups, event: Event, tells_all: bool) -> Telling | None:
    """Tell who made the page of a new suggestion, and of one that was decided who made that."""
    found = msgspec.convert(event.payload, AboutSuggestion)
    details: dict[str, Any] = {"suggestion_id": str(found.suggestion_id)}
    if event.type == "suggestion.created":
        page = await lookups.uow.pages.get(found.page_id)
        people: People = {page.created_by_user_id: "suggestion_made"} if page is not None else {}
    else:
        author = await lookups.person_of(found.author)
        people = {author: "suggestion_decided"} if author is not None else {}
        details["status"] = event.type.rpartition(".")[2]
    return Telling(event, f"page:{found.page_id}", people, details)


Handler = Callable[[Lookups, Event, bool], Awaitable[Telling | None]]

_HANDLERS: dict[str, Handler] = {
    "message.posted": _of_message,
    "page.mentioned": _of_page_mention,
    "comment.created": _of_comment,
    "grant.created": _of_grant,
    "member.added": _of_member,
    "channel_member.added": _of_channel_member,
    "channel.created": _of_channel,
    "agent.run.finished": _of_run,
    "agent.approval.wanted": _of_approval,
    "agent.notice": _of_notice,
    "webhook.paused": _of_webhook,
    "suggestion.created": _of_suggestion,
    "suggestion.accepted": _of_suggestion,
    "suggestion.rejected": _of_suggestion,
}
"""Type of an event -> whom it concerns."""
