"""Which tools an agent has, and which of them wait for a person's word.

A configuration may take tools away and make any stricter. Looser than the tool itself is only what the
agent's definition allows: its configuration is any member's to write, and runs act with the rights of others.
"""

from collections.abc import Collection
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from agents.tools.base import APPROVALS, Approval

ToolName = Annotated[str, Meta(max_length=64, pattern="^[A-Za-z0-9_-]+$")]


class McpServer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Another server's tools, by the Model Context Protocol over HTTP."""

    name: Annotated[str, Meta(max_length=24, pattern="^[a-z][a-z0-9_]*$")]
    """Goes before the names of its tools: `github__search`."""
    url: Annotated[str, Meta(max_length=2000, pattern="^https?://")]
    secret: Annotated[str, Meta(max_length=64, pattern="^[a-z][a-z0-9_]*$")] | None = None
    """The name of the agent's secret that is sent as its bearer token."""
    only: Annotated[list[str], Meta(max_length=100)] | None = None
    """The tools of it that the agent has; None for all."""


class ToolSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a configuration says of tools."""

    only: Annotated[list[ToolName], Meta(max_length=200)] | None = None
    """The tools that the agent has; None for all that its rights allow."""
    approval: dict[ToolName, Approval] = {}
    """Tool -> how it is approved, where it is not as the tool itself says."""
    may_loosen: Annotated[list[ToolName], Meta(max_length=200)] = []
    """The definition's alone: the tools that may be approved more easily than they say themselves."""
    mcp: Annotated[list[McpServer], Meta(max_length=10)] = []


def approval_of(name: str, own: Approval, settings: ToolSettings) -> Approval:
    """Return how a tool is approved for an agent."""
    wanted = settings.approval.get(name, own)
    if APPROVALS.index(wanted) < APPROVALS.index(own) and name not in settings.may_loosen:
        return own
    return wanted


def faults_of(
    settings: ToolSettings, may_loosen: Collection[str], known: dict[str, Approval]
) -> list[tuple[str, str]]:
    """Return what is wrong with settings of a configuration, as (path, detail).

    `may_loosen` is the definition's, `known` the tools there are with their own approval; names with `__` are
    of other servers', and not known before these are asked.
    """
    faults: list[tuple[str, str]] = []
    for n, name in enumerate(settings.only or ()):
        if name not in known and "__" not in name:
            faults.append((f"only[{n}]", f"No tool; there are: {', '.join(known)}"))
    for name, wanted in settings.approval.items():
        own: Approval | Literal["ask"] = known.get(name, "ask")
        if name not in known and "__" not in name:
            faults.append((f"approval.{name}", f"No tool; there are: {', '.join(known)}"))
        elif APPROVALS.index(wanted) < APPROVALS.index(own) and name not in may_loosen:
            faults.append(
                (f"approval.{name}", f"{own!r} can be made stricter here; this agent's kind allows no less")
            )
    names = [server.name for server in settings.mcp]
    for n, name in enumerate(names):
        if name in names[:n]:
            faults.append((f"mcp[{n}].name", "Another server has this name"))
    return faults
