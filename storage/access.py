"""The one gate: what a role may do, and what somebody may do with one thing.

REST, sockets and agents all ask here. The table is data; who is in a workspace is the database's. Nothing
here knows how a refusal is told: None means that the thing may not be seen, and is to look absent.
"""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Literal
from uuid import UUID

import msgspec

from storage.models import (
    AgentConfiguration,
    AgentRunLog,
    ApiKey,
    Channel,
    GrantLevel,
    Page,
    Prompt,
    PromptLibrary,
    Role,
    ShareLink,
    Suggestion,
    Workspace,
)
from storage.repositories.memories import Audience, Shelf

if TYPE_CHECKING:  # the unit of work imports the repositories, not this gate
    from storage.repositories.owned import M, Owned
    from storage.unit_of_work import UnitOfWork

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
DocumentRight = Literal["none", "read", "comment", "write", "manage"]
"""`manage` is to write a channel or the comments on a page, and to delete what others have said there."""

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


class Grant(msgspec.Struct, frozen=True):
    """What an agent may do at most, as its configuration says under `grant`; it gives no right by itself."""

    scopes: frozenset[str] = frozenset({"*:write"})
    pages: frozenset[UUID] | None = None
    """These and those below; None for all."""
    channels: frozenset[UUID] | None = None

    def allows(self, action: Action) -> bool:
        """Tell whether an agent with this grant may do something where its person may."""
        return action not in NEVER_AGENTS and is_in_scopes(self.scopes, action)


class Caller(msgspec.Struct, frozen=True):
    """On whose behalf something is asked. `id` is how events and the log name them.

    An API key acts for its person, in one workspace, as far as its scopes go. So does the run of an agent,
    as far as the agent was granted. A visitor has nothing but a share link.
    """

    id: str
    user_id: UUID | None
    workspace_id: UUID | None = None
    """The only workspace there is for a key or an agent."""
    scopes: frozenset[str] | None = None
    """None for somebody who is signed in."""
    link_page_id: UUID | None = None
    link_level: GrantLevel | None = None
    grant: Grant | None = None
    """Of an agent."""

    @classmethod
    def of_user(cls, user_id: UUID) -> "Caller":
        """Return somebody who is signed in as themself."""
        return cls(f"user:{user_id}", user_id)

    @classmethod
    def of_key(cls, key: ApiKey) -> "Caller":
        """Return a key's person, as far as the key goes."""
        return cls(f"key:{key.id}", key.user_id, key.workspace_id, frozenset(key.scopes))

    @classmethod
    def of_link(cls, link: ShareLink) -> "Caller":
        """Return whoever has a share link."""
        return cls(f"link:{link.id}", None, link_page_id=link.page_id, link_level=link.level)

    def has_scope(self, action: Action) -> bool:
        """Tell whether a credential is good for an action, whatever its person may do."""
        if self.grant is not None and not self.grant.allows(action):
            return False
        if self.scopes is None:
            return True
        return action not in PERSONAL and is_in_scopes(self.scopes, action)

    def reaches(self, workspace_id: UUID) -> bool:
        """Tell whether a credential is good in a workspace."""
        return self.workspace_id in (None, workspace_id)

    def within_scopes(self, actions: frozenset[Action]) -> frozenset[Action]:
        """Return those of the actions that a credential is good for."""
        return frozenset(action for action in actions if self.has_scope(action))


class Standing(msgspec.Struct, frozen=True):
    """What a caller may do with one thing that they may see; `role` is theirs in its workspace, if any."""

    caller: Caller
    role: Role | None
    actions: frozenset[Action]

    @property
    def member_role(self) -> Role:
        """The role of somebody who is a member for certain."""
        assert self.role is not None
        return self.role

    @property
    def page_reader(self) -> UUID | None:
        """Whose grants a list of a workspace's pages has to respect; None for owners, who see them all."""
        return None if self.role == "owner" else self.caller.user_id

    def allows(self, action: Action) -> bool:
        """Tell whether they may do this."""
        return action in self.actions


def can(role: Role | None, action: Action) -> bool:
    """Tell whether a role may do something; None, for no member, may do nothing."""
    return role is not None and ROLES.index(role) >= ROLES.index(LEAST_ROLE[action])


def actions_of(role: Role | None) -> frozenset[Action]:
    """Return all that a role may do."""
    return _ACTIONS_OF[role] if role is not None else frozenset()


