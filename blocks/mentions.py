"""Mentions in the text of messages: of people, agents and everybody in a channel.

    @[Ann Lee](user:0198c5b7-5c2f-7000-8000-000000000001)
    @[Marketing](agent:0198c5b7-5c2f-7000-8000-000000000002)
    @channel

The label is what people read, the principal id is who is meant; `@channel` is a word by itself. Pure, and
total: any text has mentions or none.
"""

import re
from typing import Literal
from uuid import UUID

import msgspec

MAX_MENTIONS = 100
"""So many of a text count; whoever is named behind them is not told."""

MAX_LABEL_CHARACTERS = 100

EVERYBODY = "channel"
"""Whom `@channel` means, where others are principal ids."""

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_MENTION = re.compile(
    rf"@\[(?P<label>[^\[\]\n]{{1,{MAX_LABEL_CHARACTERS}}})\]\((?P<kind>user|agent):(?P<id>{_UUID})\)"
    r"|(?<![\w@./-])@channel(?![\w-])"
)
_NOT_IN_LABELS = re.compile(r"[\[\]\s]+")


class Mention(msgspec.Struct, frozen=True):
    """Somebody named in a text."""

    kind: Literal["user", "agent", "channel"]
    id: UUID | None
    """None for `@channel`."""
    label: str
    start: int
    """Where in the text it begins, in characters, and where it ends."""
    end: int

    @property
    def target(self) -> str:
        """Who is meant: a principal id, or `EVERYBODY`."""
        return EVERYBODY if self.id is None else f"{self.kind}:{self.id}"


def find_mentions(text: str) -> list[Mention]:
    """Return the mentions of a text in their order, at most `MAX_MENTIONS`."""
    found: list[Mention] = []
    for match in _MENTION.finditer(text):
        if len(found) == MAX_MENTIONS:
            break
        if match["kind"] is None:
            found.append(Mention("channel", None, EVERYBODY, match.start(), match.end()))
        else:
            kind = "user" if match["kind"] == "user" else "agent"
            found.append(Mention(kind, UUID(match["id"]), match["label"], match.start(), match.end()))
    return found


def mentioned(text: str) -> frozenset[str]:
    """Return who is mentioned in a text: principal ids, and `EVERYBODY`."""
    return frozenset(mention.target for mention in find_mentions(text))


def write_mention(label: str, kind: Literal["user", "agent"], id: UUID) -> str:
    """Return the token that mentions somebody under a label, without what a label cannot have in it."""
    shown = _NOT_IN_LABELS.sub(" ", label).strip()[:MAX_LABEL_CHARACTERS]
    return f"@[{shown or kind}]({kind}:{id})"


def read_aloud(text: str) -> str:
    """Return a text as people read it: `@Ann Lee` where somebody is mentioned."""
    return _MENTION.sub(lambda match: f"@{match['label'] or EVERYBODY}", text)
