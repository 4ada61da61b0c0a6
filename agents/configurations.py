"""Makes and changes the configurations of workspaces' agents, and keeps what they were before."""

from collections.abc import Mapping
from typing import Any

import msgspec

from agents.config import effective_config
from agents.instructions import check_references
from agents.sections import EffectiveConfig
from storage.models import AgentConfiguration, AgentDefinition
from storage.repositories.agent_versions import VERSIONED
from storage.unit_of_work import UnitOfWork

_EFFECTIVE = frozenset({"yaml_config", "external_memory_namespace"})
"""What the effective configuration comes of."""


async def add_agent(uow: UnitOfWork, agent: AgentConfiguration, definition: AgentDefinition, by: str) -> None:
    """Keep a new agent. Raises InvalidConfigError."""
    agent.effective_config_cache = await checked_config(
        uow, agent, definition, agent.yaml_config, agent.external_memory_namespace
    )
    await uow.agent_configurations.add(agent)
    await uow.agent_versions.add(agent, definition, by)


async def change_agent(
    uow: UnitOfWork,
    agent: AgentConfiguration,
    values: Mapping[str, Any],
    by: str,
    *,
    restored_from: int | None = None,
) -> bool:
    """Change an agent, and tell whether anything was not so already. Raises InvalidConfigError."""
    changed = {name: value for name, value in values.items() if getattr(agent, name) != value}
    definition = await uow.agent_definitions.get(agent.agent_definition_id)
    assert definition is not None
    if not _EFFECTIVE.isdisjoint(values):
        changed["effective_config_cache"] = await checked_config(
            uow,
            agent,
            definition,
            values.get("yaml_config", agent.yaml_config),
            values.get("external_memory_namespace", agent.external_memory_namespace),
        )
    is_version = not changed.keys().isdisjoint(VERSIONED)
    if is_version:
        changed["version"] = agent.version + 1
    if not await uow.agent_configurations.change(agent, changed):
        return False
    if is_version:
        await uow.agent_versions.add(agent, definition, by, restored_from=restored_from)
    return True


async def checked_config(
    uow: UnitOfWork,
    agent: AgentConfiguration,
    definition: AgentDefinition,
    yaml_config: str,
    namespace: str | None,
) -> dict[str, Any]:
    """Return what an agent would run with; nothing is changed. Raises InvalidConfigError."""
    effective = effective_config(definition, yaml_config, agent.id, namespace)
    config = msgspec.convert(effective, EffectiveConfig)
    await check_references(uow, agent.workspace_id, config, yaml_config)
    return effective