_ACTIONS_AT: dict[GrantLevel, frozenset[Action]] = {
    level: frozenset(
        action for action, least in LEVEL_FOR.items() if LEVELS.index(level) >= LEVELS.index(least)
    )
    for level in LEVELS
}

_ACTIONS_OF: dict[Role, frozenset[Action]] = {
    role: frozenset(action for action in LEAST_ROLE if can(role, action)) for role in ROLES
}


async def find_caller(uow: "UnitOfWork", principal_id: str) -> Caller | None:
    """Return the caller that a principal of a document is; None for one that is no more.

    The run of an agent is named as the log does, `agent:{id}|run:{run_id}`: an agent is nobody by itself.
    """
    name, _, run = principal_id.partition("|")
    if run:
        found_run = parse_document_name(run)
        caller = await caller_of_run(uow, found_run[1]) if found_run and found_run[0] == "run" else None
        return caller if caller is not None and caller.id == name else None
    match parse_document_name(principal_id):
        case ("user", user_id):
            return Caller.of_user(user_id) if await uow.users.is_active(user_id) else None
        case ("key", key_id):
            found = await uow.api_keys.find_standing(key_id)
            return Caller.of_key(found[0]) if found else None
        case ("link", link_id):
            link = await uow.share_links.find_standing(link_id)
            return Caller.of_link(link) if link else None
        case _:
            return None


async def caller_of_run(uow: "UnitOfWork", run_id: UUID) -> Caller | None:
    """Return whoever a run acts for, as far as its agent was granted; None where that is over.

    It is over when the run has ended, its agent is not active any more, or its person has left; looked up
    anew each time, so that nothing lasts longer than the right that it comes from.
    """
    found = await uow.agent_runs.find_open(run_id)
    invoker = await find_caller(uow, invoker_of(found[0])) if found else None
    grant = _grant_of(found[1]) if found else None
    if found is None or invoker is None or invoker.user_id is None or grant is None:
        return None
    agent = found[1]
    if not invoker.reaches(agent.workspace_id):
        return None
    return msgspec.structs.replace(
        invoker, id=f"agent:{agent.id}", workspace_id=agent.workspace_id, grant=grant
    )


def invoker_of(run: AgentRunLog) -> str:
    """Return the principal whose rights a run has."""
    return run.invoked_by or f"user:{run.triggered_by_user_id}"


def _grant_of(agent: AgentConfiguration) -> Grant | None:
    """Return what an agent was granted; None for one whose configuration does not hold."""
    config = agent.effective_config_cache
    try:
        return None if config is None else msgspec.convert(config.get("grant") or {}, Grant)
    except msgspec.ValidationError:
        return None


async def workspace_standing(
    uow: "UnitOfWork", caller: Caller, workspace_id: UUID, *, lock: bool = False
) -> tuple[Workspace, Standing] | None:
    """Return a workspace and what the caller may do in it, or None for no member.

    `lock` holds the workspace until the end of the transaction, for rules over several rows.
    """
    if caller.user_id is None:
        return None
    found = await uow.workspaces.find_with_role(workspace_id, caller.user_id, lock=lock)
    if found is None or not caller.reaches(workspace_id):
        return None
    workspace, role = found
    return workspace, Standing(caller, role, caller.within_scopes(actions_of(role)))


async def owned_standing(rows: "Owned[M]", caller: Caller, row_id: UUID) -> "tuple[M, Standing] | None":
    """Return what belongs to a workspace as a whole, and what the caller may do with it, or None."""
    if caller.user_id is None:
        return None
    found = await rows.find_with_role(row_id, caller.user_id)
    if found is None or not caller.reaches(found[0].workspace_id):
        return None
    row, role = found
    return row, Standing(caller, role, caller.within_scopes(actions_of(role)))


async def prompt_standing(
    uow: "UnitOfWork", caller: Caller, prompt_id: UUID
) -> tuple[tuple[Prompt, PromptLibrary], Standing] | None:
    """Return a prompt with its library and what the caller may do with it, or None."""
    if caller.user_id is None:
        return None
    found = await uow.prompts.find_with_role(prompt_id, caller.user_id)
    if found is None or not caller.reaches(found[0][1].workspace_id):
        return None
    return found[0], Standing(caller, found[1], caller.within_scopes(actions_of(found[1])))


