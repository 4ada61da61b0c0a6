"""Providers of language models: where a workspace's models are. Keys go in and never come out."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from agents.llm.errors import LlmError
from agents.llm.messages import Message, Request
from agents.llm.models import Model, ModelId, read_own_models
from agents.llm.providers import MOST_PROVIDERS
from integrations.errors import AddressRefusedError
from server.errors import ConflictError, FieldError, InvalidError
from server.rest.fields import Listing, Secret, Slice, Time, Url, given, list_slice, read_cursor
from server.rest.gate import find_owned, find_workspace
from server.routing import Routes, UserCall
from storage.models import LlmApi, LlmProvider
from storage.repositories.llm import Payer
from storage.unit_of_work import UnitOfWork

routes = Routes("Language models")

TEST_TOKENS = 16

ProviderName = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]*$",
        description="Unique in the workspace, whatever its case; configurations say `name:model`.",
    ),
]
KindId = Annotated[
    str,
    Meta(
        max_length=32,
        pattern="^[a-z0-9_-]+$",
        description="One of `openai`, `anthropic`, `google`, `mistral`, `groq`, `openrouter`, `ollama`, or "
        "`custom` for any other server that speaks the OpenAI API.",
    ),
]


OwnModels = Annotated[
    list[Model],
    Meta(max_length=100, description="Models that the catalogue does not know, or knows otherwise."),
]


class ProviderAnswer(msgspec.Struct, frozen=True):
    """A provider, without its key."""

    id: UUID
    workspace_id: UUID
    name: str
    kind: str
    base_url: str
    api: LlmApi
    has_api_key: bool
    models: list[Model]
    is_enabled: bool
    created_by_user_id: UUID
    created_at: Time
    updated_at: Time


class NewProvider(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A provider to add."""

    name: ProviderName
    kind: KindId = "custom"
    base_url: Annotated[Url | None, Meta(description="Null: the kind's own.")] = None
    api: Annotated[LlmApi | None, Meta(description="Null: the kind's own.")] = None
    api_key: Secret | None = None
    models: OwnModels = []
    is_enabled: bool = True


class ProviderChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to change; what is left out stays. With another address the key has to be given again."""

    name: ProviderName | UnsetType = UNSET
    base_url: Url | UnsetType = UNSET
    api: LlmApi | UnsetType = UNSET
    api_key: Secret | UnsetType | None = UNSET
    models: OwnModels | UnsetType = UNSET
    is_enabled: bool | UnsetType = UNSET


class ProviderTest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to try a provider."""

    model: Annotated[ModelId | None, Meta(description="Null: the cheapest that is known of it.")] = None


class TestAnswer(msgspec.Struct, frozen=True):
    """What became of a try: with a `code` it failed."""

    is_ok: bool
    model: str | None
    text: Annotated[str | None, Meta(description="The beginning of what the model said.")]
    code: str | None
    detail: str | None
    cost_usd: float


@routes.get("/v1/workspaces/{workspace_id}/llm-providers", "llm.manage")
async def list_llm_providers(
    call: UserCall, uow: UnitOfWork, workspace_id: UUID, query: Slice
) -> Listing[ProviderAnswer]:
    """List the providers of a workspace, oldest first."""
    await find_workspace(call, uow, workspace_id, "llm.manage")
    rows = await uow.llm_providers.list_in(
        workspace_id, {}, after=read_cursor(query, UUID), limit=query.limit + 1
    )
    return list_slice(rows, query, show_provider, lambda provider: provider.id)


@routes.post(
    "/v1/workspaces/{workspace_id}/llm-providers", "llm.manage", status=201, refuses=(409,), idempotent=True
)
async def create_llm_provider(
    call: UserCall, uow: UnitOfWork, workspace_id: UUID, body: NewProvider
) -> ProviderAnswer:
    """Add a provider. Nothing is sent there yet: try it with `.../test`."""
    await find_workspace(call, uow, workspace_id, "llm.manage", lock=True)
    kind = call.services.llm.providers.catalogue.kind(body.kind)
    if kind is None:
        raise _invalid("kind", "No kind of provider that is known", code="unknown_kind")
    base_url = body.base_url or kind.base_url
    if not base_url:
        raise _invalid("base_url", "This kind of provider has no address of its own")
    _check_url(call, base_url)
    await _check_name(uow, workspace_id, body.name, None)
    provider_id = uow.new_id()
    values: dict[str, Any] = {
        "name": body.name,
        "kind": kind.id,
        "base_url": base_url,
        "api": body.api or kind.api,
        "api_key": body.api_key,
        "models": _models_to_store(body.models),
        "is_enabled": body.is_enabled,
    }
    values = call.services.vault.seal_into("llm_providers", provider_id, values, "api_key")
    provider = LlmProvider(
        id=provider_id,
        workspace_id=workspace_id,
        created_by_user_id=call.user_id,
        created_at=uow.now,
        updated_at=uow.now,
        **values,
    )
    await uow.llm_providers.add(provider)
    await _tell(call, uow, "llm_provider.created", provider)
    return show_provider(provider)


@routes.get("/v1/llm-providers/{llm_provider_id}", "llm.manage")
async def get_llm_provider(call: UserCall, uow: UnitOfWork, llm_provider_id: UUID) -> ProviderAnswer:
    """Return a provider."""
    return show_provider(await _find(call, uow, llm_provider_id))


