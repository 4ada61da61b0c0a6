"""Wires everything: the only place that knows which implementation stands behind which port.

`open_services` builds what a process needs and closes it in the opposite order. Tests call it with a
database, a clock and settings of their own.
"""

import hmac
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from agents.collaborator import Collaborators
from agents.errors import InvalidConfigError
from agents.llm.built_in import BuiltInModel
from agents.llm.client import LlmClient
from agents.llm.messages import Timeouts
from agents.llm.models import Catalogue, read_catalogue
from agents.llm.providers import Providers
from agents.ports import Kit
from agents.statistics import JobCounts
from agents.tools.everything import open_toolbox
from agents.tools.remote import McpTools
from agents.tools.toolbox import Toolbox
from agents.watching import Watching
from blocks.channel_guard import ChannelGuard
from blocks.comment_guard import CommentGuard
from crdt.bus import MemoryBus
from crdt.hub import Hub, HubConfig
from crdt.limits import Rate
from crdt.ports import Bus
from crdt.session import SessionLimits
from integrations.embeds.client import Embeds
from integrations.mail.outbox import OutboxMailer
from integrations.mail.ports import Mailer
from integrations.reach import Reach
from integrations.transport import Transport
from server.account_safety import AccountSafety
from server.agent_tools.documents import LiveDocuments, PageProposals
from server.agent_tools.files import FileContents, OutgoingMails
from server.agent_tools.guests import Guests
from server.agent_tools.mcp_server import McpServer
from server.agent_tools.secrets import StoredSecrets
from server.auth import DatabaseAccess
from server.background.access_watch import AccessWatch
from server.background.starting import start_background
from server.browser_sessions import BrowserSessions
from server.chat import Chat
from server.collaboration import PageSuggester
from server.comments import Comments
from server.data_folder import OUTBOX, Secrets
from server.demo_door import DemoDoor
from server.documents.block_index import BlockIndex
from server.documents.copies import Copies
from server.documents.requests import PageDocuments
from server.documents.writing import Writer
from server.embeds import Previews
from server.errors import SettingsError
from server.file_texts import TextReading
from server.files import Files
from server.folding import Folding
from server.guards import guard_of
from server.history import History
from server.images import Images
from server.invitations import Invitations
from server.login_limits import LoginLimits
from server.mailing import Mailing
from server.message_archive import MessageArchive
from server.metrics import Metrics
from server.notifications.unsubscribing import Unsubscribing
from server.offload import Offload
from server.page_imports.running import PageImporter
from server.passwords import Passwords
from server.projections.catching_up import CatchingUp
from server.projections.projector import Projector
from server.rate_limits import RateLimits, RequestLimits
from server.run_undo import RunUndo
from server.settings import Settings
from server.sign_in import Accounts
from server.sse import Streams
from server.suggestions import Suggestions
from server.tokens import Tokens
from server.uploads import Uploads
from server.vault_keys import VaultKeyFile
from server.webhooks import Courier
from storage.client_ids import ClientIdTable
from storage.engine import Database
from storage.event_feed import EventFeed
from storage.files import FileStore, S3Access
from storage.update_log import UpdateLog
from storage.vault import Vault

if TYPE_CHECKING:  # loaded only where traces are wanted
    from server.tracing import Tracing

Clock = Callable[[], datetime]

LOG_CLOSE_SECONDS = 0.5
"""What is not committed when the hub has closed had all of `shutdown_seconds` for it (R6)."""


