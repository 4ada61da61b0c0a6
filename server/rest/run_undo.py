"""Undo this run: of whoever may write where it wrote."""

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from server.errors import ForbiddenError
from server.rest.gate import find_run
from server.routing import Routes, UserCall

routes = Routes("Agents")


class UndoneDocument(msgspec.Struct, frozen=True):
    """A document in which the run was undone."""

    document: str
    position: Annotated[
        int | None,
        Meta(description="Where in the document's log that is committed; null: nothing was left to undo."),
    ]
    is_whole: Annotated[bool, Meta(description="Whether all that the run deleted could be brought back.")]


class UndoneAnswer(msgspec.Struct, frozen=True):
    """What came of undoing a run."""

    run_id: UUID
    documents: list[UndoneDocument]
    is_complete: Annotated[
        bool,
        Meta(description="Whether that is all that the run wrote in; else some is not the caller's."),
    ]


@routes.post("/v1/runs/{run_id}/undo", "agents.read", refuses=(403, 409))
async def undo_run(call: UserCall, run_id: UUID) -> UndoneAnswer:
    """Take back what a run that has ended did, in all documents that the caller may write.

    What it wrote goes, what it deleted comes back, what others wrote stays. Its messages and comments are
    deleted, its open suggestions withdrawn. Undoing again changes nothing.
    """
    services = call.services
    async with services.database.read() as uow:
        run = await find_run(call, uow, run_id, "agents.read")
        agent = await uow.agent_configurations.get(run.agent_configuration_id)
    assert agent is not None, "a run has an agent"
    principal = await call.principal()
    undone, is_complete = await services.run_undo.undo(run, agent, call.caller, principal)
    if not undone and not is_complete:
        raise ForbiddenError("You may not write where this run has written.")
    if undone:
        async with services.database.transaction() as uow:
            await uow.events.append(
                agent.workspace_id,
                "agent.run.undone",
                call.actor,
                f"agent:{agent.id}",
                {
                    "run_id": str(run.run_id),
                    "agent_id": str(agent.id),
                    "documents": len(undone),
                    "is_complete": is_complete,
                },
            )
    documents = [msgspec.convert(one, UndoneDocument, from_attributes=True) for one in undone]
    return UndoneAnswer(run_id, documents, is_complete)
