"""Keeps the triggers of agents what their configurations say, and lets them rest with their agent.

A trigger is known by its place in the configuration's list. One that cannot work, for instance for want of an
input, is there, paused, with the reason: a definition may propose what its agent has yet to be told.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from agents.errors import InactiveAgentError, InvalidConfigError
from agents.firing import activate, pause, resume
from agents.runs import effective_of
from agents.triggers import TriggerSettings, input_faults, read_settings
from storage.callers import find_caller
from storage.models import AgentConfiguration, AgentTrigger, TriggerType
from storage.unit_of_work import UnitOfWork

INVALID = "invalid"
"""Why a trigger is paused that cannot work as it is configured."""


class Said(msgspec.Struct, frozen=True):
    """A trigger that a configuration has."""

    type: TriggerType
    config: dict[str, Any]


def said_by(agent: AgentConfiguration) -> list[Said]:
    """Return the triggers of an agent's configuration; none for one that does not fit."""
    return msgspec.convert((agent.effective_config_cache or {}).get("triggers", []), list[Said])


def is_in_step(agent: AgentConfiguration, made: Sequence[AgentTrigger]) -> bool:
    """Tell whether the triggers are those that the configuration says."""
    if agent.effective_config_cache is None:
        return True
    return [Said(one.type, one.config) for one in made] == said_by(agent)


async def follow_agent(uow: UnitOfWork, agent: AgentConfiguration, actor: str | None) -> None:
    """Bring an agent's triggers in step with what it is now; what is new acts for who changed it."""
    if agent.effective_config_cache is not None:
        await _follow_configuration(uow, agent, actor)
    try:
        effective_of(agent)
    except InactiveAgentError as error:
        for trigger in await uow.triggers.of_agent(agent.id, paused_for=None):
            await pause(uow, trigger, error.code, str(error))
    else:
        for trigger in await uow.triggers.of_agent(agent.id, paused_for=InactiveAgentError.code):
            await resume(uow, trigger)
    await uow.session.flush()


async def _follow_configuration(uow: UnitOfWork, agent: AgentConfiguration, actor: str | None) -> None:
    said = said_by(agent)
    made = {one.position: one for one in await uow.triggers.of_configurations([agent.id])}
    for trigger in made.values():
        if trigger.paused_reason == INVALID:
            await _activate(uow, agent, trigger)  # the inputs may be there now
    if is_in_step(agent, list(made.values())):
        return
    for position, trigger in made.items():
        if position is None or position >= len(said) or said[position].type != trigger.type:
            await uow.agent_triggers.remove(trigger)
    user_id, acts_for = await _maker(uow, agent, actor)
    for position, one in enumerate(said):
        trigger = made.get(position)
        if trigger is not None and trigger.type == one.type:
            if trigger.config == one.config:
                continue
            trigger.config = one.config
            trigger.acts_for_user_id, trigger.acts_for = user_id, acts_for
        else:
            trigger = AgentTrigger(
                id=uow.new_id(),
                workspace_id=agent.workspace_id,
                agent_configuration_id=agent.id,
                acts_for_user_id=user_id,
                acts_for=acts_for,
                name=f"triggers[{position}]",
                type=one.type,
                config=one.config,
                source="configuration",
                position=position,
                created_at=uow.now,
                updated_at=uow.now,
            )
            await uow.agent_triggers.add(trigger)
        await _activate(uow, agent, trigger)


async def require_inputs(uow: UnitOfWork, agent: AgentConfiguration, settings: TriggerSettings) -> None:
    """Raise InvalidConfigError for a trigger whose runs would lack an input, or have one too many."""
    definition = await uow.agent_definitions.get(agent.agent_definition_id)
    assert definition is not None
    defaults: dict[str, Any] = (agent.effective_config_cache or {}).get("inputs", {})
    if faults := input_faults(definition.inputs_schema, defaults, settings):
        raise InvalidConfigError(tuple(faults))


async def _activate(uow: UnitOfWork, agent: AgentConfiguration, trigger: AgentTrigger) -> None:
    try:
        await require_inputs(uow, agent, read_settings(trigger.type, trigger.config))
        activate(trigger, uow)
    except InvalidConfigError as error:
        if trigger.paused_message != str(error):
            await pause(uow, trigger, INVALID, str(error))


async def _maker(uow: UnitOfWork, agent: AgentConfiguration, actor: str | None) -> tuple[UUID, str]:
    """Return whom a trigger acts for: who changed the configuration, else who made the agent."""
    caller = await find_caller(uow, actor) if actor is not None else None
    if caller is not None and caller.user_id is not None:
        return caller.user_id, caller.id
    return agent.created_by_user_id, f"user:{agent.created_by_user_id}"
