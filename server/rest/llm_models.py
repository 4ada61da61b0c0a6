"""The models that agents of a workspace can use."""

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from agents.llm.built_in import NAME
from agents.llm.models import Ability
from server.rest.fields import Listing, Slice, list_slice, read_cursor
from server.rest.gate import find_workspace
from server.routing import Routes, UserCall
from storage.unit_of_work import UnitOfWork

routes = Routes("Language models")


class ModelAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A model."""

    name: Annotated[str, Meta(description="What configurations call it: `provider:model`.")]
    provider: str
    model: str
    context_tokens: int
    max_output_tokens: int
    input_price: Annotated[float | None, Meta(description="US dollars a million tokens; null: not known.")]
    output_price: float | None
    grade: Annotated[int, Meta(description="How able it is: 0 tiny, for a first try; 4 the best there are.")]
    abilities: tuple[Ability, ...]
    is_built_in: Annotated[bool, Meta(description=f"Whether it is the server's own: {NAME}.")]


@routes.get("/v1/workspaces/{workspace_id}/llm-models", "llm.read")
async def list_llm_models(
    call: UserCall, uow: UnitOfWork, workspace_id: UUID, query: Slice
) -> Listing[ModelAnswer]:
    """List the models that a workspace's providers have, by name.

    Where none is configured that is the built-in one, if the server has it.
    """
    await find_workspace(call, uow, workspace_id, "llm.read")
    found = await call.services.llm.providers.of(uow, workspace_id)
    models = [
        ModelAnswer(
            name=f"{access.provider.name}:{model.id}",
            provider=access.provider.name,
            model=model.id,
            context_tokens=model.context_tokens,
            max_output_tokens=model.max_output_tokens,
            input_price=model.input_price,
            output_price=model.output_price,
            grade=model.grade,
            abilities=model.abilities,
            is_built_in=access.provider.is_built_in,
        )
        for access in found
        for model in access.provider.models
    ]
    after = read_cursor(query, str) or ""
    behind = sorted((model for model in models if model.name > after), key=lambda model: model.name)
    return list_slice(behind[: query.limit + 1], query, lambda model: model, lambda model: model.name)
