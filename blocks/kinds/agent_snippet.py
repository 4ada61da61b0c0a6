"""`agent_snippet`: what an agent is asked, and the rich text that it types into."""

from collections.abc import Iterable
from typing import Literal

import msgspec

from blocks.errors import Fault
from blocks.kind import Kind
from blocks.kinds.fields import Id, JsonObject, missing
from blocks.richtext import plain_text
from blocks.schema import RichText
from blocks.tree import document

Status = Literal["idle", "pending", "running", "success", "error", "cancelled"]
"""Those of an agent's runs."""


class AgentSnippetContent(msgspec.Struct, frozen=True):
    """The agent, its latest run here, what it is given, and what it has written."""

    agent_configuration_id: Id | None = None
    run_id: Id | None = None
    status: Status = "idle"
    input: JsonObject = {}
    doc: RichText = document()


def _check(content: AgentSnippetContent) -> Iterable[Fault]:
    if content.agent_configuration_id is None:
        yield missing("agent_configuration_id")


def _text(content: AgentSnippetContent) -> Iterable[str]:
    return (plain_text(content.doc),)


KIND = Kind("agent_snippet", AgentSnippetContent, text=_text, check=_check, of_server=("run_id", "status"))
