"""Secrets of agents: set and named, and never told again. Agents show them to servers of tools."""

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from server.errors import ConflictError, NotFoundError
from server.rest.fields import Listing, Slice, Time, list_slice, read_cursor
from server.rest.gate import find_owned
from server.routing import Routes, UserCall
from storage.models import AgentConfiguration, AgentSecret
from storage.unit_of_work import UnitOfWork
from storage.vault import place_of

routes = Routes("Agents")

MOST = 50
"""Of one agent."""

SecretName = Annotated[
    str, Meta(pattern="^[a-z][a-z0-9_-]{0,63}$", description="As a configuration names it: `github`.")
]
Host = Annotated[
    str,
    Meta(
        max_length=253,
        pattern="^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$",
        description="The only host that it is shown to, whatever a configuration says.",
    ),
]


class AgentSecretAnswer(msgspec.Struct, frozen=True):
    """A secret, without what it is."""

    name: str
    host: str
    set_by: Annotated[str, Meta(description="For instance `user:{id}`.")]
    set_at: Time


class NewSecret(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What it is, and for whom."""

    value: Annotated[str, Meta(min_length=1, max_length=4000, pattern=r"^[!-~]+$")]
    host: Host


@routes.get("/v1/agents/{agent_id}/secrets", "agents.read")
async def list_agent_secrets(
    call: UserCall, uow: UnitOfWork, agent_id: UUID, query: Slice
) -> Listing[AgentSecretAnswer]:
    """List the secrets of an agent by their names."""
    await find_owned(call, uow.agent_configurations, agent_id, "agents.read", "agent")
    rows = await uow.agent_secrets.list_of(agent_id, after=read_cursor(query, str), limit=query.limit + 1)
    return list_slice(rows, query, show_secret, lambda secret: secret.name)


@routes.put("/v1/agents/{agent_id}/secrets/{secret_name}", "agents.write", refuses=(409,))
async def set_agent_secret(
    call: UserCall, uow: UnitOfWork, agent_id: UUID, secret_name: SecretName, body: NewSecret
) -> AgentSecretAnswer:
    """Set a secret, in the place of the one that has this name. Nobody is told what it was, or is."""
    agent = await find_owned(call, uow.agent_configurations, agent_id, "agents.write", "agent")
    await uow.workspaces.lock(agent.workspace_id)
    old = await uow.agent_secrets.get(agent_id, secret_name)
    if old is None and await uow.agent_secrets.count(agent_id) >= MOST:
        raise ConflictError(f"An agent may have {MOST} secrets.", code="too_many_secrets")
    secret_id = uow.new_id()
    secret = AgentSecret(
        id=secret_id,
        agent_configuration_id=agent_id,
        name=secret_name,
        host=body.host,
        value=call.services.vault.seal(body.value, place_of("agent_secrets", "value", secret_id)),
        set_by=call.actor,
        set_at=uow.now,
    )
    await uow.agent_secrets.replace(secret, old)
    await _tell(call, uow, "set", agent, secret)
    return show_secret(secret)


@routes.delete("/v1/agents/{agent_id}/secrets/{secret_name}", "agents.write")
async def remove_agent_secret(
    call: UserCall, uow: UnitOfWork, agent_id: UUID, secret_name: SecretName
) -> None:
    """Delete a secret for good."""
    agent = await find_owned(call, uow.agent_configurations, agent_id, "agents.write", "agent")
    secret = await uow.agent_secrets.get(agent_id, secret_name)
    if secret is None:
        raise NotFoundError("The agent has no secret of this name.")
    await uow.agent_secrets.remove(secret)
    await _tell(call, uow, "removed", agent, secret)


def show_secret(secret: AgentSecret) -> AgentSecretAnswer:
    """Return what may be known of a secret."""
    return AgentSecretAnswer(secret.name, secret.host, secret.set_by, secret.set_at)


async def _tell(
    call: UserCall, uow: UnitOfWork, what: str, agent: AgentConfiguration, secret: AgentSecret
) -> None:
    payload = {"name": secret.name, "host": secret.host}
    subject = f"agent:{agent.id}"
    await uow.events.append(agent.workspace_id, f"agent.secret.{what}", call.actor, subject, payload)
