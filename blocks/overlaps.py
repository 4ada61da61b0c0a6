"""Where two who began with the same block have changed the same of it.

Merging loses neither, but what comes of it may read oddly, so it is told. In a rich text two meet in a
paragraph (heading, list, table ...), elsewhere in one field.
"""

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import cast

from blocks.plain import Json


def find_overlaps(before: Json, mine: Json, theirs: Json, path: str = "content") -> list[str]:
    """Return the paths of what both changed in a plain content, and not to the same."""
    if before in (mine, theirs) or mine == theirs:
        return []
    if _is_rich_text(before) and _is_rich_text(mine) and _is_rich_text(theirs):
        nodes = [
            cast("list[Json]", cast("dict[str, Json]", doc)["content"]) for doc in (before, mine, theirs)
        ]
        return [path] if _changed(nodes[0], nodes[1]) & _changed(nodes[0], nodes[2]) else []
    if isinstance(before, dict) and isinstance(mine, dict) and isinstance(theirs, dict):
        found: list[str] = []
        for key in sorted({*before, *mine, *theirs}):
            found += find_overlaps(before.get(key), mine.get(key), theirs.get(key), f"{path}.{key}")
        return found
    return [path]


def _is_rich_text(value: Json) -> bool:
    return isinstance(value, dict) and value.get("type") == "doc" and isinstance(value.get("content"), list)


def _changed(before: Sequence[Json], after: Sequence[Json]) -> set[int]:
    """Return which nodes were changed or taken away; nodes that come in between change none."""
    matcher = SequenceMatcher(None, [*map(repr, before)], [*map(repr, after)], autojunk=False)
    return {
        index
        for tag, start, end, _, _ in matcher.get_opcodes()
        if tag != "equal"
        for index in range(start, end)
    }
