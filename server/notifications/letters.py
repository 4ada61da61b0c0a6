"""What notification mails say. Pure: names come from whoever looked them up.

A notification whose subject's name is not given is left out: it may not be seen any more.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec

from integrations.mail.models import Mail
from storage.models import Notification, NotificationKind

MOST = 50
"""Notifications that one mail tells of; beyond that it says how many more there are."""

SOMEBODY = "Somebody"

_SENTENCES: dict[NotificationKind, str] = {
    "mention": "{actor} mentioned you in {subject}",
    "channel_mention": "{actor} mentioned everybody in {subject}",
    "reply": "{actor} answered in a thread of yours in {subject}",
    "direct_message": "{actor} wrote to you",
    "message": "{actor} wrote in {subject}",
    "share": "{actor} shared the page {subject} with you",
    "membership": "{actor} added you to the workspace {workspace}",
    "channel_invitation": "{actor} added you to {subject}",
    "run_finished": "A run of {subject} has ended: {status}",
    "approval_wanted": "{subject} asks for your approval: {question}",
    "agent_message": "{subject} tells you: {text}",
    "suggestion_made": "{actor} suggested a change of {subject}",
    "suggestion_decided": "A suggestion of yours for {subject} was {status}",
    "webhook_paused": "The webhook to {subject} is paused: {reason}",
}

_QUOTE_LENGTH = 300


class Names(msgspec.Struct, frozen=True):
    """What things are called, as the addressee may know it."""

    workspaces: Mapping[UUID, str]
    subjects: Mapping[str, str]
    actors: Mapping[str, str]


class Addressee(msgspec.Struct, frozen=True):
    """Who gets a mail, and where they end these mails."""

    name: str
    email: str
    page_url: str
    post_url: str


def write_letter(
    addressee: Addressee, notifications: Sequence[Notification], total: int, names: Names, *, is_digest: bool
) -> Mail | None:
    """Return the mail that tells of notifications, the oldest first in each workspace; None for nothing."""
    lines: dict[UUID, list[str]] = {}
    for notification in sorted(notifications, key=lambda one: one.id):
        if notification.workspace_id in names.workspaces and notification.subject in names.subjects:
            lines.setdefault(notification.workspace_id, []).append(_sentence(notification, names))
    if not lines:
        return None
    places = {where: _line(names.workspaces[where]) for where in lines}
    parts = [f"Hello {_line(addressee.name)},"]
    for where, sentences in sorted(lines.items(), key=lambda item: (places[item[0]].casefold(), item[0])):
        parts += [f"{places[where]}\n{'=' * len(places[where])}", "\n".join(f"- {one}" for one in sentences)]
    if total > len(notifications):
        parts.append(f"And {total - len(notifications)} more, in your inbox.")
    when = "once a day" if is_digest else "when something concerns you"
    parts.append(f"You get these mails {when}. Here you can end them:\n{addressee.page_url}")
    return Mail(
        to=addressee.email,
        subject=_subject(lines, places, total, is_digest=is_digest),
        text="\n\n".join(parts) + "\n",
        unsubscribe_url=addressee.post_url,
    )


def _subject(
    lines: Mapping[UUID, Sequence[str]], places: Mapping[UUID, str], total: int, *, is_digest: bool
) -> str:
    first = next(iter(places.values()))
    where = first if len(places) == 1 else f"{first} and {len(places) - 1} more"
    if is_digest:
        return f"Your day in {where}"
    sentences = [sentence for found in lines.values() for sentence in found]
    return (
        f"{sentences[0]} ({where})" if total == len(sentences) == 1 else f"{total} notifications from {where}"
    )


def _sentence(notification: Notification, names: Names) -> str:
    details = notification.details
    return _SENTENCES[notification.kind].format(
        actor=_line(names.actors.get(notification.actor or "", SOMEBODY)),
        subject=_line(names.subjects[notification.subject]),
        workspace=_line(names.workspaces[notification.workspace_id]),
        status=_line(str(details.get("status"))),
        question=_line(str(details.get("question"))),
        reason=_line(str(details.get("reason"))),
        text=_line(str(details.get("text"))),
    )


def _line(text: str) -> str:
    """Return a text in one line: what people call themselves cannot look like more than that."""
    line = " ".join(text.split())
    return line if len(line) <= _QUOTE_LENGTH else f"{line[:_QUOTE_LENGTH]} ..."
