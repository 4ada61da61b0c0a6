"""What the first page says, and the agent that waits on it: how the workspace works, shown by trying it."""

from collections.abc import Callable
from typing import Any, cast
from uuid import UUID

import pycrdt

from agents.configurations import add_agent
from blocks.kind import Fields
from blocks.markdown_reader import from_markdown
from blocks.page_edits import Place, Stamp, add_block, write_meta
from blocks.tree import to_json
from storage.models import AgentConfiguration
from storage.unit_of_work import UnitOfWork

PAGE_TITLE = "Welcome to IONFLUX"

GREETING = """\
This page is **live**: everybody who opens it, people and agents, edits the same text. What shows as *saved*
has been committed, whatever happens to the server next.

## Try it

- [ ] Click here and write. Type `/` for headings, lists, tables and code.
- [ ] Open this address in a second window: each sees the other's cursor.
- [ ] Press *Run* on Scribe's block, and watch the agent type.
- [ ] Ask it in the channel *general*: `/scribe What is a good name for a cat?` It types its answer below.
- [ ] Switch off your network, write on, and switch it on again.

## Find your way

Pages are a tree, on the left; drag them. **Ctrl K** (or **⌘K**) finds pages, messages and commands. A page is
a canvas of blocks, and the same page can be read as a document.
"""

BOARD: Fields = {
    "columns": {"next": {"name": "To try"}, "doing": {"name": "Trying"}, "done": {"name": "Done"}},
    "cards": {
        "drag": {"column": "next", "title": "Drag this card"},
        "invite": {"column": "next", "title": "Invite somebody"},
        "template": {"column": "next", "title": "Make a page from a template"},
        "sign-in": {"column": "done", "title": "Sign in"},
    },
}

AGENT_NAME = "Scribe"
AGENT_DEFINITION = "agent_page_summariser"
AGENT_CONFIG = """\
# Made for the built-in model, which is tiny: no tools, short answers.
llm: {max_output_tokens: 200}
tools: {allowed: []}
limits: {max_steps: 2}
instructions: |
  You write short, friendly texts. Answer in two or three plain sentences.
"""
AGENT_PROMPT = "Write two sentences that welcome somebody to a new workspace."


async def add_welcome_agent(uow: UnitOfWork, workspace_id: UUID, user_id: UUID, page_id: UUID) -> UUID | None:
    """Make the agent that waits on the first page; return its id, or None where there is no such kind."""
    definition = await uow.agent_definitions.get(AGENT_DEFINITION)
    if definition is None:
        return None
    agent = AgentConfiguration(
        id=uow.new_id(),
        workspace_id=workspace_id,
        created_by_user_id=user_id,
        agent_definition_id=AGENT_DEFINITION,
        name=AGENT_NAME,
        description="Writes short texts, to show how agents work here.",
        yaml_config=f"{AGENT_CONFIG}types_into: {page_id}  # the first page\n",
        external_memory_namespace=None,
        status="active",
        last_run_status="idle",
        created_at=uow.now,
        updated_at=uow.now,
    )
    actor = f"user:{user_id}"
    await add_agent(uow, agent, definition, actor)
    await uow.events.append(workspace_id, "agent.created", actor, f"agent:{agent.id}")
    return agent.id


def write_welcome(
    doc: pycrdt.Doc[Any], agent_id: UUID | None, *, new_id: Callable[[], str], stamp: Stamp
) -> None:
    """Write the first page into its empty document."""
    write_meta(doc, title=PAGE_TITLE)
    greeting = cast("Fields", {"doc": to_json(from_markdown(GREETING))})
    blocks: list[tuple[str, Fields, Place]] = [("text", greeting, Place(0, 0, 640, 640))]
    if agent_id is not None:
        snippet: Fields = {"agent_configuration_id": str(agent_id), "input": {"prompt": AGENT_PROMPT}}
        blocks.append(("agent_snippet", snippet, Place(680, 0, 440, 260)))
    blocks.append(("kanban_board", BOARD, Place(680, 300, 640, 340)))
    for type_, content, place in blocks:
        add_block(doc, new_id(), type_, content, stamp=stamp, place=place)