def utc_now() -> datetime:
    """Return the time in UTC."""
    return datetime.now(UTC)


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """What the edges work with."""

    settings: Settings
    clock: Clock
    database: Database
    update_log: UpdateLog
    accounts: Accounts
    account_safety: AccountSafety
    browser_sessions: BrowserSessions
    demo_door: DemoDoor
    access: DatabaseAccess
    tokens: Tokens
    hub: Hub
    offload: Offload
    history: History
    documents: PageDocuments
    suggestions: Suggestions
    collaborators: Collaborators
    run_undo: RunUndo
    catching_up: CatchingUp
    chat: Chat
    comments: Comments
    message_archive: MessageArchive
    request_limits: RequestLimits
    feed: EventFeed
    streams: Streams
    login_limits: LoginLimits
    vault: Vault
    transport: Transport
    previews: Previews
    courier: Courier
    llm: LlmClient
    toolbox: Toolbox
    mcp_server: McpServer
    watching: Watching
    job_counts: JobCounts
    files: Files
    text_reading: TextReading
    uploads: Uploads
    page_importer: PageImporter
    mailing: Mailing
    invitations: Invitations
    unsubscribing: Unsubscribing
    metrics: Metrics
    tracing: "Tracing | None"


@asynccontextmanager
async def open_services(
    settings: Settings,
    secrets: Secrets,
    database: Database,
    *,
    clock: Clock = utc_now,
    is_seeding: bool = False,
) -> AsyncGenerator[Services]:
    """Build the services of one process over a database that is open and has this version's tables."""
    tokens = Tokens(secrets.access_token_key, lifetime=timedelta(minutes=settings.access_token_minutes))
    access = DatabaseAccess(database, tokens, clock)
    async with AsyncExitStack() as stack:
        passwords = stack.enter_context(open_passwords(settings))
        tracing = await stack.enter_async_context(_open_tracing(settings))
        update_log = await stack.enter_async_context(
            UpdateLog.of(
                database,
                close_seconds=LOG_CLOSE_SECONDS,
                observe_commit=tracing.observe_commit if tracing else None,
            )
        )
        client_ids = await stack.enter_async_context(ClientIdTable(database))
        vault = _open_vault(settings)
        mailing = Mailing(database, vault, create_mailer(settings, clock))
        limits = RateLimits()
        offload = Offload()
        fold = Folding(update_log, offload).fold
        guard = ChannelGuard(clock)
        hub = await stack.enter_async_context(
            Hub(
                update_log,
                access,
                fold,
                _hub_config(settings),
                bus=_open_bus(settings),
                client_ids=client_ids,
                guard_of=guard_of(guard, CommentGuard(clock)),
            )
        )
        history = History(update_log, hub, offload)
        feed = EventFeed(database)
        hub.start(feed.run)
        hub.start(AccessWatch(database, hub, feed).run)
        transport = await stack.enter_async_context(
            Transport(
                allow_private=settings.allow_private_addresses,
                observe=tracing.observe_exchange if tracing else None,
            )
        )
        files = Files(
            open_file_store(settings),
            Images(),
            hmac.digest(secrets.access_token_key, b"ionflux file links", "sha256"),
            max_bytes=settings.max_file_bytes,
            quota_bytes=settings.file_quota_bytes,
        )
        text_reading = TextReading(files)
        uploads = Uploads(database, files, lifetime=timedelta(hours=settings.upload_hours))
        page_importer = PageImporter(database, files, offload, max_document_bytes=settings.max_document_bytes)
        unsubscribing = Unsubscribing(secrets.access_token_key, settings.effective_public_url)
        courier = Courier(transport, vault, clock)
        llm = await stack.enter_async_context(_open_llm(settings, database, vault, hub))
        writer = Writer(hub, history, offload)
        previews = Previews(database, Embeds(transport) if settings.link_previews else None)
        copies = Copies(update_log)
        suggestions = Suggestions(database, update_log, hub, copies, history, offload)
        projector = Projector(database, update_log, offload)
        catching_up = CatchingUp(database, projector, clock)
        stack.push_async_callback(catching_up.close)
        archive = MessageArchive(database, guard, projector)
        chat = Chat(database, writer, access, archive, catching_up, clock)
        documents = PageDocuments(copies, writer, history, BlockIndex(database), offload)
        collaborators = Collaborators(hub, PageSuggester(database, suggestions))
        toolbox = open_toolbox(
            Kit(
                database=database,
                documents=LiveDocuments(documents, collaborators, catching_up, offload),
                proposals=PageProposals(database, suggestions),
                contents=FileContents(database, files, text_reading),
                mails=OutgoingMails(mailing),
                transport=transport,
                embedder=llm.embedder,
            ),
            McpTools(
                Reach(allow_private=settings.allow_private_addresses),
                StoredSecrets(database, vault).secret_for,
            ),
        )
        request_limits = RequestLimits(
            limits,
            per_address=settings.requests_per_minute_per_address,
            per_principal=settings.requests_per_minute_per_user,
        )
        mcp_server = McpServer(
            database, access, toolbox, Guests(hub), request_limits, max_body_bytes=settings.max_body_bytes
        )
        hub.start(mcp_server.run)
        watching = Watching()
        job_counts = JobCounts()
        services = Services(
            settings=settings,
            clock=clock,
            database=database,
            update_log=update_log,
            accounts=Accounts(
                database,
                passwords,
                tokens,
                clock,
                refresh_lifetime=timedelta(days=settings.refresh_token_days),
            ),
            account_safety=AccountSafety(database, passwords, mailing, settings.effective_public_url),
            demo_door=DemoDoor(settings, is_seeding=is_seeding),
            browser_sessions=BrowserSessions(
                secrets.access_token_key,
                public_url=settings.effective_public_url,
                origins=settings.cors_origins,
            ),
            access=access,
            tokens=tokens,
            hub=hub,
            tracing=tracing,
            metrics=Metrics(hub.statistics, update_log.statistics, llm.statistics, job_counts.statistics),
            offload=offload,
            history=history,
            documents=documents,
            suggestions=suggestions,
            run_undo=RunUndo(database, update_log, hub, offload, writer, chat, suggestions),
            collaborators=collaborators,
            catching_up=catching_up,
            chat=chat,
            comments=Comments(database, writer, documents, catching_up),
            message_archive=archive,
            request_limits=request_limits,
            feed=feed,
            streams=Streams(settings.max_event_streams_per_user),
            login_limits=LoginLimits(
                limits,
                per_account=settings.login_attempts_per_account,
                per_address=settings.login_attempts_per_address,
                window_minutes=settings.login_window_minutes,
            ),
            vault=vault,
            transport=transport,
            previews=previews,
            courier=courier,
            llm=llm,
            toolbox=toolbox,
            mcp_server=mcp_server,
            watching=watching,
            job_counts=job_counts,
            files=files,
            text_reading=text_reading,
            uploads=uploads,
            page_importer=page_importer,
            mailing=mailing,
            unsubscribing=unsubscribing,
            invitations=Invitations(mailing, settings.effective_public_url),
        )
        start_background(services, writer, projector)
        yield services


