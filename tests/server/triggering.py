"""What tests of triggers share: agents that can run, what has become of them, and waiting for it."""

from typing import Any
from uuid import UUID

from server.bootstrap import Services
from tests.server.api import Api
from tests.waiting import until

SECONDS = 30.0
DEFINITION = "agent_email_wizard"
READY = "inputs: {campaign_brief: Summer}\ntriggers: []\n"


async def nudge(services: Services, workspace: str) -> None:
    """Let something happen that starts nobody: whoever waits for a time looks at the clock."""
    async with services.database.transaction() as uow:
        await uow.events.append(UUID(workspace.rpartition("/")[2]), "test")


async def add(api: Api, agent: dict[str, Any], type: str, **config: Any) -> dict[str, Any]:
    body = {"name": type, "type": type, "config": config}
    return await api.made(f"/v1/agents/{agent['id']}/triggers", body)


async def runs(api: Api, agent: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the runs of an agent, oldest first."""
    return (await api.get(f"/v1/agents/{agent['id']}/runs")).json()["items"][::-1]


async def fires(api: Api, trigger: dict[str, Any]) -> list[dict[str, Any]]:
    return (await api.get(f"/v1/triggers/{trigger['id']}/fires")).json()["items"][::-1]


async def triggers(api: Api, agent: dict[str, Any]) -> list[dict[str, Any]]:
    return (await api.get(f"/v1/agents/{agent['id']}/triggers")).json()["items"]


async def told(api: Api, workspace: str, type: str) -> list[dict[str, Any]]:
    return (await api.get(f"{workspace}/events", params={"type": type})).json()["items"]


async def has_run(api: Api, agent: dict[str, Any], count: int) -> list[dict[str, Any]]:
    async def look() -> list[dict[str, Any]] | None:
        found = await runs(api, agent)
        return found if len(found) >= count else None

    return await until(look)


async def again(api: Api) -> Api:
    """Sign in anew: time has passed."""
    body = {"email": api.user["email"], "password": "correct horse"}
    return api.signed_in((await api.post("/v1/auth/login", body)).json())
