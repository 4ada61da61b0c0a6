"""Follows the events for what starts agents and playbooks, and what the latter wait for.

That are event triggers; for agents also mentions, pages that are edited, and changed configurations.

Each event counts once for each trigger: what it starts is written in the transaction that moves the cursor.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from agents.configured_triggers import follow_agent
from agents.firing import Occasion, fire, run_behind
from agents.playbooks.runs import Deed, hear_of_event, hear_of_run
from agents.triggers import SERVER, EventConfig, PageEditConfig, read_settings, scope_of_event
from server.background.mentions import agents_called, take_block, take_message
from storage.access import workspace_standing
from storage.callers import find_caller, parse_document_name
from storage.engine import Database
from storage.event_access import visible_events
from storage.models import AgentTrigger, Event
from storage.repositories.consumers import Beginning
from storage.unit_of_work import UnitOfWork

_OF_AGENTS = frozenset({"agent.created", "agent.updated", "agent.archived"})
# What happened before a trigger was changed or resumed must not come again behind that.
_OF_TRIGGERS = frozenset({"agent.trigger.updated", "agent.trigger.resumed"})
_ALWAYS = _OF_AGENTS | _OF_TRIGGERS | {"agent.mentioned", "agent.run.finished"}

EventTriggers = Sequence[tuple[AgentTrigger, EventConfig]]
PageTriggers = Sequence[tuple[AgentTrigger, PageEditConfig]]


class TriggerConsumer:
    """Implements `Consumer`."""

    name = "triggers"
    beginning: Beginning = "now"

    def __init__(self, database: Database) -> None:
        self._database = database

    async def wants(self, events: Sequence[Event]) -> bool:
        """Want what starts agents by itself; and everything where triggers or playbooks wait for events."""
        if any(event.type in _ALWAYS or _calls_agent(event) for event in events):
            return True
        async with self._database.read() as uow:
            workspace_id = events[0].workspace_id
            if await uow.triggers.waits_for_events(workspace_id):
                return True
            return bool(await uow.playbook_progress.listening(workspace_id))

    async def handle(self, uow: UnitOfWork, events: Sequence[Event]) -> None:
        """Start what follows from events of one workspace."""
        workspace_id = events[0].workspace_id
        triggers = await _event_triggers(uow, workspace_id)
        has_listeners = bool(await uow.playbook_progress.listening(workspace_id))
        pages: PageTriggers | None = None
        for event in events:
            match event.type:
                case "message.posted":
                    await take_message(uow, event)
                case "agent.mentioned":
                    await take_block(uow, event)
                case "agent.run.finished":
                    await hear_of_run(uow, event)
                case "page.edited":
                    if pages is None:
                        pages = await _page_triggers(uow, workspace_id)
                    await _note_edit(uow, pages, event)
                case type if type in _OF_AGENTS:
                    await _follow(uow, event)
                    triggers = await _event_triggers(uow, workspace_id)
                    pages = None
                case _:
                    pass
            if not (has_listeners or triggers) or await _is_of_dry_run(uow, event):
                continue
            if has_listeners:
                await hear_of_event(uow, event)
            await _fire(uow, triggers, event)


async def _is_of_dry_run(uow: UnitOfWork, event: Event) -> bool:
    """Tell whether an event tells how a dry run is going: nothing comes of one."""
    if not event.type.startswith("agent.run."):
        return False
    run = await uow.agent_runs.get(UUID(event.payload["run_id"]))
    return run is not None and run.is_dry


def _calls_agent(event: Event) -> bool:
    return event.type == "message.posted" and bool(agents_called(event))


async def _follow(uow: UnitOfWork, event: Event) -> None:
    named = parse_document_name(event.subject or "")
    agent = await uow.agent_configurations.get(named[1]) if named is not None else None
    if agent is not None:
        await follow_agent(uow, agent, event.actor)


async def _event_triggers(uow: UnitOfWork, workspace_id: UUID) -> EventTriggers:
    found: list[tuple[AgentTrigger, EventConfig]] = []
    for trigger in await uow.triggers.active_in(workspace_id, "event"):
        settings = read_settings("event", trigger.config)
        assert isinstance(settings, EventConfig)
        found.append((trigger, settings))
    return found


async def _page_triggers(uow: UnitOfWork, workspace_id: UUID) -> PageTriggers:
    found: list[tuple[AgentTrigger, PageEditConfig]] = []
    for trigger in await uow.triggers.active_in(workspace_id, "page_edit"):
        settings = read_settings("page_edit", trigger.config)
        assert isinstance(settings, PageEditConfig)
        found.append((trigger, settings))
    return found


async def _fire(uow: UnitOfWork, triggers: EventTriggers, event: Event) -> None:
    for trigger, settings in triggers:
        is_late = event.created_at < trigger.created_at
        if trigger.state != "active" or is_late or _is_own(trigger, event) or not settings.fits(event):
            continue
        if not await _may_see(uow, trigger, event):
            continue
        place, item = _place_of(event)
        deed = Deed(
            workspace_id=event.workspace_id,
            actor=event.actor,
            at=event.created_at,
            subject=event.subject,
            payload=event.payload,
        )
        occasion = Occasion(
            cause=f"event:{event.id}",
            scope=scope_of_event(event),
            parent_run_id=await run_behind(uow, deed),
            place=place,
            place_item=item,
        )
        await fire(uow, trigger, occasion)


async def _may_see(uow: UnitOfWork, trigger: AgentTrigger, event: Event) -> bool:
    """Tell whether whom it acts for sees an event; who is no member any more is told of by firing."""
    maker = await find_caller(uow, trigger.acts_for)
    if maker is None or await workspace_standing(uow, maker, event.workspace_id) is None:
        return True
    return bool(await visible_events(uow, maker, event.workspace_id, [event]))


def _is_own(trigger: AgentTrigger, event: Event) -> bool:
    """Tell whether the agent itself has done it."""
    return (event.actor or "").partition("|")[0] == f"agent:{trigger.agent_configuration_id}"


def _place_of(event: Event) -> tuple[str | None, str | None]:
    """Return where an event was: a channel with the message, or a page with the block."""
    named = parse_document_name(event.subject or "")
    if named is None or named[0] not in ("channel", "page"):
        return None, None
    payload: Mapping[str, object] = event.payload
    item = payload.get("message_id" if named[0] == "channel" else "block_id")
    return event.subject, item if isinstance(item, str) else None


async def _note_edit(uow: UnitOfWork, triggers: PageTriggers, event: Event) -> None:
    """Have a page waited for by those whom its edit concerns."""
    page_id = UUID(event.payload["page_id"])
    for trigger, settings in triggers:
        own = f"agent:{trigger.agent_configuration_id}"
        others = [one for one in event.payload["authors"] if one != own and not one.startswith(SERVER)]
        if trigger.state != "active" or not others:
            continue
        if not await _concerns(uow, settings, page_id):
            continue
        known = await uow.triggers.page(trigger.id, page_id)
        edit = await uow.triggers.last_edit(page_id, after=known.done_position if known else 0, without=own)
        if edit is not None:
            due = edit[1] + timedelta(seconds=settings.quiet_seconds)
            await uow.triggers.set_page(trigger.id, page_id, {"due_at": due})


async def _concerns(uow: UnitOfWork, settings: PageEditConfig, page_id: UUID) -> bool:
    if settings.page_id is None or settings.page_id == page_id:
        return True
    return settings.below and await uow.pages.is_inside(page_id, settings.page_id)
