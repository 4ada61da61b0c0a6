"""On whose behalf something is asked: people, keys, visitors, and runs as far as agents were granted."""

from typing import TYPE_CHECKING
from uuid import UUID

import msgspec

from storage.actions import NEVER_AGENTS, PERSONAL, Action, is_in_scopes
from storage.models import (
    AgentConfiguration,
    AgentRunLog,
    ApiKey,
    GrantLevel,
    ShareLink,
)

if TYPE_CHECKING:  # the unit of work imports the repositories, not this gate
    from storage.unit_of_work import UnitOfWork


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


def parse_document_name(name: str) -> tuple[str, UUID] | None:
    """Split `kind:uuid`; None for what is not in the one form a document's name has."""
    kind, _, text = name.partition(":")
    try:
        subject = UUID(text)
    except ValueError:
        return None
    # The same document under two spellings would be two rooms.
    return (kind, subject) if str(subject) == text else None
