"""What a slash command comes to: the agents that answer to a name, help, and what a sender is told.

Decides, and does nothing: whoever follows the messages keeps the outcome.
"""

from collections.abc import Mapping, Sequence
from typing import Literal
from uuid import UUID

import msgspec

from blocks.commands import Command, closest, slug_of
from storage.access import workspace_standing
from storage.callers import Caller
from storage.models import AgentConfiguration
from storage.unit_of_work import UnitOfWork

HELP = "help"
RUN = "run-"
"""May stand before an agent's name: `/run-marketing` is `/marketing`."""

MAX_AGENTS = 500
"""So many agents of a workspace have commands, the oldest ones."""

MAX_HELP = 50
"""Agents that the help names."""

_HOW = 'Write `/name in plain words`, `/name key=value other="two words"`, or `/name {"key": "value"}`.'


class Outcome(msgspec.Struct, frozen=True):
    """What the sender is told, and which agent is to run."""

    status: Literal["accepted", "refused", "answered"]
    text: str
    agent_configuration_id: UUID | None = None


async def commands_of(uow: UnitOfWork, workspace_id: UUID) -> dict[str, list[AgentConfiguration]]:
    """Return a workspace's active agents by the name of their command, in the order of the names."""
    agents = await uow.agents.list_in(
        workspace_id, status="active", definition_id=None, after=None, limit=MAX_AGENTS
    )
    found: dict[str, list[AgentConfiguration]] = {}
    for agent in agents:
        slug = slug_of(agent.name)
        if slug and slug != HELP:
            found.setdefault(slug, []).append(agent)
    return dict(sorted(found.items()))


async def decide(
    uow: UnitOfWork, caller: Caller, workspace_id: UUID, command: Command, fault: str | None
) -> Outcome:
    """Return what a command of somebody's comes to; `fault` is why it cannot be read, if so."""
    agents = await commands_of(uow, workspace_id)
    if command.name == HELP:
        return Outcome("answered", _help(agents, command))
    found = agents.get(command.name) or agents.get(command.name.removeprefix(RUN), [])
    if not found:
        return Outcome("refused", _unknown(command.name, agents))
    if len(found) > 1:
        names = ", ".join(f"“{agent.name}”" for agent in found)
        return Outcome(
            "refused",
            f"`/{command.name}` could be any of {len(found)} agents: {names}. Give them different names.",
        )
    if fault is not None:
        return Outcome("refused", f"{fault} {_HOW}")
    standing = await workspace_standing(uow, caller, workspace_id)
    if standing is None or not standing[1].allows("agents.run"):
        return Outcome("refused", "You may not run agents in this workspace.")
    return Outcome("accepted", f"{found[0].name} has your command.", found[0].id)


def _unknown(name: str, agents: Mapping[str, Sequence[AgentConfiguration]]) -> str:
    near = " or ".join(f"`/{other}`" for other in closest(name, [*agents, HELP]))
    question = f" Did you mean {near}?" if near else ""
    return f"There is no command `/{name}`.{question} `/{HELP}` lists all commands."


def _help(agents: Mapping[str, Sequence[AgentConfiguration]], command: Command) -> str:
    lines = [_HOW, ""]
    for slug, found in list(agents.items())[:MAX_HELP]:
        about = (found[0].description or found[0].name).strip().splitlines()[0][:200]
        lines.append(f"- `/{slug}`: {about}")
    if len(agents) > MAX_HELP:
        lines.append(f"- and {len(agents) - MAX_HELP} more")
    lines.append(f"- `/{HELP}`: this list")
    return "\n".join(lines)
