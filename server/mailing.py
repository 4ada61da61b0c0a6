"""Mails on their way: sent beside the request that wants them, and tried again where that may help.

A request never waits for a mail server, and takes as long whether there is somebody to write to or not. What
waits is in memory: whoever gets no mail asks again. What must arrive keeps its own record of that and calls
the `Mailer` itself.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Self

import anyio

from integrations.errors import MailRefusedError, MailUnavailableError
from integrations.mail.models import Mail
from integrations.mail.ports import Mailer

logger = logging.getLogger("ionflux.mail")

WAITING = 1000
"""Mails that may wait; what comes beyond that is dropped, with an error in the log."""

AT_ONCE = 4
"""Connections to the mail server."""

RETRY_SECONDS = (5, 30, 120, 600)

CLOSE_SECONDS = 2
"""For what is being handed over when the process stops."""


class Mailing:
    """Sends mails in tasks of its own, within `async with`."""

    def __init__(self, mailer: Mailer, *, retry_seconds: Sequence[float] = RETRY_SECONDS) -> None:
        self._mailer = mailer
        self._retry_seconds = retry_seconds
        self._waiting = 0
        self._connections = anyio.CapacityLimiter(AT_ONCE)
        self._tasks = anyio.create_task_group()

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        self._tasks.cancel_scope.deadline = anyio.current_time() + CLOSE_SECONDS
        result = await self._tasks.__aexit__(kind, error, traceback)
        if self._waiting:
            logger.warning("%s mails were not sent any more", self._waiting)
        return result

    def post(self, mail: Mail) -> None:
        """Send a mail soon."""

        async def make() -> Mail:
            return mail

        self.post_made(make)

    def post_made(self, make: Callable[[], Awaitable[Mail | None]]) -> None:
        """Send soon what is made then, if anything: whoever waits for the answer cannot tell."""
        if self._waiting >= WAITING:
            logger.error("a mail was dropped: %s are waiting", WAITING)
            return
        self._waiting += 1
        self._tasks.start_soon(self._make_and_deliver, make)

    async def _make_and_deliver(self, make: Callable[[], Awaitable[Mail | None]]) -> None:
        try:
            mail = await make()
        except Exception:  # the edge of a task: no mail may end the others'
            logger.exception("a mail could not be written")
            mail = None
        if mail is not None:
            await self._deliver(mail)
        self._waiting -= 1

    async def _deliver(self, mail: Mail) -> None:
        for delay_seconds in (*self._retry_seconds, None):
            try:
                async with self._connections:
                    await self._mailer.send(mail)
                break
            except MailRefusedError as error:
                logger.error("a mail cannot be delivered: %s", error)  # noqa: TRY400 - the reason is enough
                break
            except MailUnavailableError as error:
                if delay_seconds is None:
                    logger.error("a mail is given up: %s", error)  # noqa: TRY400
                    break
                logger.warning("a mail waits %s s: %s", delay_seconds, error)
                await anyio.sleep(delay_seconds)
            except Exception:  # the edge of a task: no mail may end the others'
                logger.exception("a mail could not be sent")
                break
