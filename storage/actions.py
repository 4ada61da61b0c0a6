"""What can be done, and what roles, levels on a page and scopes of a key are good for. It is data."""

from collections.abc import Collection
from typing import Literal

from storage.models import (
    GrantLevel,
    Role,
)

Action = Literal[
    "workspace.read",
    "workspace.update",
    "workspace.delete",
    "api_keys.create",
    "api_keys.manage",
    "audit.read",
    "members.read",
    "members.manage",
    "owners.manage",
    "pages.read",
    "pages.comment",
    "pages.write",
    "pages.share",
    "channels.read",
    "channels.create",
    "channels.invite",
    "channels.manage",
    "channels.write",
    "brands.read",
    "brands.write",
    "creators.read",
    "creators.write",
    "prompts.read",
    "prompts.write",
    "events.read",
    "webhooks.manage",
    "agents.read",
    "agents.run",
    "agents.write",
    "playbooks.read",
    "playbooks.write",
    "files.read",
    "files.write",
    "search.read",
    "llm.read",
    "llm.manage",
]

ROLES: tuple[Role, ...] = ("guest", "member", "admin", "owner")
"""From the least to the most; each may do what those before it may."""

LEAST_ROLE: dict[Action, Role] = {
    "workspace.read": "guest",
    "members.read": "guest",
    "pages.read": "guest",
    "channels.read": "guest",
    "brands.read": "guest",
    "creators.read": "guest",
    "prompts.read": "guest",
    "events.read": "guest",
    "pages.comment": "member",
    "agents.read": "guest",
    "playbooks.read": "guest",
    "search.read": "guest",
    "pages.write": "member",
    "pages.share": "member",
    "channels.write": "member",
    "channels.create": "member",
    "channels.invite": "member",
    "api_keys.create": "member",
    "brands.write": "member",
    "creators.write": "member",
    "prompts.write": "member",
    "agents.run": "member",
    "agents.write": "member",
    "playbooks.write": "member",
    "workspace.update": "admin",
    "api_keys.manage": "admin",
    "audit.read": "admin",
    "webhooks.manage": "admin",
    "channels.manage": "admin",
    "llm.read": "member",
    "llm.manage": "admin",
    "files.read": "member",
    "files.write": "member",
    "members.manage": "admin",
    "owners.manage": "owner",
    "workspace.delete": "owner",
}
"""The least role that may do something."""

PERSONAL: frozenset[Action] = frozenset(
    {"api_keys.create", "api_keys.manage", "owners.manage", "workspace.delete"}
)
"""What needs somebody who is signed in: a key that is stolen makes no others and ends nothing for good."""

NEVER_AGENTS: frozenset[Action] = PERSONAL | frozenset[Action](
    {
        "agents.write",
        "audit.read",
        "channels.invite",
        "channels.manage",
        "llm.manage",
        "members.manage",
        "pages.share",
        "playbooks.write",
        "webhooks.manage",
        "workspace.update",
    }
)
"""What no agent does, whomever it acts for: who may do what, what agents are, and what cannot be undone."""

THROUGH: dict[Action, frozenset[Action]] = {
    "search.read": frozenset({"pages.read", "channels.read", "prompts.read", "brands.read", "creators.read"})
}
"""What has no scope of its own: a key that is good for any of these is good for it, as far as they go."""


def scope_of(action: Action) -> str:
    """Return the scope that a key needs for an action: `area:read` or `area:write`."""
    area, _, verb = action.partition(".")
    return f"{area}:{'read' if verb == 'read' else 'write'}"


def scopes_for(action: Action) -> tuple[str, ...]:
    """Return the scopes of which a key needs one for an action."""
    return tuple(sorted(scope_of(one) for one in THROUGH.get(action, frozenset({action}))))


SCOPES: frozenset[str] = frozenset(
    {
        "*:read",
        "*:write",
        *(scope_of(action) for action in LEAST_ROLE if action not in PERSONAL and action not in THROUGH),
    }
)
"""All scopes; one for writing is one for reading too."""

LEVEL_FOR: dict[Action, GrantLevel] = {
    "pages.read": "read",
    "pages.comment": "comment",
    "pages.write": "write",
    "pages.share": "manage",
}
"""The level on a page that an action needs there, whether a role, a grant or a share link gives it."""

LEVELS: tuple[GrantLevel, ...] = ("read", "comment", "write", "manage")
"""From the least to the most; each may do what those before it may."""

IN_CHANNEL: frozenset[Action] = frozenset({"channels.read", "channels.write"})
"""What whoever is in a private channel or a direct conversation may do there, whatever their role."""

WRITING_CHANNELS: frozenset[Action] = frozenset({"channels.write"})
"""What nobody does in an archived channel, whatever their role."""

OF_MAKER: frozenset[Action] = frozenset({"channels.manage"})
"""What members may do with a channel of their own making."""


def is_in_scopes(scopes: Collection[str], action: Action) -> bool:
    """Tell whether an action is within some scopes."""
    if action in THROUGH:
        return any(is_in_scopes(scopes, one) for one in THROUGH[action])
    area, _, verb = scope_of(action).partition(":")
    good = {f"{area}:write", "*:write"}
    if verb == "read":
        good |= {f"{area}:read", "*:read"}
    return not good.isdisjoint(scopes)


def can(role: Role | None, action: Action) -> bool:
    """Tell whether a role may do something; None, for no member, may do nothing."""
    return role is not None and ROLES.index(role) >= ROLES.index(LEAST_ROLE[action])


def actions_of(role: Role | None) -> frozenset[Action]:
    """Return all that a role may do."""
    return _ACTIONS_OF[role] if role is not None else frozenset()


_ACTIONS_OF: dict[Role, frozenset[Action]] = {
    role: frozenset(action for action in LEAST_ROLE if can(role, action)) for role in ROLES
}
