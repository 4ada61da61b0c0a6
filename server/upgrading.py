"""Brings the tables to this version in a child process: what that needs is gone from memory when it is done.

Alembic, the revisions and what SQLAlchemy keeps of their statements take more than ten megabytes, and are
needed once. The child is a fork, which imports nothing anew: it is made before the server's first thread.
"""

import asyncio
import multiprocessing
import signal
from contextlib import suppress
from multiprocessing.connection import Connection
from socket import socket

from server.bootstrap import open_database
from server.settings import Settings
from storage import migrations
from storage.errors import StorageError


class UpgradeError(StorageError):
    """The tables could not be brought to this version."""

    code = "upgrade_failed"


class Upgrade:
    """One that has begun. Made before there is an event loop."""

    def __init__(self, settings: Settings, listener: socket) -> None:
        self._answer, answer = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.get_context("fork").Process
        self._child = process(target=_upgrade, args=(settings, listener, answer), daemon=True)
        self._child.start()
        answer.close()

    async def wait(self) -> None:
        """Wait until it is done. Raises UpgradeError."""
        try:
            said = await asyncio.to_thread(self._read)
        finally:
            # Whoever stops the server does not wait for it: all of it is one transaction.
            with suppress(ValueError):  # it has ended
                self._child.terminate()
        if said is not None:
            raise UpgradeError(said)

    def _read(self) -> str | None:
        try:
            return self._answer.recv()
        except EOFError:
            return "bringing the tables to this version failed: see what is said above"
        finally:
            self._answer.close()
            self._child.join()
            self._child.close()


def _upgrade(settings: Settings, listener: socket, answer: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal's Ctrl+C: the parent ends the child
    listener.close()  # the parent's, and nobody's when that has ended
    answer.send(asyncio.run(_run(settings)))


async def _run(settings: Settings) -> str | None:
    """Return what to say of a failure."""
    try:
        async with open_database(settings) as database:
            await migrations.upgrade(database)
    except StorageError as error:
        return str(error)
    return None
