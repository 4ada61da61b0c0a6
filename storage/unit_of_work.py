"""One unit of work: one session, one moment, one commit. Opened by `storage.engine.Database`.

Holds the repositories, a file a noun. Commits nothing itself: the end of `Database.transaction()` does.
"""

from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from typing import TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from storage.events import Events
from storage.models import (
    AgentConfiguration,
    AgentTrigger,
    Brand,
    Creator,
    File,
    LlmBudget,
    LlmProvider,
    Playbook,
    PlaybookRun,
    PromptLibrary,
    Upload,
    Webhook,
)
from storage.repositories.access_changes import AccessChanges
from storage.repositories.account_tokens import AccountTokens
from storage.repositories.agent_secrets import AgentSecrets
from storage.repositories.agent_versions import AgentVersions
from storage.repositories.agents import AgentDefinitions, AgentRuns, Agents
from storage.repositories.api_keys import ApiKeys
from storage.repositories.audit import Audit
from storage.repositories.backlinks import Backlinks
from storage.repositories.channels import Channels
from storage.repositories.client_ids import ClientIds
from storage.repositories.commands import Commands
from storage.repositories.comments import Comments
from storage.repositories.consumers import Consumers
from storage.repositories.deliveries import Deliveries
from storage.repositories.documents import Documents
from storage.repositories.embeds import Embeds
from storage.repositories.file_space import FileSpace
from storage.repositories.file_texts import FileTexts
from storage.repositories.grants import Grants, ShareLinks
from storage.repositories.idempotency import IdempotencyKeys
from storage.repositories.invitations import Invitations
from storage.repositories.jobs import Jobs
from storage.repositories.leases import Leases
from storage.repositories.llm import LlmLedger
from storage.repositories.mails import Mails
from storage.repositories.memories import Memories
from storage.repositories.messages import Messages
from storage.repositories.notification_preferences import NotificationPreferences
from storage.repositories.notifications import Notifications
from storage.repositories.owned import Owned
from storage.repositories.page_ends import PageEnds
from storage.repositories.page_imports import PageImports
from storage.repositories.pages import Pages
from storage.repositories.playbook_runs import PlaybookRuns
from storage.repositories.projected_blocks import ProjectedBlocks
from storage.repositories.projected_messages import ProjectedMessages
from storage.repositories.projections import Projections
from storage.repositories.prompts import Prompts
from storage.repositories.run_deeds import RunDeeds
from storage.repositories.sessions import Sessions
from storage.repositories.snippets import Snippets
from storage.repositories.suggestions import Suggestions
from storage.repositories.triggers import Triggers
from storage.repositories.unread import Unread
from storage.repositories.uploads import Uploads
from storage.repositories.users import Users
from storage.repositories.versions import Versions
from storage.repositories.workspaces import Workspaces
from storage.search.index import Search
from storage.search.vectors import SearchVectors

R = TypeVar("R")


def _lazy(make: Callable[["UnitOfWork"], R]) -> cached_property[R]:
    """Return a repository of a unit, made when it is first asked for: a unit uses few of them."""
    return cached_property(make)


