"""Pools of connections that grow slowly. Owns when a pool opens another connection.

SQLAlchemy's own opens one whenever none is free: a server's thirty jobs, which all begin by looking at the
database, open all that it allows at once, and close most of them a moment later. Opening one takes longer
than most transactions, and each has pages, statements and a schema in memory, in Postgres a whole process.
"""

import logging
from time import monotonic

from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry
from sqlalchemy.util.queue import Empty

# A pool tells of itself by the name of its class; SQLAlchemy keeps its own classes as quiet.
logging.getLogger(__name__).setLevel(logging.WARNING)

PATIENCE_SECONDS = 0.02
"""How long one waits for a connection that somebody gives back; and a pool opens one in this time."""


class PatientPool(AsyncAdaptedQueuePool):
    """Opens a connection only when none was given back for a while."""

    _grew_at = 0.0

    @property
    def patience_seconds(self) -> float:
        """How long to wait now."""
        return PATIENCE_SECONDS

    def _do_get(self) -> ConnectionPoolEntry:
        # Without any in use nobody gives one back. At the limit SQLAlchemy waits, and says what is wrong.
        while self.checkedout() > 0 and self._overflow < self._max_overflow:
            patience_seconds = self.patience_seconds
            try:
                return self._pool.get(block=True, timeout=patience_seconds)
            except Empty:
                now = monotonic()
                if now - self._grew_at >= patience_seconds:
                    self._grew_at = now
                    break
        return super()._do_get()


class SqlitePool(PatientPool):
    """Waits twice as long with each connection that it has.

    Readers of SQLite work in this process, so that more of them do not make many short reads faster. Where
    some are long, 0.14 s of waiting make four, and 2.5 s all eight.
    """

    @property
    def patience_seconds(self) -> float:
        """How long to wait now."""
        others = self.checkedout() + self.checkedin() - 1
        return PATIENCE_SECONDS * 2.0 ** max(0, others)