@asynccontextmanager
async def _open_tracing(settings: Settings) -> AsyncGenerator["Tracing | None"]:
    """Trace if that is wanted; else nothing of it is loaded. Raises SettingsError where it is missing."""
    if not settings.traces:
        yield None
        return
    try:
        from server.tracing import open_tracing
    except ImportError as error:
        raise SettingsError(
            "IONFLUX_TRACES needs what `pip install ionflux[otel]` brings: see Traces in docs/operations.md"
        ) from error
    async with open_tracing() as tracing:
        yield tracing


@asynccontextmanager
async def _open_llm(
    settings: Settings, database: Database, vault: Vault, hub: Hub
) -> AsyncGenerator[LlmClient]:
    """Open the way to language models. Raises SettingsError for a catalogue that cannot be used."""
    built_in = BuiltInModel(
        is_wanted=settings.llm_built_in,
        idle_seconds=settings.llm_built_in_idle_seconds,
        memory_bytes=settings.llm_built_in_memory_bytes,
    )
    hub.start(built_in.run)
    reach = Reach(allow_private=settings.allow_private_addresses, only=settings.llm_hosts)
    timeouts = Timeouts(
        first_token_seconds=settings.llm_first_token_seconds,
        silence_seconds=settings.llm_first_token_seconds,
        total_seconds=settings.llm_total_seconds,
    )
    async with Providers(vault, _read_llm_catalogue(settings), reach, built_in) as providers:
        try:
            yield LlmClient(database, providers, timeouts=timeouts)
        finally:
            await built_in.stop()