async def run_standing(
    uow: "UnitOfWork", caller: Caller, run_id: UUID
) -> tuple[AgentRunLog, Standing] | None:
    """Return a run of an agent and what the caller may do with it, or None."""
    if caller.user_id is None:
        return None
    found = await uow.agent_runs.find_with_role(run_id, caller.user_id)
    if found is None or not caller.reaches(found[0][1].workspace_id):
        return None
    return found[0][0], Standing(caller, found[1], caller.within_scopes(actions_of(found[1])))


async def page_standing(uow: "UnitOfWork", caller: Caller, page_id: UUID) -> tuple[Page, Standing] | None:
    """Return a page, in the trash or not, and what the caller may do with it, or None."""
    found = await uow.pages.find_with_role(page_id, caller.user_id)
    if found is None or not caller.reaches(found[0].workspace_id):
        return None
    page, role = found
    if not await _is_granted_page(uow, caller, page):
        return None
    level = _role_level(role, page)
    if level != "manage":
        for given in await _given_levels(uow, caller, page):
            level = _higher(level, given)
    if level is None:
        return None
    # On a page nothing but its level counts for these, whatever the role.
    actions = (actions_of(role) - _ACTIONS_AT["manage"]) | _ACTIONS_AT[level]
    return page, Standing(caller, role, caller.within_scopes(actions))


def page_level(standing: Standing) -> GrantLevel:
    """Return the level of somebody on a page that they may see."""
    return _level_of(standing.actions) or "read"


def _role_level(role: Role | None, page: Page) -> GrantLevel | None:
    """Return what a role gives on a page: owners answer for all pages, others where access is open."""
    if role is None or (page.access_root_id is not None and role != "owner"):
        return None
    return _level_of(actions_of(role))


def _level_of(actions: frozenset[Action]) -> GrantLevel | None:
    return next((level for level in reversed(LEVELS) if _ACTIONS_AT[level] <= actions), None)


async def _given_levels(uow: "UnitOfWork", caller: Caller, page: Page) -> Sequence[GrantLevel]:
    if caller.link_page_id is not None and caller.link_level is not None:
        is_reached = page.trashed_at is None and await uow.share_links.is_on_path(page, caller.link_page_id)
        return (caller.link_level,) if is_reached else ()
    assert caller.user_id is not None, "whoever has no link is a person"
    return await uow.grants.levels_on_path(page, caller.user_id)


async def _is_granted_page(uow: "UnitOfWork", caller: Caller, page: Page) -> bool:
    """Tell whether a page is one of those that an agent may have to do with."""
    if caller.grant is None or caller.grant.pages is None:
        return True
    for page_id in caller.grant.pages:
        if await uow.share_links.is_on_path(page, page_id):
            return True
    return False


def _is_granted_channel(caller: Caller, channel_id: UUID) -> bool:
    """Tell whether a channel is one of those that an agent may have to do with."""
    channels = None if caller.grant is None else caller.grant.channels
    return channels is None or channel_id in channels


async def channel_standing(
    uow: "UnitOfWork", caller: Caller, channel_id: UUID
) -> tuple[Channel, Standing] | None:
    """Return a channel and what the caller may do in it, or None. Who is in a private one may write."""
    if caller.user_id is None:
        return None
    found = await uow.channels.find_with_role(channel_id, caller.user_id)
    if found is None or not caller.reaches(found[0].workspace_id):
        return None
    channel, role, is_in_channel = found
    if channel.type != "public" and not is_in_channel:
        return None
    if not _is_granted_channel(caller, channel.id):
        return None
    more = frozenset[Action]() if channel.type == "public" else IN_CHANNEL
    if channel.created_by_user_id == caller.user_id and can(role, "channels.create"):
        more |= OF_MAKER
    return channel, Standing(caller, role, caller.within_scopes(actions_of(role) | more))


def _higher(one: GrantLevel | None, other: GrantLevel | None) -> GrantLevel | None:
    if one is None or other is None:
        return one or other
    return one if LEVELS.index(one) >= LEVELS.index(other) else other


def parse_document_name(name: str) -> tuple[str, UUID] | None:
    """Split `kind:uuid`; None for what is not in the one form a document's name has."""
    kind, _, text = name.partition(":")
    try:
        subject = UUID(text)
    except ValueError:
        return None
    # The same document under two spellings would be two rooms.
    return (kind, subject) if str(subject) == text else None


