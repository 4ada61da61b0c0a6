"""One attempt: one model is asked once, with deadlines, and what it used is counted however it ends."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from agents.llm.errors import CutStreamError, ProviderError, TimedOutError, UnavailableError
from agents.llm.messages import Done, Event, Request, Timeouts, Usage
from agents.llm.parts import CountPart, Part
from agents.llm.providers import Access, Connection, Providers
from agents.llm.routing import Candidate, input_tokens
from agents.llm.shaping import Assembly, ask_of
from storage.errors import VaultError

COUNT_SECONDS = 5.0
"""How long the count of tokens is waited for when the answer is complete."""


class Attempt:
    """One attempt at one candidate."""

    def __init__(
        self, providers: Providers, access: Access, candidate: Candidate, request: Request, timeouts: Timeouts
    ) -> None:
        self._providers = providers
        self._access = access
        self._model = candidate.model
        self._request = request
        self._timeouts = timeouts
        self._assembly = Assembly(request, candidate.model)
        self._count: CountPart | None = None
        self._has_begun = False
        self.names = (candidate.provider.name, candidate.model.id)
        self.first_token_seconds: float | None = None
        self.done: Done | None = None

    @property
    def has_begun(self) -> bool:
        """Whether the provider has begun to answer, which it will want to be paid for."""
        return self._has_begun

    @property
    def usage(self) -> Usage:
        """What the attempt has used: as the provider says, or estimated where it did not say."""
        if self._count is not None and self._count.input_tokens:
            counts = (self._count.input_tokens, self._count.output_tokens)
            return Usage(*counts, self._model.cost_micros(*counts))
        if not self._has_begun:
            return Usage()
        counts = (input_tokens(self._request), self._assembly.characters // 3 + 1)
        return Usage(*counts, self._model.cost_micros(*counts), is_estimate=True)

    async def events(self, attempts: int) -> AsyncGenerator[Event]:
        """Yield texts as they come, and tool calls at the end; then `done` is there. Raises ProviderError."""
        secret = ""
        try:
            async with self._providers.connect(self._access, self._timeouts) as connection:
                secret = connection.secret
                async with aclosing(self._parts(connection)) as parts:
                    async for part in parts:
                        for event in self._assembly.take(part):
                            yield event
            events, self.done = self._assembly.finish(*self.names, attempts)
            for event in events:
                yield event
        except VaultError as error:
            raise UnavailableError(*self.names, "Its key cannot be opened.") from error
        except (OSError, TimeoutError) as error:
            raise UnavailableError(*self.names, "It cannot be reached, or not be started.") from error
        except ProviderError:
            raise
        except Exception as error:
            raise self._translate(error, secret) from error

    async def _parts(self, connection: Connection) -> AsyncGenerator[Part]:
        """Yield the parts of an answer until it is complete and counted, or a deadline passes."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        wait = self._timeouts.first_token_seconds
        ask = ask_of(self._request, self._model, self._access.provider.kind.output_limit)
        async with aclosing(connection.api.stream(connection.client, ask)) as parts:
            while True:
                deadline = min(loop.time() + wait, begun + self._timeouts.total_seconds)
                try:
                    async with asyncio.timeout_at(deadline):
                        part = await anext(parts, None)
                except TimeoutError as error:
                    if self._assembly.reason is not None:
                        return
                    raise self._timed_out(loop.time() - begun) from error
                except Exception:
                    if self._assembly.reason is not None:
                        return  # complete, but for its count
                    raise
                if part is None:
                    break
                if not self._has_begun:
                    self._has_begun = True
                    self.first_token_seconds = loop.time() - begun
                if isinstance(part, CountPart):
                    self._count = part
                yield part
                is_complete = self._assembly.reason is not None
                if is_complete and self._count is not None:
                    return
                wait = COUNT_SECONDS if is_complete else self._timeouts.silence_seconds
        if self._assembly.reason is None:
            raise CutStreamError(*self.names, "The answer ended in the middle.")

    def _timed_out(self, seconds: float) -> ProviderError:
        if not self._has_begun:
            return TimedOutError(*self.names, f"It did not begin to answer within {seconds:.0f} seconds.")
        if seconds >= self._timeouts.total_seconds:
            return TimedOutError(*self.names, f"The answer was not complete after {seconds:.0f} seconds.")
        return TimedOutError(*self.names, "It stopped in the middle of the answer.")

    def _translate(self, error: Exception, secret: str) -> ProviderError:
        from agents.llm.faults import translate  # it imports the client, which is loaded by now

        return translate(error, *self.names, secret, has_begun=self._has_begun)