@routes.patch("/v1/llm-providers/{llm_provider_id}", "llm.manage", refuses=(409,))
async def change_llm_provider(
    call: UserCall, uow: UnitOfWork, llm_provider_id: UUID, body: ProviderChange
) -> ProviderAnswer:
    """Change a provider."""
    provider = await _find(call, uow, llm_provider_id)
    await uow.workspaces.lock(provider.workspace_id)
    values = given(body)
    if body.base_url is not UNSET and body.base_url != provider.base_url:
        _check_url(call, body.base_url)
        if provider.api_key is not None and body.api_key is UNSET:
            # Whoever may change the address does not thereby come to know the key.
            raise _invalid("api_key", "Give the key again, or null, with another address", code="key_needed")
    if body.name is not UNSET:
        await _check_name(uow, provider.workspace_id, body.name, provider)
    if body.models is not UNSET:
        values["models"] = _models_to_store(body.models)
    values = call.services.vault.seal_into("llm_providers", llm_provider_id, values, "api_key")
    if await uow.llm_providers.change(provider, values):
        await _tell(call, uow, "llm_provider.updated", provider)
    return show_provider(provider)


@routes.delete("/v1/llm-providers/{llm_provider_id}", "llm.manage")
async def delete_llm_provider(call: UserCall, uow: UnitOfWork, llm_provider_id: UUID) -> None:
    """Delete a provider for good, with its key. What was paid stays."""
    provider = await _find(call, uow, llm_provider_id)
    await uow.llm_providers.remove(provider)
    await _tell(call, uow, "llm_provider.deleted", provider)


@routes.post("/v1/llm-providers/{llm_provider_id}/test", "llm.manage")
async def test_llm_provider(call: UserCall, llm_provider_id: UUID, body: ProviderTest) -> TestAnswer:
    """Ask a model of a provider for a word, also of one that is off; it is paid as any other call."""
    async with call.services.database.read() as uow:
        provider = await _find(call, uow, llm_provider_id)
    name = str(llm_provider_id) if body.model is None else f"{llm_provider_id}:{body.model}"
    request = Request(
        payer=Payer(provider.workspace_id, call.user_id),
        messages=(Message("user", "Say the word: ready"),),
        task="test",
        models=(name,),
        only_these=True,
        max_output_tokens=TEST_TOKENS,
    )
    try:
        answer = await call.services.llm.complete(request, only=llm_provider_id)
    except LlmError as error:
        return TestAnswer(False, body.model, None, error.code, str(error), 0.0)
    cost = answer.usage.cost_micros / 1_000_000
    return TestAnswer(True, answer.model, answer.text.replace("\0", " ")[:200], None, None, cost)


def show_provider(provider: LlmProvider) -> ProviderAnswer:
    """Return a provider as those see it who manage it."""
    return ProviderAnswer(
        id=provider.id,
        workspace_id=provider.workspace_id,
        name=provider.name,
        kind=provider.kind,
        base_url=provider.base_url,
        api=provider.api,
        has_api_key=provider.api_key is not None,
        models=read_own_models(provider.models),
        is_enabled=provider.is_enabled,
        created_by_user_id=provider.created_by_user_id,
        created_at=provider.created_at,
        updated_at=provider.updated_at,
    )


def _models_to_store(models: list[Model]) -> list[dict[str, Any]]:
    ids = [model.id for model in models]
    if len(set(ids)) != len(ids):
        raise _invalid("models", "Two models have the same id")
    return [msgspec.to_builtins(model) for model in models]


async def _check_name(uow: UnitOfWork, workspace_id: UUID, name: str, own: LlmProvider | None) -> None:
    """Raise ConflictError for a name that is taken, and where there are enough. The workspace is locked."""
    rows = await uow.llm_providers.list_in(workspace_id, {}, after=None, limit=MOST_PROVIDERS)
    if own is None and len(rows) == MOST_PROVIDERS:
        raise ConflictError(f"A workspace has {MOST_PROVIDERS} providers at most.", code="too_many_providers")
    if any(row is not own and row.name.casefold() == name.casefold() for row in rows):
        raise ConflictError("Another provider of this workspace has this name.", code="name_taken")


def _check_url(call: UserCall, url: str) -> None:
    try:
        call.services.llm.providers.check_url(url)
    except AddressRefusedError as error:
        raise _invalid("base_url", f"Nothing is sent there: this is {error}", code=error.code) from error


def _invalid(field: str, detail: str, *, code: str | None = None) -> InvalidError:
    return InvalidError(f"{detail}.", code=code, errors=(FieldError(f"body.{field}", detail),))


async def _find(call: UserCall, uow: UnitOfWork, provider_id: UUID) -> LlmProvider:
    return await find_owned(call, uow.llm_providers, provider_id, "llm.manage", "provider")


async def _tell(call: UserCall, uow: UnitOfWork, event: str, provider: LlmProvider) -> None:
    payload = {
        "name": provider.name,
        "kind": provider.kind,
        "base_url": provider.base_url,
        "has_api_key": provider.api_key is not None,
    }
    await uow.events.append(provider.workspace_id, event, call.actor, f"llm_provider:{provider.id}", payload)
