"""What the guards of documents share (rule A6): their verdicts, and reading what they are told.

Pure, and total: any values at all get an answer.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal, cast

MAX_AHEAD = timedelta(minutes=5)
"""How far a client's clock may be ahead of ours."""

Violation = tuple[str, str]
"""The rule that is broken, and a sentence for who broke it."""

Root = Mapping[str, object]
Entries = Mapping[str, Root]

SENDER_TYPES: Mapping[str, Literal["user", "agent"]] = {"user": "user", "key": "user", "agent": "agent"}
"""Kind of a principal -> the type of sender that it is; an API key acts for its person."""


class Case:
    """One edit by one author, which is judged entry by entry."""

    def __init__(self, author: str, document: Entries, can_manage: bool, latest: datetime) -> None:
        self._author = author
        self._document = document
        self._can_manage = can_manage
        self._latest = latest

    def judge(self, root: str, key: str, before: Root, after: Root) -> Violation | None:
        """Return the rule that an entry breaks; `before` and `after` are its root."""
        raise NotImplementedError


class EntryGuard:
    """Implements `crdt.ports.Guard` for documents whose roots are maps of entries."""

    roots: ClassVar[frozenset[str]]
    case: ClassVar[type[Case]]

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock

    def judge(
        self, author: str, before: Entries, after: Entries, *, document: Entries, can_manage: bool
    ) -> Violation | None:
        """Return the rule that an edit breaks, or None."""
        case = self.case(author, document, can_manage, self._clock() + MAX_AHEAD)
        return _first_violation(before, after, case.judge)


def _first_violation(
    before: Entries, after: Entries, judge: Callable[[str, str, Root, Root], Violation | None]
) -> Violation | None:
    """Judge what an edit touches, entry by entry (root, key, the root before and after), in a fixed order."""
    for root in sorted({*before, *after}):
        is_, will_be = before.get(root, {}), after.get(root, {})
        for key in sorted({*is_, *will_be}):
            violation = judge(root, key, is_, will_be)
            if violation is not None:
                return violation
    return None


def fields_of(value: object) -> dict[str, object]:
    """Return what is in a shared map; nothing of anything else."""
    if not isinstance(value, dict):
        return {}
    fields = cast("dict[str, Any]", value).get("map")
    return cast("dict[str, object]", fields) if isinstance(fields, dict) else {}


def is_time_before(value: object, latest: datetime) -> bool:
    """Tell whether a value is a time with a zone, and not later than a moment."""
    try:
        return datetime.fromisoformat(cast("str", value)) <= latest
    except (TypeError, ValueError, OverflowError):  # not a string, not a time, or one without a zone
        return False
