"""What `agent_snippet` blocks show of the run that answers in them: only the server writes that. Pure."""

from typing import Any, cast

import pycrdt

from blocks.kinds.agent_snippet import KIND, Status
from blocks.page import CONTENT, find


def show_run(doc: "pycrdt.Doc[Any]", block_id: str, run_id: str | None, status: Status) -> str | None:
    """Let a block show a run; return the page where it goes on, if it was moved.

    What shows it already, or is no such block, is left alone. Raises UnknownBlockError.
    """
    block = find(doc, block_id)
    if not isinstance(block, pycrdt.Map):
        return None
    block = cast("pycrdt.Map[Any]", block)
    content: object = block.get(CONTENT)
    if block.get("type") == KIND.name and isinstance(content, pycrdt.Map):
        content = cast("pycrdt.Map[Any]", content)
        with doc.transaction():
            for name, value in (("run_id", run_id), ("status", status)):
                if name not in content or content[name] != value:
                    content[name] = value
    moved_to: object = block.get("moved_to")
    return moved_to if isinstance(moved_to, str) else None
