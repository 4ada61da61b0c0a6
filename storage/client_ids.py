"""Whose the Yjs client ids are: read with a room, written for all rooms of a process together (rule A7).

Owns the queue of what is not committed yet and the one task that commits it, a transaction for all that has
gathered. An edit is acknowledged only when this knows whose it is, so a failing store is tried again and
again, as for the log (D5).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Self

import msgspec

from storage.engine import Database
from storage.errors import LogClosedError, StoreUnavailableError
from storage.repositories.client_ids import Binding

logger = logging.getLogger(__name__)

RETRY_SECONDS = 1.0


class _Wanted(msgspec.Struct, frozen=True):
    document: str
    bindings: Sequence[Binding]
    done: asyncio.Future[list[Binding]]


class ClientIdTable:
    """Implements `crdt.ports.ClientIds`. Open between `async with` and its end.

    Leaving the block commits what has gathered, for up to `close_seconds` if the store fails.
    """

    def __init__(
        self,
        database: Database,
        *,
        close_seconds: float = 0.5,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._database = database
        self._close_seconds = close_seconds
        self._sleep = sleep
        self._wanted: list[_Wanted] = []
        self._wake = asyncio.Event()
        self._is_closing = False

    async def __aenter__(self) -> Self:
        self._committer = asyncio.get_running_loop().create_task(self._run(), name="client-ids")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_closing = True
        self._wake.set()
        try:
            await asyncio.wait({self._committer}, timeout=self._close_seconds)
        finally:
            self._committer.cancel()
            await asyncio.wait({self._committer})
            _fail(self._wanted, LogClosedError("client ids were not saved before the end"))

    async def load(self, document: str) -> list[Binding]:
        """Return all bindings of a document; raises StoreUnavailableError."""
        async with self._database.read() as uow:
            return await uow.client_ids.of(document)

    def bind(self, document: str, bindings: Sequence[Binding]) -> "asyncio.Future[list[Binding]]":
        """Queue bindings and return at once.

        The future gives, after the commit, those of the client ids that are somebody else's. It fails with
        LogClosedError, and with the error of a database that refuses them for good.
        """
        done = asyncio.get_running_loop().create_future()
        if self._is_closing:
            done.set_exception(LogClosedError("client ids are not saved any more"))
            return done
        self._wanted.append(_Wanted(document, bindings, done))
        self._wake.set()
        return done

    async def _run(self) -> None:
        while self._wanted or not self._is_closing:
            await self._wake.wait()
            self._wake.clear()
            while self._wanted:
                group = list(self._wanted)
                try:
                    await self._commit(group)
                except StoreUnavailableError as error:
                    logger.error("client ids cannot be saved and are tried again: %s", error)  # noqa: TRY400
                    await self._sleep(RETRY_SECONDS)
                    continue
                except Exception as error:
                    # The edge of the task: it must live on for the other documents (R7).
                    logger.exception("%d bindings of client ids cannot be saved", len(group))
                    _fail(group, error)
                del self._wanted[: len(group)]

    async def _commit(self, group: list[_Wanted]) -> None:
        bindings: dict[str, dict[int, Binding]] = {}
        for wanted in group:
            its_bindings = bindings.setdefault(wanted.document, {})
            its_bindings.update((binding[0], binding) for binding in wanted.bindings)
        async with self._database.transaction() as uow:
            others = await uow.client_ids.bind(
                {document: list(its_bindings.values()) for document, its_bindings in bindings.items()}
            )
        for wanted in group:
            mine = {binding[0] for binding in wanted.bindings}
            if not wanted.done.done():
                its_others = others.get(wanted.document, [])
                wanted.done.set_result([other for other in its_others if other[0] in mine])


def _fail(group: Sequence[_Wanted], error: Exception) -> None:
    for wanted in group:
        if not wanted.done.done():
            wanted.done.set_exception(error)