class UnitOfWork:
    """Everything that can be read and written together.

    `now` is the one time of all that is written here, `new_id()` gives the next UUIDv7.
    """

    def __init__(self, session: AsyncSession, now: datetime, new_id: Callable[[], UUID]) -> None:
        self.session = session
        self.now = now
        self.new_id = new_id
        self.after_commit: list[Callable[[], None]] = []
        """Called once all of this is committed, and not if it is not: for hints within the process."""

    access_changes = _lazy(lambda uow: AccessChanges(uow.session, uow.now, uow.new_id))
    account_tokens = _lazy(lambda uow: AccountTokens(uow.session, uow.now))
    audit = _lazy(lambda uow: Audit(uow.session, uow.now, uow.new_id))
    users = _lazy(lambda uow: Users(uow.session, uow.now, uow.new_id))
    sessions = _lazy(lambda uow: Sessions(uow.session, uow.now, uow.access_changes))
    api_keys = _lazy(lambda uow: ApiKeys(uow.session, uow.now, uow.access_changes))
    workspaces = _lazy(lambda uow: Workspaces(uow.session, uow.now, uow.new_id, uow.access_changes))
    pages = _lazy(lambda uow: Pages(uow.session, uow.now, uow.new_id, uow.access_changes))
    page_ends = _lazy(lambda uow: PageEnds(uow.session, uow.access_changes))
    page_imports = _lazy(lambda uow: PageImports(uow.session, uow.now))
    invitations = _lazy(lambda uow: Invitations(uow.session, uow.now))
    grants = _lazy(lambda uow: Grants(uow.session, uow.now, uow.access_changes))
    share_links = _lazy(lambda uow: ShareLinks(uow.session, uow.now, uow.access_changes))
    channels = _lazy(lambda uow: Channels(uow.session, uow.now, uow.new_id, uow.access_changes))
    backlinks = _lazy(lambda uow: Backlinks(uow.session))
    brands = _lazy(lambda uow: Owned(Brand, uow.session, uow.now))
    client_ids = _lazy(lambda uow: ClientIds(uow.session, uow.now))
    commands = _lazy(lambda uow: Commands(uow.session, uow.now))
    comments = _lazy(lambda uow: Comments(uow.session))
    creators = _lazy(lambda uow: Owned(Creator, uow.session, uow.now))
    documents = _lazy(lambda uow: Documents(uow.session, uow.now, uow.new_id))
    embeds = _lazy(lambda uow: Embeds(uow.session, uow.now))
    snippets = _lazy(lambda uow: Snippets(uow.session, uow.new_id))
    suggestions = _lazy(lambda uow: Suggestions(uow.session, uow.now, uow.documents, uow.access_changes))
    prompt_libraries = _lazy(lambda uow: Owned(PromptLibrary, uow.session, uow.now))
    agent_definitions = _lazy(lambda uow: AgentDefinitions(uow.session, uow.now))
    agent_configurations = _lazy(
        lambda uow: Owned(
            AgentConfiguration,
            uow.session,
            uow.now,
            lambda agent: uow.access_changes.note(f"agent:{agent.id}"),
        )
    )
    agent_versions = _lazy(lambda uow: AgentVersions(uow.session, uow.now))
    agent_secrets = _lazy(lambda uow: AgentSecrets(uow.session))
    agents = _lazy(lambda uow: Agents(uow.session))
    agent_triggers = _lazy(lambda uow: Owned(AgentTrigger, uow.session, uow.now))
    triggers = _lazy(lambda uow: Triggers(uow.session, uow.now))
    playbooks = _lazy(lambda uow: Owned(Playbook, uow.session, uow.now))
    playbook_runs = _lazy(lambda uow: Owned(PlaybookRun, uow.session, uow.now))
    playbook_progress = _lazy(lambda uow: PlaybookRuns(uow.session))
    agent_runs = _lazy(lambda uow: AgentRuns(uow.session, uow.now))
    llm_providers = _lazy(lambda uow: Owned(LlmProvider, uow.session, uow.now))
    llm_budgets = _lazy(lambda uow: Owned(LlmBudget, uow.session, uow.now))
    llm_ledger = _lazy(lambda uow: LlmLedger(uow.session, uow.now, uow.new_id))
    projections = _lazy(lambda uow: Projections(uow.session, uow.now))
    projected_blocks = _lazy(lambda uow: ProjectedBlocks(uow.session))
    projected_messages = _lazy(lambda uow: ProjectedMessages(uow.session, uow.now))
    search = _lazy(lambda uow: Search(uow.session))
    search_vectors = _lazy(lambda uow: SearchVectors(uow.session, uow.search))
    prompts = _lazy(lambda uow: Prompts(uow.session, uow.now))
    run_deeds = _lazy(lambda uow: RunDeeds(uow.session))
    versions = _lazy(lambda uow: Versions(uow.session, uow.now, uow.new_id))
    idempotency = _lazy(lambda uow: IdempotencyKeys(uow.session, uow.now))
    events = _lazy(lambda uow: Events(uow.session, uow.now, uow.new_id, uow.audit))
    consumers = _lazy(lambda uow: Consumers(uow.session, uow.now))
    jobs = _lazy(lambda uow: Jobs(uow.session, uow.now))
    leases = _lazy(lambda uow: Leases(uow.session, uow.now))
    memories = _lazy(lambda uow: Memories(uow.session, uow.now))
    messages = _lazy(lambda uow: Messages(uow.session, uow.now))
    webhooks = _lazy(lambda uow: Owned(Webhook, uow.session, uow.now))
    deliveries = _lazy(lambda uow: Deliveries(uow.session, uow.now))
    files = _lazy(lambda uow: Owned(File, uow.session, uow.now))
    file_space = _lazy(lambda uow: FileSpace(uow.session))
    file_texts = _lazy(lambda uow: FileTexts(uow.session))
    mails = _lazy(lambda uow: Mails(uow.session, uow.now))
    uploads = _lazy(lambda uow: Owned(Upload, uow.session, uow.now))
    upload_progress = _lazy(lambda uow: Uploads(uow.session, uow.now))
    unread = _lazy(lambda uow: Unread(uow.session))
    notifications = _lazy(lambda uow: Notifications(uow.session, uow.now, uow.new_id))
    notification_preferences = _lazy(lambda uow: NotificationPreferences(uow.session, uow.now, uow.new_id))