async def document_right(uow: "UnitOfWork", caller: Caller, document_name: str) -> DocumentRight:
    """Return what a caller may do with a document; `none` also for one that does not exist."""
    match parse_document_name(document_name):
        case ("page", page_id):
            found = await page_standing(uow, caller, page_id)
            if found is None:
                return "none"
            page, standing = found
            if page.trashed_at is None:
                if standing.allows("pages.write"):
                    return "write"
                if standing.allows("pages.comment"):
                    return "comment"
            return "read" if standing.allows("pages.read") else "none"
        case ("comments", page_id):
            return await _comments_right(uow, caller, page_id)
        case ("channel", channel_id):
            found = await channel_standing(uow, caller, channel_id)
            if found is None:
                return "none"
            channel, standing = found
            if standing.allows("channels.write"):
                # Nobody has a say over the other's words in a direct conversation.
                can_manage = channel.type != "dm" and standing.allows("channels.manage")
                return "manage" if can_manage else "write"
            return "read" if standing.allows("channels.read") else "none"
        case ("suggestion", suggestion_id):
            return await _branch_right(uow, caller, suggestion_id)
        case ("inbox", owner_id):
            is_person = caller.scopes is None and caller.grant is None
            return "read" if owner_id == caller.user_id and is_person else "none"
        case _:
            return "none"


async def suggestion_standing(
    uow: "UnitOfWork", caller: Caller, suggestion_id: UUID
) -> tuple[Suggestion, Page, Standing] | None:
    """Return a suggestion with its page, and what the caller may do with the page, or None."""
    suggestion = await uow.suggestions.get(suggestion_id)
    found = await page_standing(uow, caller, suggestion.page_id) if suggestion is not None else None
    return (suggestion, *found) if suggestion is not None and found is not None else None


def may_withdraw(suggestion: Suggestion, standing: Standing) -> bool:
    """Tell whether somebody may take a suggestion back, and go on writing it until it is decided."""
    is_author = suggestion.created_by_user_id == standing.caller.user_id
    return standing.allows("pages.write") or (is_author and standing.allows("pages.comment"))


async def _branch_right(uow: "UnitOfWork", caller: Caller, suggestion_id: UUID) -> DocumentRight:
    found = await suggestion_standing(uow, caller, suggestion_id)
    if found is None or not found[2].allows("pages.read"):
        return "none"
    suggestion, page, standing = found
    if suggestion.status == "open" and page.trashed_at is None and may_withdraw(suggestion, standing):
        return "write"
    return "read"


async def _comments_right(uow: "UnitOfWork", caller: Caller, page_id: UUID) -> DocumentRight:
    """Return what a caller may do with the comments on a page.

    A link to read a page does not show what people say about it among themselves.
    """
    found = await page_standing(uow, caller, page_id)
    if found is None:
        return "none"
    page, standing = found
    can_comment = standing.allows("pages.comment")
    if caller.link_page_id is not None and not can_comment:
        return "none"
    if can_comment and page.trashed_at is None:
        return "manage" if standing.allows("pages.share") else "write"
    return "read" if standing.allows("pages.read") else "none"


async def readable_documents(
    uow: "UnitOfWork", caller: Caller, workspace_id: UUID, names: Collection[str]
) -> frozenset[str]:
    """Return which of a workspace's documents a caller may read, in a few queries for all of them."""
    parsed = [found for name in names if (found := parse_document_name(name))]
    found = await workspace_standing(uow, caller, workspace_id)
    if found is None or caller.user_id is None:
        return frozenset()
    standing = found[1]
    readable: set[str] = set()
    pages = [id_ for kind, id_ in parsed if kind == "page"]
    if pages and standing.allows("pages.read"):
        rows = await uow.pages.visible(workspace_id, pages, reader=standing.page_reader)
        if caller.grant is not None and caller.grant.pages is not None:
            rows = [id_ for id_ in rows if await page_standing(uow, caller, id_)]
        readable.update(f"page:{id_}" for id_ in rows)
    channels = [id_ for kind, id_ in parsed if kind == "channel"]
    if channels:
        rows = await uow.channels.visible(workspace_id, caller.user_id, channels)
        readable.update(f"channel:{id_}" for id_ in rows if _is_granted_channel(caller, id_))
    return frozenset(readable)


async def memory_audience(uow: "UnitOfWork", caller: Caller, shelf: Shelf) -> Audience:
    """Return what of the agents' memories on a shelf is for a caller who may see the agents.

    What was learned in a page or channel is for those who may read that; what was learned otherwise for
    whom it was learned, and what is nobody's for everybody.
    """
    places = await uow.memories.places(shelf)
    readable = await readable_documents(uow, caller, shelf.workspace_id, places) if places else ()
    return Audience(caller.user_id, readable)
