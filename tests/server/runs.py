"""Runs of agents that are there without anything that runs them: for what they may do and write."""

from typing import Any
from uuid import UUID, uuid4

from agents.identity import principal_of
from crdt.ports import Principal
from server.bootstrap import Services
from storage.models import AgentConfiguration, AgentRunLog, RunStatus
from tests.server.api import Api

AGENT: dict[str, Any] = {
    "agent_definition_id": "agent_marketing",
    "name": "Writer",
    "yaml_config": "tools: {allowed: null}\ngrant: {scopes: ['*:write']}\n",
}


async def begin_run(
    services: Services, person: Api, workspace: str, grant: dict[str, Any] | None = None, **agent: Any
) -> Principal:
    """Make an agent and a run of it that acts for a person; return whom the run's edits are of."""
    made = await person.made(f"{workspace}/agents", AGENT | agent)
    async with services.database.transaction() as uow:
        configuration = await uow.agent_configurations.get(UUID(made["id"]))
        assert configuration is not None
        if grant is not None:
            await grant_to(uow.agent_configurations, configuration, grant)
        run = AgentRunLog(
            id=uow.new_id(),
            agent_configuration_id=configuration.id,
            run_id=uuid4(),
            triggered_by_user_id=UUID(person.user["id"]),
            trigger_type="manual",
            status="running",
            start_time=uow.now,
        )
        uow.session.add(run)
        return principal_of(configuration, run)


async def grant_to(agents: Any, configuration: AgentConfiguration, grant: dict[str, Any]) -> None:
    config = configuration.effective_config_cache or {}
    await agents.change(configuration, {"effective_config_cache": {**config, "grant": grant}})


async def end_run(services: Services, principal: Principal, status: RunStatus = "cancelled") -> None:
    assert principal.run_id is not None
    async with services.database.transaction() as uow:
        found = await uow.agent_runs.find_open(UUID(principal.run_id))
        assert found is not None
        found[0].status = status
        uow.access_changes.note_run(found[0].run_id)
