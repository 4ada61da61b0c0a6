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

    def _do_get(self) -> ConnectionPoolEntry:
        # Without any in use nobody gives one back. At the limit SQLAlchemy waits, and says what is wrong.
        while self.checkedout() > 0 and self._overflow < self._max_overflow:
            try:
                return self._pool.get(block=True, timeout=PATIENCE_SECONDS)
            except Empty:
                now = monotonic()
                if now - self._grew_at >= PATIENCE_SECONDS:
                    self._grew_at = now
                    break
        return super()._do_get()
