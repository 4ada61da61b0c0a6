"""Starts what a process does by itself, by its roles: jobs of agents, deliveries, projections, cleaning."""

from typing import TYPE_CHECKING

from agents.conversation import Means
from agents.engine import Engine
from agents.playbooks.doing import PlaybookHandler
from agents.runtime import Runtime
from server.background.archiving import Archiving
from server.background.branches import Branches
from server.background.commands import Commands
from server.background.consumers import Following
from server.background.embeds import EmbedResolving
from server.background.expired_uploads import ExpiredUploads
from server.background.file_texts import FileReading
from server.background.forgetting import Forgetting
from server.background.inboxes import Inboxes
from server.background.notification_mails import NotificationMails
from server.background.notifications import ForgettingNotifications, Notifications
from server.background.old_runs import OldRuns
from server.background.orphans import Orphans
from server.background.projections import DEDICATED, SHARED, Projections
from server.background.retention import Retention
from server.background.search import SearchConsumer
from server.background.search_vectors import SearchVectorMaking
from server.background.trigger_times import TriggerTimes
from server.background.triggers import TriggerConsumer
from server.background.webhooks import Webhooks
from server.documents.writing import Writer
from server.pages.ending import PageTrash
from server.playbook_messages import PlaybookMessages
from server.projections.projector import Projector
from server.run_blocks import RunBlocks
from server.run_messages import RunMessages

if TYPE_CHECKING:  # which calls this
    from server.bootstrap import Services


def start_background(services: "Services", writer: Writer, projector: Projector) -> None:
    """Start it all in the hub, which ends it."""
    inboxes = Inboxes(services.database, services.hub)
    if "realtime" in services.settings.roles:
        services.hub.start(inboxes.run)
        branches = Branches(services.database, services.update_log, services.hub, services.suggestions)
        services.hub.start(branches.run)
    if "worker" in services.settings.roles:
        _start_agents(services, writer)
        _start_messages(services, writer, inboxes)
        _start_projections(services, writer, projector)
        _start_cleaning(services)


def _start_agents(services: "Services", writer: Writer) -> None:
    settings, database, feed, hub = services.settings, services.database, services.feed, services.hub
    run_messages = RunMessages(database, feed, writer, services.clock)
    hub.start(run_messages.follow)
    hub.start(RunBlocks(database, feed, writer).follow)
    hub.start(PlaybookMessages(database, feed, writer, services.clock).follow)
    engine = Engine(
        database,
        feed,
        [
            Runtime(
                Means(
                    database=database,
                    llm=services.llm,
                    toolbox=services.toolbox,
                    herald=run_messages,
                    collaborators=services.collaborators,
                    counts=services.job_counts,
                )
            ),
            PlaybookHandler(database, services.llm, services.toolbox),
        ],
        watching=services.watching,
        counts=services.job_counts,
        max_jobs=settings.runs_per_process,
        workspace_limit=settings.runs_per_workspace,
    )
    hub.start(engine.run)
    hub.start(Following(database, feed, TriggerConsumer(database)).run)
    hub.start(TriggerTimes(database, feed).run)


def _start_messages(services: "Services", writer: Writer, inboxes: Inboxes) -> None:
    database, feed, hub = services.database, services.feed, services.hub
    hub.start(Webhooks(database, feed, services.courier).run)
    hub.start(services.mailing.run)
    mails = NotificationMails(database, services.mailing, services.unsubscribing)
    hub.start(mails.run)
    hub.start(Following(database, feed, Notifications(mails.wake, inboxes.wake)).run)
    commands = Commands(database, feed, writer, services.clock)
    hub.start(commands.follow)
    hub.start(commands.answer)
    archiving = Archiving(
        database,
        hub,
        services.message_archive,
        services.clock,
        live_messages=services.settings.channel_live_messages,
        live_days=services.settings.channel_live_days,
    )
    hub.start(archiving.run)


def _start_projections(services: "Services", writer: Writer, projector: Projector) -> None:
    database, hub = services.database, services.hub
    hub.start(Following(database, services.feed, SearchConsumer()).run)
    hub.start(SearchVectorMaking(database, services.feed, services.llm.embedder).run)
    hub.start(FileReading(database, services.feed, services.text_reading).run)
    share = SHARED if "realtime" in services.settings.roles else DEDICATED
    hub.start(Projections(database, services.update_log, projector, share=share).run)
    if services.settings.link_previews:
        hub.start(EmbedResolving(database, writer, services.previews).run)
    hub.start(services.page_importer.run)


def _start_cleaning(services: "Services") -> None:
    settings, database, hub = services.settings, services.database, services.hub
    hub.start(ForgettingNotifications(database).run)
    hub.start(Forgetting(database).run)
    hub.start(Orphans(database, services.files.store).run)
    hub.start(ExpiredUploads(database, services.uploads).run)
    if settings.run_days:
        hub.start(OldRuns(database, run_days=settings.run_days).run)
    if settings.trash_days:
        hub.start(PageTrash(database, services.files, trash_days=settings.trash_days).run)
    if settings.history_days:
        history_days = settings.history_days
        log, offload = services.update_log, services.offload
        hub.start(Retention(database, log, offload, history_days=history_days).run)
