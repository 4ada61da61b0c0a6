"""The one way to call a language model: finds one, keeps to budgets, tries again, falls back, accounts.

    async with aclosing(llm.stream(request)) as events:
        async for event in events: ...
    answer = await llm.complete(request)

Both raise an LlmError with a message that can be shown. A stream that has begun is not begun again: whoever
reads it has shown some of it already. `complete` has shown nothing, and goes on with the next attempt.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Protocol
from uuid import UUID

from agents.llm.breaker import Breakers
from agents.llm.calls import Call, Means, Restarted
from agents.llm.embeddings import Embedder
from agents.llm.errors import NoProviderError
from agents.llm.ledger import Ledger
from agents.llm.messages import Answer, Event, Request, TextDelta, Timeouts
from agents.llm.providers import Access, Providers, load
from agents.llm.routing import Candidate, choose
from agents.llm.statistics import Counts, LlmStatistics
from storage.engine import Database


class Listener(Protocol):
    """Hears an answer while it comes."""

    def more(self, text: str) -> None:
        """Hear more of its text."""
        ...

    def again(self) -> None:
        """Hear that it begins anew: what was heard belongs to an attempt that failed."""
        ...


class LlmClient:
    """Calls for all workspaces."""

    def __init__(
        self,
        database: Database,
        providers: Providers,
        *,
        timeouts: Timeouts | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.providers = providers
        self._database = database
        self._means = Means(
            providers=providers,
            ledger=Ledger(database),
            breakers=Breakers(monotonic),
            counts=Counts(),
            timeouts=timeouts or Timeouts(),
            sleep=sleep,
        )
        self.embedder = Embedder(database, self._means)
        self._is_loaded = False

    def statistics(self) -> LlmStatistics:
        """Return the numbers of this moment."""
        counts = self._means.counts
        return LlmStatistics(
            calls=dict(counts.calls),
            retries=counts.retries,
            fallbacks=counts.fallbacks,
            input_tokens=counts.input_tokens,
            output_tokens=counts.output_tokens,
            cost_micros=counts.cost_micros,
            in_flight=counts.in_flight,
            circuits_open=self._means.breakers.count_open(),
            is_built_in_running=self.providers.built_in.process_id is not None,
            first_token_seconds=counts.first_token.value(),
        )

    async def stream(self, request: Request) -> AsyncGenerator[Event]:
        """Yield the events of an answer as they come. Close it, if it is not read to its end."""
        candidates = await self._candidates(request)
        call = Call(self._means, request, is_shown=True)
        async with aclosing(call.events(candidates)) as events:
            async for event in events:
                assert not isinstance(event, Restarted)
                yield event

    async def complete(
        self, request: Request, *, only: UUID | None = None, listener: Listener | None = None
    ) -> Answer:
        """Return an answer as a whole; `only`: of this provider of the workspace, though it may be off."""
        candidates = await self._candidates(request, only)
        call = Call(self._means, request, is_shown=False)
        collected: list[Event] = []
        async with aclosing(call.events(candidates)) as events:
            async for event in events:
                if isinstance(event, Restarted):
                    collected.clear()
                    if listener is not None:
                        listener.again()
                else:
                    collected.append(event)
                    if listener is not None and isinstance(event, TextDelta):
                        listener.more(event.text)
        return Answer.of(collected)

    async def _candidates(
        self, request: Request, only: UUID | None = None
    ) -> Sequence[tuple[Candidate, Access]]:
        """Return what a request can go to, the best first. Raises NoProviderError."""
        async with self._database.read() as uow:
            workspace = await uow.workspaces.get(request.payer.workspace_id)
            found = await self.providers.of(uow, request.payer.workspace_id, only=only) if workspace else ()
        default = workspace.settings.get("default_llm_config") if workspace else None
        by_id = {access.provider.id: access for access in found}
        chosen = choose(request, [access.provider for access in found], default)
        if not chosen:
            self._means.counts.end(NoProviderError.code)
            raise NoProviderError(_why_none(request, found))
        if not self._is_loaded:
            await asyncio.to_thread(load)
            self._is_loaded = True
        return [(candidate, by_id[candidate.provider.id]) for candidate in chosen]


def _why_none(request: Request, found: Sequence[Access]) -> str:
    if not found:
        return (
            "This workspace has no provider of language models, and this server no built-in model. "
            "Somebody who manages the workspace can add a provider."
        )
    names = ", ".join(request.models)
    if request.only_these and names:
        return f"This workspace has none of these models: {names}."
    return (
        "None of this workspace's models can do this: the text is too long, or it takes abilities they lack."
    )
