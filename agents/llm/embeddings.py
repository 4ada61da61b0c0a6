"""Vectors of texts, from a provider of the workspace that makes them; their cost is entered like any call's.

Whoever asks does without where there are none: nothing here fails for want of a model, of money or of an
answer.
"""

import asyncio
import logging
import math
import time
from array import array
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec
from anyio import CancelScope

from agents.llm.calls import Means
from agents.llm.errors import BudgetExceededError, NonsenseError, ProviderError, UnavailableError
from agents.llm.ledger import Entry
from agents.llm.messages import Message, Request, Timeouts, Usage
from agents.llm.models import Model
from agents.llm.providers import Access, load
from agents.llm.routing import input_tokens
from storage.engine import Database
from storage.errors import VaultError
from storage.repositories.llm import Payer

logger = logging.getLogger(__name__)

MOST_TEXTS: Final = 64
"""Of one call."""

MOST_DIMENSIONS: Final = 4096
SECONDS: Final = 20.0
"""Longer than this nobody waits for something that one can do without."""


class Vectors(msgspec.Struct, frozen=True):
    """A vector for each text: little-endian 32-bit floats, of the length 1. Only those of a model compare."""

    model: str
    vectors: tuple[bytes, ...]


class Embedder:
    """Makes vectors for all workspaces."""

    def __init__(self, database: Database, means: Means) -> None:
        self._database = database
        self._means = means

    async def embed(self, payer: Payer, texts: Sequence[str]) -> Vectors | None:
        """Return the vectors of some texts; None where there is no model for this, or not at the moment."""
        assert 0 < len(texts) <= MOST_TEXTS
        found = await self._find(payer.workspace_id)
        if found is None:
            return None
        access, model = found
        request = Request(
            payer=payer,
            messages=tuple(Message("user", text) for text in texts),
            task="extract",
            max_output_tokens=1,
        )
        try:
            reservation = await self._means.ledger.reserve(request, model, Usage(), None, seconds=SECONDS)
        except BudgetExceededError:
            return None
        breaker = self._means.breakers.of(access.provider.id)
        if not breaker.enter():
            await self._settle(request, (access, model), Usage(), 0.0, reservation, error="circuit_open")
            return None
        begun, usage, error = time.perf_counter(), Usage(), "cancelled"
        has_failed: bool | None = None
        try:
            vectors, tokens = await self._ask(access, model, texts)
            read = tokens or input_tokens(request)
            usage = Usage(read, 0, model.cost_micros(read, 0), is_estimate=not tokens)
            error, has_failed = "", False
        except ProviderError as failure:
            error, has_failed = failure.code, failure.is_outage
            logger.info("vectors of %s cannot be had: %s", model.id, failure.code)
            return None
        finally:
            breaker.leave(has_failed=has_failed)
            with CancelScope(shield=True):
                seconds = time.perf_counter() - begun
                await self._settle(request, (access, model), usage, seconds, reservation, error=error)
        return Vectors(_name_of(access, model), vectors)

    async def model_of(self, workspace_id: UUID) -> str | None:
        """Return whose vectors a workspace gets, as `Vectors.model` has it; None where there is no model."""
        found = await self._find(workspace_id)
        return _name_of(*found) if found else None

    async def _find(self, workspace_id: UUID) -> tuple[Access, Model] | None:
        """Return the first model of the workspace that makes vectors."""
        async with self._database.read() as uow:
            found = await self._means.providers.of(uow, workspace_id)
        for access in found:
            for model in access.provider.models:
                if model.can("embeddings"):
                    return access, model
        return None

    async def _ask(self, access: Access, model: Model, texts: Sequence[str]) -> tuple[tuple[bytes, ...], int]:
        """Return the vectors and how many tokens were read. Raises ProviderError."""
        names = (access.provider.name, model.id)
        await asyncio.to_thread(load)
        from agents.llm.faults import translate  # it imports the client, which is loaded by now

        secret = ""
        try:
            async with (
                asyncio.timeout(SECONDS),
                self._means.providers.connect(access, Timeouts(total_seconds=SECONDS)) as connection,
            ):
                secret = connection.secret
                answer = await connection.client.embeddings.create(
                    model=model.id, input=list(texts), encoding_format="float"
                )
            ordered = sorted(answer.data, key=lambda one: one.index)
            return _checked([one.embedding for one in ordered], len(texts)), answer.usage.prompt_tokens
        except (VaultError, OSError) as error:
            raise UnavailableError(*names, "It cannot be reached in time.") from error
        except (ValueError, TypeError, AttributeError, OverflowError) as error:
            raise NonsenseError(*names, "What came are no vectors.") from error
        except ProviderError:
            raise
        except Exception as error:
            raise translate(error, *names, secret, has_begun=False) from error

    async def _settle(
        self,
        request: Request,
        of: tuple[Access, Model],
        usage: Usage,
        seconds: float,
        reservation: UUID | None,
        *,
        error: str,
    ) -> None:
        entry = Entry(
            id=self._means.ledger.new_id(),
            provider=of[0].provider.name,
            model=of[1].id,
            usage=usage,
            attempts=1,
            outcome="failed" if error else "done",
            error=error or None,
            duration_ms=round(seconds * 1000),
        )
        await self._means.ledger.settle(request, entry, reservation)


def _name_of(access: Access, model: Model) -> str:
    return f"{access.provider.id}:{model.id}"


def _checked(vectors: Sequence[Sequence[float]], count: int) -> tuple[bytes, ...]:
    """Return vectors as they are kept. Raises ValueError for what cannot be compared."""
    dimensions = {len(vector) for vector in vectors}
    if len(vectors) != count or len(dimensions) != 1 or not 0 < min(dimensions) <= MOST_DIMENSIONS:
        raise ValueError("another number of vectors or dimensions")
    found: list[bytes] = []
    for vector in vectors:
        length = math.hypot(*vector)
        if not math.isfinite(length) or length == 0:
            raise ValueError("a vector without a direction")
        found.append(array("f", (value / length for value in vector)).tobytes())
    return tuple(found)
