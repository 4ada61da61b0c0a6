"""Which events somebody may see: those on what they may see.

The subject decides. An event on something that exists no more, or of a kind that is not known here, is seen
by nobody but those who manage the workspace.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from storage.access import readable_documents, workspace_standing
from storage.actions import Action
from storage.callers import Caller
from storage.models import Event

if TYPE_CHECKING:
    from storage.unit_of_work import UnitOfWork

NEEDED: dict[str, Action] = {
    "workspace": "workspace.read",
    "user": "members.read",
    "webhook": "webhooks.manage",
    "file": "files.read",
    "llm_budget": "llm.manage",
    "llm_provider": "llm.manage",
    "agent": "agents.read",
    "playbook": "playbooks.read",
    "brand": "brands.read",
    "creator": "creators.read",
    "prompt_library": "prompts.read",
    "prompt": "prompts.read",
}
"""Kind of a subject -> what one has to be allowed in the workspace."""

DOCUMENTS = frozenset({"page", "channel"})
"""Kinds of subjects that are documents, each with rights of its own."""

INBOX = "inbox"
"""Kind of the subject of what is one person's alone."""

ANYTHING_ELSE: Action = "workspace.update"


async def visible_events(
    uow: "UnitOfWork", caller: Caller, workspace_id: UUID, events: Sequence[Event]
) -> list[Event]:
    """Return those events of one workspace that a caller may see, in a few queries for all of them."""
    found = await workspace_standing(uow, caller, workspace_id)
    if found is None:
        return []
    documents = {event.subject for event in events if event.subject and _kind(event) in DOCUMENTS}
    readable = await readable_documents(uow, caller, workspace_id, documents)

    is_person = caller.scopes is None and caller.grant is None

    def is_visible(event: Event) -> bool:
        kind = _kind(event)
        if kind == INBOX:
            return is_person and event.subject == f"{INBOX}:{caller.user_id}"
        if kind in DOCUMENTS:
            return event.subject in readable
        return found[1].allows(NEEDED.get(kind, ANYTHING_ELSE))

    return [event for event in events if is_visible(event)]


def _kind(event: Event) -> str:
    return (event.subject or "").partition(":")[0]
