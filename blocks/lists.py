"""Lists within a content: a Map of id -> entry, each with an `order` key; arrays would lose what two move.

A caller's patch says where an entry stands by `after`, the id of another one (null: the first place); an
entry without it that is new, or goes over to another list, comes last.
"""

from collections.abc import Mapping
from typing import TypeVar, cast

from blocks.errors import Fault, InvalidContentError
from blocks.order import is_key, key_behind, key_between
from blocks.tree import Json

AFTER = "after"

Entries = dict[str, Json]
E = TypeVar("E")


def in_order(entries: Mapping[str, E]) -> list[tuple[str, E]]:
    """Return entries that have an `order` in their order; those without a usable one come last."""

    def place(entry: tuple[str, E]) -> tuple[bool, str, str]:
        order: object = getattr(entry[1], "order", None)
        return (not is_key(order), order if isinstance(order, str) else "", entry[0])

    return sorted(entries.items(), key=place)


def arrange(before: Json, merged: Json, patch: Json, path: str, *, group_by: str = "") -> None:
    """Give the entries of a merged Map that a patch adds or moves their order keys, in place.

    `group_by` is the field that says in which of several lists an entry is. Raises InvalidContentError.
    """
    if not (isinstance(merged, dict) and isinstance(patch, dict)):
        return
    known = before if isinstance(before, dict) else {}
    for key, part in patch.items():
        entry = merged.get(key)
        if not (isinstance(part, dict) and isinstance(entry, dict)):
            continue
        entry = cast("Entries", entry)
        earlier = known.get(key)
        is_elsewhere = not isinstance(earlier, dict) or earlier.get(group_by) != entry.get(group_by)
        if AFTER not in part and (not is_elsewhere or "order" in part):
            continue
        siblings = {
            other: sibling["order"]
            for other, sibling in merged.items()
            if other != key
            and isinstance(sibling, dict)
            and sibling.get(group_by) == entry.get(group_by)
            and is_key(sibling.get("order"))
        }
        keys = cast("dict[str, str]", siblings)
        entry.pop(AFTER, None)
        if AFTER not in part:
            entry["order"] = key_between(max(keys.values(), default=None), None)
            continue
        after = part[AFTER]
        if after is not None and (not isinstance(after, str) or after not in keys):
            raise InvalidContentError((Fault(f"{path}.{key}.{AFTER}", "Nothing of this list"),))
        entry["order"] = key_behind(keys[after] if after else None, keys.values())
