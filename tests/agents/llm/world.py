"""A workspace with providers at the stand-in for models, and a client that calls them without waiting."""

from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from typing import Any
from uuid import UUID

from agents.llm.built_in import BuiltInModel
from agents.llm.client import LlmClient
from agents.llm.messages import Event, Message, Request, Timeouts
from agents.llm.models import read_catalogue
from agents.llm.providers import Providers
from integrations.reach import Reach
from storage.engine import Database
from storage.models import BudgetScope, LlmApi, LlmBudget, LlmCall, LlmProvider
from storage.repositories.llm import EVERYBODY, Payer
from storage.vault import Vault
from tests.services.databases import add_workspace

KEY = "sk-proj-very-secret-key-123456"
MODELS: list[dict[str, Any]] = [
    {
        "id": "small",
        "context_tokens": 16_000,
        "max_output_tokens": 4096,
        "input_price": 1.0,
        "output_price": 2.0,
        "grade": 2,
        "abilities": ["tools", "structured", "temperature"],
    },
    {
        "id": "large",
        "context_tokens": 100_000,
        "max_output_tokens": 8192,
        "input_price": 10.0,
        "output_price": 20.0,
        "grade": 4,
        "abilities": ["tools", "structured", "temperature"],
    },
]


class World:
    """The workspace, the client, and a clock that the breakers go by."""

    def __init__(self, database: Database, workspace_id: UUID, user_id: UUID, client: LlmClient) -> None:
        self.database = database
        self.workspace_id = workspace_id
        self.user_id = user_id
        self.client = client
        self.vault = Vault(lambda: [b"k" * 32])
        self.pauses: list[float] = []
        self.seconds = 0.0

    async def sleep(self, seconds: float) -> None:
        """Note a pause that the client would make, and make none."""
        self.pauses.append(seconds)

    def monotonic(self) -> float:
        return self.seconds

    async def add_provider(
        self,
        base_url: str,
        *,
        name: str = "Stand-in",
        api: LlmApi = "chat",
        models: list[dict[str, Any]] | None = None,
        key: str | None = KEY,
        is_enabled: bool = True,
    ) -> UUID:
        async with self.database.transaction() as uow:
            row_id = uow.new_id()
            values = self.vault.seal_into("llm_providers", row_id, {"api_key": key}, "api_key")
            row = LlmProvider(
                id=row_id,
                workspace_id=self.workspace_id,
                name=name,
                kind="custom",
                base_url=base_url,
                api=api,
                models=MODELS if models is None else models,
                is_enabled=is_enabled,
                created_by_user_id=self.user_id,
                created_at=uow.now,
                updated_at=uow.now,
                **values,
            )
            await uow.llm_providers.add(row)
        return row_id

    async def limit(
        self,
        scope: BudgetScope,
        *,
        micros: int | None = None,
        tokens: int | None = None,
        subject: str = EVERYBODY,
    ) -> UUID:
        async with self.database.transaction() as uow:
            budget = LlmBudget(
                id=uow.new_id(),
                workspace_id=self.workspace_id,
                scope=scope,
                subject=subject,
                limit_micros=micros,
                limit_tokens=tokens,
                created_at=uow.now,
                updated_at=uow.now,
            )
            await uow.llm_budgets.add(budget)
        return budget.id

    async def calls(self) -> list[LlmCall]:
        """Return what was entered, the oldest first."""
        async with self.database.read() as uow:
            found = await uow.llm_ledger.list_calls(
                self.workspace_id, user_id=None, run_id=None, before=None, limit=100
            )
        return list(found)[::-1]

    async def reserved(self) -> int:
        """Return how much is set aside by calls that are not over."""
        async with self.database.read() as uow:
            budget = LlmBudget(
                id=uow.new_id(),
                workspace_id=self.workspace_id,
                scope="run",
                subject="",
                limit_micros=0,
                limit_tokens=None,
                created_at=uow.now,
                updated_at=uow.now,
            )
            run = Payer(self.workspace_id, run_id=RUN)
            return (await uow.llm_ledger.used(budget, run)).cost_micros

    def ask(self, words: str, **more: Any) -> Request:
        payer = more.pop("payer", Payer(self.workspace_id, self.user_id))
        return Request(payer=payer, messages=(Message("user", words),), **more)

    async def events(self, request: Request) -> list[Event]:
        async with aclosing(self.client.stream(request)) as events:
            return [event async for event in events]


RUN = UUID("01990000-0000-7000-8000-000000000001")

PATIENT = Timeouts(connect_seconds=60, first_token_seconds=600, silence_seconds=600, total_seconds=900)
"""A busy machine is no fault of a provider."""


@asynccontextmanager
async def open_world(
    database: Database,
    *,
    only: tuple[str, ...] = (),
    allow_private: bool = True,
    built_in: BuiltInModel | None = None,
) -> AsyncGenerator[World]:
    workspace_id, user_id = await add_workspace(database)
    built_in = built_in or BuiltInModel(is_wanted=False, idle_seconds=60, memory_bytes=0)
    reach = Reach(allow_private=allow_private, only=only)
    world: World | None = None

    async def sleep(seconds: float) -> None:
        assert world is not None
        await world.sleep(seconds)

    def monotonic() -> float:
        return world.seconds if world is not None else 0.0

    async with Providers(Vault(lambda: [b"k" * 32]), read_catalogue(), reach, built_in) as providers:
        client = LlmClient(database, providers, timeouts=PATIENT, sleep=sleep, monotonic=monotonic)
        world = World(database, workspace_id, user_id, client)
        yield world
