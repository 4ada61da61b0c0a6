"""The providers of a workspace, from their rows and the catalogue, and clients that talk to them."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

import msgspec

from agents.llm.built_in import BuiltInModel
from agents.llm.messages import Timeouts
from agents.llm.models import Catalogue, Kind, read_own_models
from agents.llm.parts import Api
from agents.llm.routing import Provider
from integrations.reach import Reach
from storage.models import LlmApi, LlmProvider
from storage.unit_of_work import UnitOfWork
from storage.vault import Vault, place_of

if TYPE_CHECKING:  # it takes most of a second to load, and many processes never call a model
    import httpx2
    from openai import AsyncOpenAI

MOST_PROVIDERS = 20
"""Of one workspace."""

CUSTOM = Kind("custom", "Custom", "", needs_key=False)
"""What a provider of a kind that the catalogue has no more is taken for."""

_OWN = Reach(allow_private=True)
"""Where the built-in model is: at an address of this machine, which users cannot choose."""


class Access(msgspec.Struct, frozen=True):
    """A provider and how it is reached."""

    provider: Provider
    api: LlmApi
    base_url: str
    sealed_key: bytes | None = None
    row_id: UUID | None = None


class Connection(msgspec.Struct, frozen=True):
    """An open way to a provider; `secret` is what must not appear anywhere."""

    client: "AsyncOpenAI"
    api: Api
    secret: str


class Providers:
    """All that can be called. Used with `async with`."""

    def __init__(
        self,
        vault: Vault,
        catalogue: Catalogue,
        reach: Reach,
        built_in: BuiltInModel,
    ) -> None:
        self.catalogue = catalogue
        self.built_in = built_in
        self._vault = vault
        self._reach = reach
        self._clients: dict[Reach, httpx2.AsyncClient] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for client in self._clients.values():
            await client.aclose()

    def check_url(self, url: str) -> None:
        """Raise AddressRefusedError for an address that nothing would be sent to."""
        self._reach.check_url(url)

    async def of(self, uow: UnitOfWork, workspace_id: UUID, *, only: UUID | None = None) -> Sequence[Access]:
        """Return what a workspace can call: its providers that are on, and the built-in model.

        `only` is one of its providers, on or off.
        """
        rows = await uow.llm_providers.list_in(workspace_id, {}, after=None, limit=MOST_PROVIDERS)
        if only is not None:
            return [self.access(row) for row in rows if row.id == only]
        found = [self.access(row) for row in rows if row.is_enabled]
        if self.built_in.is_available:
            found.append(Access(self.built_in.provider, "chat", ""))
        return found

    def access(self, row: LlmProvider) -> Access:
        """Return a provider as its row says it."""
        kind = self.catalogue.kind(row.kind) or CUSTOM
        models = self.catalogue.models_of(kind.id, read_own_models(row.models))
        provider = Provider(str(row.id), row.name, kind, models)
        return Access(provider, row.api, row.base_url, row.api_key, row.id)

    @asynccontextmanager
    async def connect(self, access: Access, timeouts: Timeouts) -> AsyncGenerator[Connection]:
        """Open a way to a provider; the built-in model is started, and is the caller's alone meanwhile.

        Raises VaultError for a key that cannot be opened, OSError and TimeoutError for a built-in model that
        does not start.
        """
        if access.provider.is_built_in:
            async with self.built_in.lease() as address:
                yield _connection(address.base_url, address.key, "chat", self._client(_OWN), timeouts)
            return
        key = ""
        if access.sealed_key is not None:
            assert access.row_id is not None
            key = self._vault.open(access.sealed_key, place_of("llm_providers", "api_key", access.row_id))
        yield _connection(access.base_url, key, access.api, self._client(self._reach), timeouts)

    def _client(self, reach: Reach) -> "httpx2.AsyncClient":
        client = self._clients.get(reach)
        if client is None:
            import httpx2

            from integrations.client_transport import CheckedTransport

            transport = CheckedTransport(reach)
            client = httpx2.AsyncClient(transport=transport, trust_env=False, follow_redirects=False)
            self._clients[reach] = client
        return client


def _connection(
    base_url: str, key: str, api: LlmApi, http: "httpx2.AsyncClient", timeouts: Timeouts
) -> Connection:
    import httpx2

    openai: Any = import_module("openai")
    # The client would add what the environment has of somebody's account.
    headers: Mapping[str, Any] = {"OpenAI-Organization": openai.Omit(), "OpenAI-Project": openai.Omit()}
    client = openai.AsyncOpenAI(
        api_key=key or "none",
        base_url=base_url,
        http_client=http,
        max_retries=0,
        timeout=httpx2.Timeout(timeouts.total_seconds, connect=timeouts.connect_seconds),
        default_headers=headers,
    )
    return Connection(client, _api(api), key)


def _api(name: LlmApi) -> Api:
    if name == "responses":
        return import_module("agents.llm.responses").Responses()
    return import_module("agents.llm.chat_completions").ChatCompletions()


def load() -> None:
    """Load what calls need, which takes most of a second: in a thread, before the first of them."""
    calls = ("agents.llm.responses", "agents.llm.chat_completions", "agents.llm.faults")
    for name in ("integrations.client_transport", "openai", *calls):
        import_module(name)
