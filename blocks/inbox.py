"""A person's inbox, the document `inbox:{user_id}`: its schema and the operations on it.

    meta            Map {unread: how many notifications are unread, 1,000 at most}
    counts          Map of document name -> {messages, notifications}: what is unread there, where anything
                    is; messages of a channel are counted to 100
    notifications   Map of notification id -> the notification, as REST shows it

Only the server writes it: the table of notifications is the truth, and this what somebody looks at live. What
a notification or a count is, is one plain value each, so that two processes that write the same write the
same. Pure.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
import pycrdt

from blocks.plain import plain_entry

META = "meta"
COUNTS = "counts"
NOTIFICATIONS = "notifications"

NEWEST = 50
"""Notifications that the document has."""

MOST_UNREAD = 1000
"""Where counting ends: more is as many as this."""

MOST_MESSAGES = 100
"""Likewise for the messages of one channel."""


class Count(msgspec.Struct, frozen=True):
    """What somebody has not read of a channel or page."""

    messages: int = 0
    notifications: int = 0


class Contents(msgspec.Struct, frozen=True):
    """What an inbox is to have in it."""

    unread: int
    counts: Mapping[str, Count]
    notifications: Mapping[str, Mapping[str, Any]]
    """The newest, by their ids."""


def write_contents(doc: pycrdt.Doc[Any], contents: Contents) -> bool:
    """Make an inbox have this in it, writing what differs alone; tell whether anything did."""
    wanted: dict[str, Mapping[str, Any]] = {
        META: {"unread": contents.unread},
        COUNTS: {name: msgspec.to_builtins(count) for name, count in contents.counts.items()},
        NOTIFICATIONS: contents.notifications,
    }
    has_changed = False
    with doc.transaction():
        for root, entries in wanted.items():
            has_changed |= _write_entries(doc, root, entries)
    return has_changed


def read_contents(doc: pycrdt.Doc[Any]) -> dict[str, dict[str, Any]]:
    """Return what an inbox has in it, by its roots."""
    return {root: _entries(doc, root) for root in (META, COUNTS, NOTIFICATIONS)}


def _write_entries(doc: pycrdt.Doc[Any], root: str, wanted: Mapping[str, Any]) -> bool:
    there = _entries(doc, root)
    entries = doc.get(root, type=pycrdt.Map[Any])
    for key in there.keys() - wanted.keys():
        del entries[key]
    changed = [key for key, value in wanted.items() if key not in there or there[key] != value]
    for key in changed:
        entries[key] = wanted[key]
    return bool(changed) or bool(there.keys() - wanted.keys())


def _entries(doc: pycrdt.Doc[Any], root: str) -> dict[str, Any]:
    keys = list(doc.get(root, type=pycrdt.Map[Any]).keys())
    return {key: plain_entry(doc, root, key) for key in keys}
