"""Where two who began with the same block have changed the same of it.

Merging loses neither, but what comes of it may read oddly, so it is told. In a rich text two meet in a
paragraph (heading, list, table ...), elsewhere in one field.
"""

from typing import TypeGuard

from blocks.matching import match_items
from blocks.tree import Json


def find_overlaps(before: Json, mine: Json, theirs: Json, path: str = "content") -> list[str]:
    """Return the paths of what both changed in a plain content, and not to the same."""
    if before in (mine, theirs) or mine == theirs:
        return []
    if _is_rich_text(before) and _is_rich_text(mine) and _is_rich_text(theirs):
        return [path] if _changed(before, mine) & _changed(before, theirs) else []
    if isinstance(before, dict) and isinstance(mine, dict) and isinstance(theirs, dict):
        found: list[str] = []
        for key in sorted({*before, *mine, *theirs}):
            found += find_overlaps(before.get(key), mine.get(key), theirs.get(key), f"{path}.{key}")
        return found
    return [path]


def find_changes(before: Json, after: Json, path: str = "content") -> list[str]:
    """Return the paths of what is different in a plain content, for who takes it away as a whole.

    A rich text is one of them.
    """
    if before == after:
        return []
    is_rich = _is_rich_text(before) or _is_rich_text(after)
    if not is_rich and isinstance(before, dict) and isinstance(after, dict):
        found: list[str] = []
        for key in sorted({*before, *after}):
            found += find_changes(before.get(key), after.get(key), f"{path}.{key}")
        return found
    return [path]


def _is_rich_text(value: Json) -> TypeGuard[dict[str, Json]]:
    return isinstance(value, dict) and value.get("type") == "doc"


def _changed(before: dict[str, Json], after: dict[str, Json]) -> set[int]:
    """Return which nodes were changed or taken away; nodes that come in between change none."""
    was, now = [list(map(repr, _items(doc.get("content")))) for doc in (before, after)]
    return {*range(len(was))} - {index for index, _ in match_items(was, now)}


def _items(content: Json) -> list[Json]:
    return content if isinstance(content, list) else []
