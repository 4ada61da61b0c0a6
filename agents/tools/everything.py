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
from agents.tools.toolbox import RemoteTools, Toolbox

FAMILIES = (pages, block_edits, suggestions, messages, library, files, web, people, colleagues, memory)


def open_toolbox(kit: Kit, remote: RemoteTools | None = None) -> Toolbox:
    """Return the tools, with those of other servers."""
    specs = [spec for family in FAMILIES for spec in family.tools.specs(kit)]
    return Toolbox(kit.database, specs, remote)
