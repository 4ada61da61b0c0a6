"""Tools as a run of an agent calls them."""

from typing import Any
from uuid import UUID

import msgspec
import pytest

from agents.tools.base import ToolContext, ToolResult
from agents.tools.errors import ToolError
from crdt.ports import Principal
from server.bootstrap import Services
from storage.callers import caller_of_run
from storage.models import RunTrigger
from tests.server.api import Api
from tests.server.runs import begin_run


class Desk:
    """A run that acts for somebody; each call is a step of its own, unless it is said to be one again."""

    def __init__(self, services: Services, person: Api, workspace: str, principal: Principal) -> None:
        self.services = services
        self.person = person
        self.workspace = workspace
        self.principal = principal
        self.steps = 0

    @property
    def run_id(self) -> UUID:
        assert self.principal.run_id is not None
        return UUID(self.principal.run_id)

    async def context(self, **more: Any) -> ToolContext:
        async with self.services.database.read() as uow:
            agent = await uow.agent_configurations.get(UUID(self.principal.id.partition(":")[2]))
            caller = await caller_of_run(uow, self.run_id)
        assert caller is not None
        return msgspec.structs.replace(
            ToolContext(
                run_id=self.run_id,
                step_id=f"{self.run_id}:{self.steps}",
                agent=agent,
                workspace_id=UUID(self.workspace.rpartition("/")[2]),
                invoker_user_id=UUID(self.person.user["id"]),
                caller=caller,
                principal=self.principal,
            ),
            **more,
        )

    async def told(self, prompt: str, trigger: RunTrigger = "manual") -> None:
        """Let the run have been told something."""
        async with self.services.database.transaction() as uow:
            run = await uow.agent_runs.get(self.run_id)
            assert run is not None
            run.prompt, run.trigger_type = prompt, trigger

    async def call(
        self, tool: str, *, again: bool = False, dry: bool = False, **arguments: Any
    ) -> ToolResult:
        self.steps += not again
        return await self.services.toolbox.call(await self.context(is_dry=dry), tool, arguments)

    async def refused(self, tool: str, **arguments: Any) -> str:
        """Return why a call is refused."""
        with pytest.raises(ToolError) as raised:
            await self.call(tool, **arguments)
        return str(raised.value)


async def open_desk(
    services: Services, person: Api, workspace: str, grant: dict[str, Any] | None = None
) -> Desk:
    return Desk(services, person, workspace, await begin_run(services, person, workspace, grant))
