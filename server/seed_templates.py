"""The templates that a first workspace begins with, below one page that says what they are for."""

from collections.abc import Callable
from typing import Any, cast

import msgspec
import pycrdt

from blocks.kind import Fields
from blocks.markdown_reader import from_markdown
from blocks.page_edits import Stamp, add_block, write_meta
from blocks.tree import to_json

MEETING = """\
*{{date}}, noted by {{author}}*

## Who is here

- {{author}}

## What we talk about

1. What has happened since last time
2. What is in the way
3. What comes next

## What we decided

> What, and why.

## Who does what

- [ ] Who does what until when
"""

BRIEF = """\
*{{workspace}}, {{date}}, by {{author}}*

## What we want to reach

One sentence, with a number and a date in it.

## For whom

Who they are, what they care about, where they are found.

## What we say

- The one thing to remember:
- Why anybody should believe it:
- What they should do then:

## Where and when

| Channel | What | From | To | Budget |
| --- | --- | --- | --- | --- |
| TikTok |  |  |  |  |
| E-mail |  |  |  |  |

## How we know that it worked

- [ ] A number before the start is written down
- [ ] The links can be counted
- [ ] Somebody looks at it each week
"""

CALENDAR = """\
What is planned for **{{title}}**: ideas move from left to right, and what has a date stands in the table.
"""

OVERVIEW = """\
New pages are made from the pages below this one. Change them as you like, or make any other page a template.
"""

BOARD: Fields = {
    "columns": {
        "idea": {"name": "Ideas"},
        "making": {"name": "In the making", "limit": 5},
        "review": {"name": "To be looked at"},
        "out": {"name": "Published"},
    },
    "cards": {
        "first": {"column": "idea", "title": "Behind the scenes"},
        "second": {"column": "idea", "title": "A customer tells"},
    },
}

TABLE: Fields = {
    "columns": {
        "date": {"name": "Date", "type": "date"},
        "channel": {"name": "Channel", "type": "select"},
        "title": {"name": "What", "type": "text"},
        "owner": {"name": "Who", "type": "person"},
        "ready": {"name": "Ready", "type": "checkbox"},
    },
    "rows": {"first": {"cells": {"channel": "TikTok", "title": "Behind the scenes", "ready": False}}},
    "view": {"sort": [{"column": "date"}]},
}


class Template(msgspec.Struct, frozen=True):
    """A page of templates: what it is called, and its blocks as type and content."""

    title: str
    blocks: tuple[tuple[str, Fields], ...]

    def write(self, doc: pycrdt.Doc[Any], *, new_id: Callable[[], str], stamp: Stamp) -> list[str]:
        """Write it into an empty document; return the ids of its blocks."""
        write_meta(doc, title=self.title)
        ids = [new_id() for _ in self.blocks]
        for block_id, (type_, content) in zip(ids, self.blocks, strict=True):
            add_block(doc, block_id, type_, content, stamp=stamp)
        return ids


def _text(markdown: str) -> tuple[str, Fields]:
    return "text", cast("Fields", {"doc": to_json(from_markdown(markdown))})


FOLDER = Template("Templates", (_text(OVERVIEW),))
"""The page above them, which is none itself."""

TEMPLATES = (
    Template("Meeting notes", (_text(MEETING),)),
    Template("Campaign brief", (_text(BRIEF),)),
    Template("Content calendar", (_text(CALENDAR), ("kanban_board", BOARD), ("table_view", TABLE))),
)
