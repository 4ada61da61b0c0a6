"""All tools of this server together."""

from agents.ports import Kit
from agents.tools import (
    block_edits,
    colleagues,
    files,
    library,
    memory,
    messages,
    pages,
    people,
    suggestions,
    web,
)
from agents.tools.toolbox import Toolbox

FAMILIES = (pages, block_edits, suggestions, messages, library, files, web, people, colleagues, memory)


def open_toolbox(kit: Kit) -> Toolbox:
    """Return the tools."""
    return Toolbox(kit.database, [spec for family in FAMILIES for spec in family.tools.specs(kit)])
