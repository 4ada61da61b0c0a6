"""Fires what comes with time: schedules, and pages that have been left alone; in one process at a time.

Each time is fired in the transaction that moves the schedule on, so a process that takes over, or one that
does not know yet that another has, fires nothing twice. A schedule that was missed fires once, however often
it would have.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from agents.configured_triggers import follow_agent, is_in_step
from agents.firing import Occasion, fire, pause, run_behind
from agents.playbooks.runs import Deed
from agents.playbooks.starting import arm_stored, type_of
from agents.triggers import (
    LEAST_QUIET_SECONDS,
    PageEditConfig,
    ScheduleConfig,
    read_settings,
    scope_of_schedule,
)
from server.background.leadership import LEASE_SECONDS, Leadership
from storage.access import page_standing
from storage.callers import find_caller
from storage.engine import Database
from storage.errors import StorageError
from storage.event_feed import EVERYWHERE_SECONDS, EventFeed
from storage.models import AgentTrigger
from storage.paging import each_row
from storage.unit_of_work import UnitOfWork

logger = logging.getLogger(__name__)

REST_SECONDS = 0.2
"""Between two looks: whoever makes many events does not have the tables looked at for each."""

_CONCERNING = ("agent.", "page.edited")
"""Events after which something may be due at another time."""

RETRY_SECONDS = 5.0
AT_ONCE = 50
FIRES_KEPT = timedelta(days=30)
_PAGE = 200


class TriggerTimes:
    """The one clock of all triggers."""

    def __init__(
        self,
        database: Database,
        feed: EventFeed,
        *,
        lease_seconds: float = LEASE_SECONDS,
        rest_seconds: float = REST_SECONDS,
    ) -> None:
        self._database = database
        self._feed = feed
        self._rest_seconds = rest_seconds
        self._leadership = Leadership(database, "trigger-times", lease_seconds=lease_seconds)

    async def run(self) -> None:
        """Fire whenever no other process does, until the task is cancelled."""
        await self._leadership.lead(self._watch)

    async def _watch(self) -> None:
        await self.catch_up()
        patience = EVERYWHERE_SECONDS
        with self._feed.subscribe(concerning=_CONCERNING) as subscription:
            while not (news := await subscription.next(patience)).is_over:
                try:
                    if news.is_everywhere:
                        await self._forget()
                    patience = await self.fire_due()
                    if news.workspaces:
                        # Who follows the same events may write down later what is due because of them.
                        patience = min(patience, LEAST_QUIET_SECONDS)
                except StorageError as error:
                    logger.warning("triggers cannot be looked at now: %s", error)
                    patience = RETRY_SECONDS
                await asyncio.sleep(self._rest_seconds)

    async def fire_due(self) -> float:
        """Fire all that is due; return how long nothing will be, seconds."""
        while True:
            async with self._database.read() as uow:
                schedules = await uow.triggers.due_schedules(AT_ONCE)
                pages = await uow.triggers.due_pages(AT_ONCE)
                due, now = await uow.triggers.next_due(), uow.now
            if not schedules and not pages:
                return _patience(due, now)
            for trigger_id, workspace_id in schedules:
                await self._fire(trigger_id, workspace_id, _fire_schedule)
            for trigger_id, workspace_id, page_id in pages:
                await self._fire(trigger_id, workspace_id, partial(_fire_if_quiet, page_id=page_id))

    async def _fire(
        self,
        trigger_id: UUID,
        workspace_id: UUID,
        work: Callable[[UnitOfWork, AgentTrigger], Awaitable[None]],
    ) -> None:
        """Do what is due for a trigger; one that meets a fault of the program is not tried for ever."""
        try:
            async with self._database.transaction() as uow:
                trigger = await _take(uow, trigger_id, workspace_id)
                if trigger is not None:
                    await work(uow, trigger)
        except StorageError:
            raise
        except Exception:
            logger.exception("trigger %s is paused: it cannot be fired", trigger_id)
            await self._give_up(trigger_id, workspace_id)

    async def _give_up(self, trigger_id: UUID, workspace_id: UUID) -> None:
        async with self._database.transaction() as uow:
            trigger = await _take(uow, trigger_id, workspace_id)
            if trigger is not None:
                await uow.triggers.forget_pages(trigger_id)
                await pause(uow, trigger, "failing", "It met a fault of the server; its log has it.")

    async def catch_up(self) -> None:
        """Bring in step what has changed without an event: with a new catalogue, with this program."""
        await self._catch_up_playbooks()
        after: UUID | None = None
        while True:
            async with self._database.read() as uow:
                agents = await uow.triggers.agents_to_follow(after=after, limit=_PAGE)
                made = await uow.triggers.of_configurations([agent.id for agent in agents])
            for agent in agents:
                own = [one for one in made if one.agent_configuration_id == agent.id]
                if not is_in_step(agent, own):
                    await self._follow(agent.id, agent.workspace_id)
            if len(agents) < _PAGE:
                return
            after = agents[-1].id

    async def _catch_up_playbooks(self) -> None:
        stored = each_row(
            self._database,
            lambda uow, after, limit: uow.triggers.playbooks_without(after=after, limit=limit),
            lambda playbook: playbook.id,
        )
        async for playbook in stored:
            if type_of(playbook.trigger_event_type) is None:
                continue
            async with self._database.transaction() as uow:
                if await uow.workspaces.keep(playbook.workspace_id):
                    found = await uow.playbooks.get(playbook.id)
                    if found is not None and not await uow.triggers.of_playbooks([found.id]):
                        await arm_stored(uow, found)

    async def _follow(self, agent_id: UUID, workspace_id: UUID) -> None:
        async with self._database.transaction() as uow:
            if await uow.workspaces.keep(workspace_id):
                agent = await uow.agent_configurations.get(agent_id)
                if agent is not None:
                    await follow_agent(uow, agent, None)

    async def _forget(self) -> None:
        """Delete what is known of fires of long ago, some at a time."""
        while True:
            async with self._database.transaction() as uow:
                if await uow.triggers.forget_older_than(FIRES_KEPT, _PAGE) < _PAGE:
                    return


async def _take(uow: UnitOfWork, trigger_id: UUID, workspace_id: UUID) -> AgentTrigger | None:
    """Return a trigger for this unit alone; the workspace first, as everybody who writes events."""
    if not await uow.workspaces.keep(workspace_id):
        return None
    return await uow.triggers.take(trigger_id)


async def _fire_schedule(uow: UnitOfWork, trigger: AgentTrigger) -> None:
    """Fire for the time that has come, unless somebody else has; all that was missed is one time."""
    instant = trigger.next_fire_at
    if instant is None or instant > uow.now:
        return
    settings = read_settings(trigger.type, trigger.config)
    assert isinstance(settings, ScheduleConfig)
    trigger.next_fire_at = settings.schedule().next_after(uow.now)
    cause = f"schedule:{trigger.id}@{instant:%Y-%m-%dT%H:%MZ}"
    await fire(uow, trigger, Occasion(cause=cause, scope=scope_of_schedule(instant)))


async def _fire_if_quiet(uow: UnitOfWork, trigger: AgentTrigger, page_id: UUID) -> None:
    """Fire for a page, or wait on: somebody may have gone on since it was said when it would be due."""
    known = await uow.triggers.page(trigger.id, page_id)
    if known is None or known.due_at is None or known.due_at > uow.now:
        return
    own = f"agent:{trigger.agent_configuration_id}"
    edit = await uow.triggers.last_edit(page_id, after=known.done_position, without=own)
    settings = read_settings(trigger.type, trigger.config)
    assert isinstance(settings, PageEditConfig)
    if edit is None or trigger.state != "active" or not await _may_read(uow, trigger, page_id):
        await uow.triggers.forget_page(trigger.id, page_id)
        return
    head, edited_at, authors = edit
    due = edited_at + timedelta(seconds=settings.quiet_seconds)
    if due > uow.now:
        await uow.triggers.set_page(trigger.id, page_id, {"due_at": due})
        return
    await uow.triggers.set_page(trigger.id, page_id, {"due_at": None, "done_position": head})
    principals = list(dict.fromkeys(author.partition("|")[0] for author in authors))
    subject = f"page:{page_id}"
    deed = Deed(workspace_id=trigger.workspace_id, actor=authors[-1], at=edited_at, subject=subject)
    occasion = Occasion(
        cause=f"page:{page_id}@{head}",
        scope={"page_id": str(page_id), "authors": principals},
        parent_run_id=await run_behind(uow, deed),
        place=subject,
    )
    await fire(uow, trigger, occasion)


async def _may_read(uow: UnitOfWork, trigger: AgentTrigger, page_id: UUID) -> bool:
    """Tell whether whom it acts for sees the page; who is no more is told of by firing."""
    maker = await find_caller(uow, trigger.acts_for)
    if maker is None:
        return True
    found = await page_standing(uow, maker, page_id)
    return found is not None and found[1].allows("pages.read") and found[0].trashed_at is None


def _patience(due: datetime | None, now: datetime) -> float:
    if due is None:
        return EVERYWHERE_SECONDS
    return min(max((due - now).total_seconds(), 0), EVERYWHERE_SECONDS)
