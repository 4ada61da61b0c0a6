"""One call: its candidates, its attempts, its money.

Attempts go on over candidates until one answers. Before each of them what the call may come to is set aside;
when the call is over, however it ends, what it has used is entered.
"""

import asyncio
import logging
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from uuid import UUID

import msgspec
from anyio import CancelScope

from agents.llm.attempts import Attempt
from agents.llm.breaker import Breakers
from agents.llm.errors import BudgetExceededError, CircuitOpenError, LlmError, NonsenseError, ProviderError
from agents.llm.ledger import Entry, Ledger
from agents.llm.messages import Event, Request, Timeouts, Usage
from agents.llm.providers import Access, Providers
from agents.llm.routing import Candidate
from agents.llm.statistics import Counts

logger = logging.getLogger(__name__)

ATTEMPTS = 3
"""At one model."""

NONSENSE_ATTEMPTS = 2
PAUSE_SECONDS = 0.5
"""Before the second attempt; doubled before the third."""

LONGEST_PAUSE_SECONDS = 20.0
"""A provider that wants more time is passed over for the next candidate."""


class Restarted(msgspec.Struct, frozen=True):
    """All events before this one belong to an attempt that failed."""


class Means(msgspec.Struct, frozen=True):
    """What all calls of a process share."""

    providers: Providers
    ledger: Ledger
    breakers: Breakers
    counts: Counts
    timeouts: Timeouts
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep


class Call:
    """One call. `is_shown`: its events are shown as they come, so an attempt that has begun is the last."""

    def __init__(self, means: Means, request: Request, *, is_shown: bool) -> None:
        self._means = means
        self._request = request
        self._is_shown = is_shown
        self._timeouts = request.timeouts or means.timeouts
        self._counts = means.counts
        self._spent = Usage()
        self._attempts = 0
        self._reservation: UUID | None = None
        self._names = ("", "")
        self._failure: LlmError | None = None
        self._begun = time.perf_counter()
        self._outcome = "cancelled"
        self._entry_id: UUID | None = None

    async def events(
        self, candidates: Sequence[tuple[Candidate, Access]]
    ) -> AsyncGenerator[Event | Restarted]:
        """Yield the events of the call. Raises LlmError."""
        self._counts.in_flight += 1
        try:
            async with aclosing(self._over(candidates)) as events:
                async for event in events:
                    yield event
        except LlmError as error:
            self._outcome = error.code
            raise
        finally:
            self._counts.in_flight -= 1
            self._counts.end(self._outcome)
            if self._outcome != "done":
                with CancelScope(shield=True):
                    await self._settle(self._outcome)

    async def _over(
        self, candidates: Sequence[tuple[Candidate, Access]]
    ) -> AsyncGenerator[Event | Restarted]:
        """Go through the candidates until one has answered."""
        for n, (candidate, access) in enumerate(candidates):
            self._counts.fallbacks += n > 0
            for attempt_number in range(1, ATTEMPTS + 1):
                attempt = await self._begin(candidate, access)
                if attempt is None:
                    break
                events = self._events_of(attempt, candidate)
                async with aclosing(events):
                    async for event in events:
                        yield event
                if attempt.done is not None:
                    await self._settle("done")
                    self._outcome = (
                        "done"  # whoever has heard the end may close the call instead of reading on
                    )
                    yield self._spent
                    yield attempt.done
                    return
                if not self._is_shown and attempt.has_begun:
                    yield Restarted()
                if not await self._pause(attempt_number):
                    break
        assert self._failure is not None
        if isinstance(self._failure, BudgetExceededError):
            await self._means.ledger.tell_exhausted(self._request, self._failure)
        raise self._failure

    async def _begin(self, candidate: Candidate, access: Access) -> Attempt | None:
        """Return an attempt that may be made; None where the provider rests, or the money does not do."""
        names = (candidate.provider.name, candidate.model.id)
        breaker = self._means.breakers.of(candidate.provider.id)
        if breaker.state == "open":
            self._note(CircuitOpenError(*names, "It has failed so often that it is left alone for a moment."))
            return None
        try:
            self._reservation = await self._means.ledger.reserve(
                self._request,
                candidate.model,
                self._spent,
                self._reservation,
                seconds=self._timeouts.total_seconds,
            )
        except BudgetExceededError as error:
            self._note(error)
            return None
        if not breaker.enter():
            self._note(CircuitOpenError(*names, "It has failed so often that it is tried by one call first."))
            return None
        self._attempts += 1
        self._names = names
        return Attempt(self._means.providers, access, candidate, self._request, self._timeouts)

    async def _events_of(self, attempt: Attempt, candidate: Candidate) -> AsyncGenerator[Event]:
        """Yield an attempt's events. A failure is noted; it is raised where something was shown already."""
        breaker = self._means.breakers.of(candidate.provider.id)
        has_failed: bool | None = None
        is_shown = False
        try:
            async with aclosing(attempt.events(self._attempts)) as events:
                async for event in events:
                    is_shown = True
                    yield event
            has_failed = False
        except ProviderError as error:
            has_failed = error.is_outage
            self._failure = error
            logger.info("a call to %s failed: %s", attempt.names[0], error.code)
            if is_shown and self._is_shown:
                raise
        finally:
            breaker.leave(has_failed=has_failed)
            self._count(attempt)

    async def _pause(self, attempt_number: int) -> bool:
        """Wait before the next attempt at the same model; False where there is none."""
        error = self._failure
        if not isinstance(error, ProviderError) or not error.is_transient:
            return False
        most = NONSENSE_ATTEMPTS if isinstance(error, NonsenseError) else ATTEMPTS
        if attempt_number >= most or self._request.task == "test":
            return False
        pause = PAUSE_SECONDS * 2 ** (attempt_number - 1) * random.uniform(0.8, 1.2)
        pause = max(pause, error.retry_after_seconds or 0)
        if pause > LONGEST_PAUSE_SECONDS:
            return False
        self._counts.retries += 1
        await self._means.sleep(pause)
        return True

    def _note(self, error: LlmError) -> None:
        """Remember why a candidate was not asked, unless something went wrong before."""
        self._failure = self._failure or error

    def _count(self, attempt: Attempt) -> None:
        usage = attempt.usage
        self._spent = self._spent.plus(usage)
        self._counts.input_tokens += usage.input_tokens
        self._counts.output_tokens += usage.output_tokens
        self._counts.cost_micros += usage.cost_micros
        if attempt.first_token_seconds is not None:
            self._counts.first_token.add(attempt.first_token_seconds)

    async def _settle(self, outcome: str) -> None:
        """Enter the call; as the same entry, if the first time was cancelled when it may have been kept."""
        self._entry_id = self._entry_id or self._means.ledger.new_id()
        provider, model = self._names
        entry = Entry(
            id=self._entry_id,
            provider=provider,
            model=model,
            usage=self._spent,
            attempts=self._attempts,
            outcome="done" if outcome == "done" else "failed",
            error=None if outcome == "done" else outcome,
            duration_ms=round((time.perf_counter() - self._begun) * 1000),
        )
        await self._means.ledger.settle(self._request, entry, self._reservation)
