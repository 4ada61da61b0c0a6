"""The tables as typed classes, a file a noun: columns and constraints, no behaviour and no queries."""

from storage.models.access_changes import AccessChange
from storage.models.account_tokens import AccountToken
from storage.models.agent_secrets import AgentSecret
from storage.models.agent_versions import AgentVersion
from storage.models.agents import (
    AgentConfiguration,
    AgentDefinition,
    AgentRunLog,
    ConfigurationStatus,
    DefinitionStatus,
    LastRunStatus,
    RunStatus,
    RunTrigger,
)
from storage.models.api_keys import ApiKey
from storage.models.audit import AuditEntry
from storage.models.brands import Brand
from storage.models.channels import Channel, ChannelMember, ChannelType
from storage.models.client_ids import ClientId
from storage.models.commands import ChatCommand, CommandStatus
from storage.models.comments import Comment, CommentThread
from storage.models.consumers import EventConsumer, EventCursor
from storage.models.creators import Creator
from storage.models.declarative import Model, Sealed, UtcDateTime, some_of, table_of
from storage.models.documents import Document, Snapshot, Update, Version
from storage.models.embeds import LinkPreview, WaitingEmbed
from storage.models.events import Event
from storage.models.files import File
from storage.models.grants import GrantLevel, LinkLevel, PageGrant, ShareLink
from storage.models.idempotency import IdempotencyKey
from storage.models.invitations import Invitation
from storage.models.jobs import Job, JobSignal, JobState, JobStep
from storage.models.leases import Lease
from storage.models.llm import (
    BudgetScope,
    LlmApi,
    LlmBudget,
    LlmCall,
    LlmMonth,
    LlmOutcome,
    LlmProvider,
    LlmReservation,
)
from storage.models.mails import WaitingMail
from storage.models.memories import AgentMemory, MemoryKind, MemoryVector
from storage.models.notifications import (
    ChannelLevel,
    ChannelPreference,
    Inbox,
    MailMode,
    Notification,
    NotificationKind,
    NotificationMute,
    NotificationPreference,
)
from storage.models.page_imports import ImportStatus, PageImport, PageImportLine
from storage.models.pages import Page
from storage.models.playbook_runs import PlaybookRun, PlaybookStep, StepStatus
from storage.models.playbooks import Playbook
from storage.models.projections import (
    CanvasBlock,
    ChatMessage,
    DocumentProjection,
    MessageMention,
    PageLink,
    ReadMark,
)
from storage.models.prompts import Prompt, PromptLibrary, PromptTag
from storage.models.run_deeds import RunDeed
from storage.models.search import SearchEntry, SearchVector
from storage.models.sessions import Session
from storage.models.snippets import WaitingSnippet
from storage.models.suggestions import Suggestion, SuggestionStatus
from storage.models.triggers import (
    AgentTrigger,
    FireOutcome,
    QuietPage,
    TriggerFire,
    TriggerSource,
    TriggerState,
    TriggerType,
)
from storage.models.uploads import Upload, UploadPart
from storage.models.users import User
from storage.models.webhooks import Outcome, Webhook, WebhookDelivery, WebhookState
from storage.models.workspaces import Membership, Role, Workspace

__all__ = [
    "AccessChange",
    "AccountToken",
    "AgentConfiguration",
    "AgentDefinition",
    "AgentMemory",
    "AgentRunLog",
    "AgentSecret",
    "AgentTrigger",
    "AgentVersion",
    "ApiKey",
    "AuditEntry",
    "Brand",
    "BudgetScope",
    "CanvasBlock",
    "Channel",
    "ChannelLevel",
    "ChannelMember",
    "ChannelPreference",
    "ChannelType",
    "ChatCommand",
    "ChatMessage",
    "ClientId",
    "CommandStatus",
    "Comment",
    "CommentThread",
    "ConfigurationStatus",
    "Creator",
    "DefinitionStatus",
    "Document",
    "DocumentProjection",
    "Event",
    "EventConsumer",
    "EventCursor",
    "File",
    "FireOutcome",
    "GrantLevel",
    "IdempotencyKey",
    "ImportStatus",
    "Inbox",
    "Invitation",
    "Job",
    "JobSignal",
    "JobState",
    "JobStep",
    "LastRunStatus",
    "Lease",
    "LinkLevel",
    "LinkPreview",
    "LlmApi",
    "LlmBudget",
    "LlmCall",
    "LlmMonth",
    "LlmOutcome",
    "LlmProvider",
    "LlmReservation",
    "MailMode",
    "Membership",
    "MemoryKind",
    "MemoryVector",
    "MessageMention",
    "Model",
    "Notification",
    "NotificationKind",
    "NotificationMute",
    "NotificationPreference",
    "Outcome",
    "Page",
    "PageGrant",
    "PageImport",
    "PageImportLine",
    "PageLink",
    "Playbook",
    "PlaybookRun",
    "PlaybookStep",
    "Prompt",
    "PromptLibrary",
    "PromptTag",
    "QuietPage",
    "ReadMark",
    "Role",
    "RunDeed",
    "RunStatus",
    "RunTrigger",
    "Sealed",
    "SearchEntry",
    "SearchVector",
    "Session",
    "ShareLink",
    "Snapshot",
    "StepStatus",
    "Suggestion",
    "SuggestionStatus",
    "TriggerFire",
    "TriggerSource",
    "TriggerState",
    "TriggerType",
    "Update",
    "Upload",
    "UploadPart",
    "User",
    "UtcDateTime",
    "Version",
    "WaitingEmbed",
    "WaitingMail",
    "WaitingSnippet",
    "Webhook",
    "WebhookDelivery",
    "WebhookState",
    "Workspace",
    "some_of",
    "table_of",
]
