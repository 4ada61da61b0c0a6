"""The one gate: what a role may do, and what somebody may do with one thing.

REST, sockets and agents all ask here. The table is data; who is in a workspace is the database's. Nothing
here knows how a refusal is told: None means that the thing may not be seen, and is to look absent.
"""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Literal
from uuid import UUID

import msgspec

from storage.actions import (
    IN_CHANNEL,
    LEVEL_FOR,
    LEVELS,
    OF_MAKER,
    WRITING_CHANNELS,
    Action,
    actions_of,
    can,
)
from storage.callers import Caller, parse_document_name
from storage.models import (
    AgentRunLog,
    Channel,
    GrantLevel,
    Page,
    Prompt,
    PromptLibrary,
    Role,
    Suggestion,
    Workspace,
)
from storage.repositories.memories import Audience, Shelf

if TYPE_CHECKING:  # the unit of work imports the repositories, not this gate
    from storage.repositories.owned import M, Owned
    from storage.unit_of_work import UnitOfWork


DocumentRight = Literal["none", "read", "comment", "write", "manage"]
"""`manage` is to write a channel or the comments on a page, and to delete what others have said there."""


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


_ACTIONS_AT: dict[GrantLevel, frozenset[Action]] = {
    level: frozenset(
        action for action, least in LEVEL_FOR.items() if LEVELS.index(level) >= LEVELS.index(least)
    )
    for level in LEVELS
}


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
    level = _role_level(role, page.access_root_id)
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


def may_write_by_role(role: Role, access_root_id: UUID | None) -> bool:
    """Tell whether a member may write a page, whatever was granted on it; `access_root_id` is the page's."""
    level = _role_level(role, access_root_id)
    return level is not None and "pages.write" in _ACTIONS_AT[level]


def _role_level(role: Role | None, access_root_id: UUID | None) -> GrantLevel | None:
    """Return what a role gives on a page: owners answer for all pages, others where access is open."""
    if role is None or (access_root_id is not None and role != "owner"):
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
    """Return a channel and what the caller may do in it, or None.

    Who is in a private one may write; nobody writes in an archived one.
    """
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
    actions = actions_of(role) | more
    if channel.archived_at is not None:
        actions -= WRITING_CHANNELS
    return channel, Standing(caller, role, caller.within_scopes(actions))


def _higher(one: GrantLevel | None, other: GrantLevel | None) -> GrantLevel | None:
    if one is None or other is None:
        return one or other
    return one if LEVELS.index(one) >= LEVELS.index(other) else other


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