def _read_llm_catalogue(settings: Settings) -> Catalogue:
    if not settings.llm_catalogue:
        return read_catalogue()
    try:
        return read_catalogue(Path(settings.llm_catalogue))
    except (OSError, InvalidConfigError, UnicodeDecodeError) as error:
        raise SettingsError(f"IONFLUX_LLM_CATALOGUE cannot be used: {error}") from error


def _s3_access(settings: Settings) -> S3Access:
    return S3Access(
        endpoint=settings.files_s3_endpoint,
        region=settings.files_s3_region,
        access_key_id=settings.files_s3_access_key_id,
        secret_access_key=settings.files_s3_secret_access_key,
    )


def _open_vault(settings: Settings) -> Vault:
    keys = VaultKeyFile(settings.data_dir)
    keys.make_first()
    return Vault(keys)


def _open_bus(settings: Settings) -> Bus:
    match settings.bus:
        case "memory":
            return MemoryBus()


def _hub_config(settings: Settings) -> HubConfig:
    return HubConfig(
        limits=SessionLimits(
            max_frame_bytes=settings.max_frame_bytes,
            max_documents=settings.max_documents_per_socket,
            frame_rate=_rate(settings.max_frames_per_second),
            byte_rate=_rate(settings.max_bytes_per_second),
        ),
        auth_timeout_seconds=settings.auth_timeout_seconds,
        keepalive_seconds=settings.keepalive_seconds,
        room_idle_seconds=settings.room_idle_seconds,
        snapshot_every_updates=settings.snapshot_every_updates,
        coalesce_max_seconds=settings.coalesce_max_ms / 1000,
        shutdown_seconds=settings.shutdown_seconds,
        max_sockets_per_principal=settings.max_sockets_per_user,
        max_document_bytes=settings.max_document_bytes,
        max_presence_bytes=settings.max_awareness_bytes,
        max_unsaved_bytes=settings.max_unsaved_bytes,
    )


def _rate(per_second: int) -> Rate:
    # Who has been offline sends what has gathered at once.
    return Rate(per_second=per_second, burst=4 * per_second)


def create_mailer(settings: Settings, clock: Clock) -> Mailer:
    """Return what sends mail: the server of the settings, or files where there is none."""
    if not settings.smtp_host:
        return OutboxMailer(settings.data_dir / OUTBOX, settings.mail_from, clock)
    from integrations.mail.client import SmtpConfig, SmtpMailer

    config = SmtpConfig(
        host=settings.smtp_host,
        port=settings.smtp_port,
        security=settings.smtp_security,
        user=settings.smtp_user,
        password=settings.smtp_password,
        sender=settings.mail_from,
    )
    return SmtpMailer(config, clock)


def open_database(settings: Settings, clock: Clock = utc_now) -> Database:
    """Return the database of the settings, to be opened with `async with`; that raises storage's errors."""
    return Database(settings.effective_database_url, durability=settings.durability, clock=clock)


def open_file_store(settings: Settings) -> FileStore:
    """Return the place where the contents of files are; raises InvalidFilesUrlError."""
    return FileStore.open(settings.effective_files_url, _s3_access(settings))


@contextmanager
def open_passwords(settings: Settings) -> Generator[Passwords]:
    """Start the threads that hash passwords, and stop them at the end."""
    passwords = Passwords(
        concurrency=settings.password_hash_concurrency,
        memory_kib=settings.password_hash_memory_kib,
        passes=settings.password_hash_passes,
    )
    try:
        yield passwords
    finally:
        passwords.close()
