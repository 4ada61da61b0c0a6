"""One unit of work: one session, one moment, one commit. Opened by `storage.engine.Database`.

Holds the repositories, a file a noun. Commits nothing itself: the end of `Database.transaction()` does.
"""

from collections.abc import Callable
from datetime import datetime
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
        self.access_changes = AccessChanges(session, now, new_id)
        self.account_tokens = AccountTokens(session, now)
        self.audit = Audit(session, now, new_id)
        self.users = Users(session, now, new_id)
        self.sessions = Sessions(session, now, self.access_changes)
        self.api_keys = ApiKeys(session, now, self.access_changes)
        self.workspaces = Workspaces(session, now, new_id, self.access_changes)
        self.pages = Pages(session, now, new_id, self.access_changes)
        self.page_ends = PageEnds(session, self.access_changes)
        self.page_imports = PageImports(session, now)
        self.invitations = Invitations(session, now)
        self.grants = Grants(session, now, self.access_changes)
        self.share_links = ShareLinks(session, now, self.access_changes)
        self.channels = Channels(session, now, new_id, self.access_changes)
        self.backlinks = Backlinks(session)
        self.brands = Owned(Brand, session, now)
        self.client_ids = ClientIds(session, now)
        self.commands = Commands(session, now)
        self.comments = Comments(session)
        self.creators = Owned(Creator, session, now)
        self.documents = Documents(session, now, new_id)
        self.embeds = Embeds(session, now)
        self.snippets = Snippets(session, new_id)
        self.suggestions = Suggestions(session, now, self.documents, self.access_changes)
        self.prompt_libraries = Owned(PromptLibrary, session, now)
        self.agent_definitions = AgentDefinitions(session, now)
        self.agent_configurations = Owned(
            AgentConfiguration, session, now, lambda agent: self.access_changes.note(f"agent:{agent.id}")
        )
        self.agent_versions = AgentVersions(session, now)
        self.agent_secrets = AgentSecrets(session)
        self.agents = Agents(session)
        self.agent_triggers = Owned(AgentTrigger, session, now)
        self.triggers = Triggers(session, now)
        self.playbooks = Owned(Playbook, session, now)
        self.playbook_runs = Owned(PlaybookRun, session, now)
        self.playbook_progress = PlaybookRuns(session)
        self.agent_runs = AgentRuns(session, now)
        self.llm_providers = Owned(LlmProvider, session, now)
        self.llm_budgets = Owned(LlmBudget, session, now)
        self.llm_ledger = LlmLedger(session, now, new_id)
        self.projections = Projections(session, now)
        self.search = Search(session)
        self.prompts = Prompts(session, now)
        self.run_deeds = RunDeeds(session)
        self.versions = Versions(session, now, new_id)
        self.idempotency = IdempotencyKeys(session, now)
        self.events = Events(session, now, new_id, self.audit)
        self.consumers = Consumers(session, now)
        self.jobs = Jobs(session, now)
        self.leases = Leases(session, now)
        self.memories = Memories(session, now)
        self.messages = Messages(session, now)
        self.webhooks = Owned(Webhook, session, now)
        self.deliveries = Deliveries(session, now)
        self.files = Owned(File, session, now)
        self.file_space = FileSpace(session)
        self.mails = Mails(session, now)
        self.uploads = Owned(Upload, session, now)
        self.upload_progress = Uploads(session, now)
        self.unread = Unread(session)
        self.notifications = Notifications(session, now, new_id)
        self.notification_preferences = NotificationPreferences(session, now, new_id)
