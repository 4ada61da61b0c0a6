"""What others wrote into a document that is open here (N1): noticed by gaps and hints, read from the log.

The log's positions tell whose rows are whose. Those that this room wrote are told to it with their commit;
what lies between them, or behind them while nothing of its own is under way, others have written. A hint may
be lost, repeated or late: it only says that it is worth looking, and the next commit or look finds the same.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence

from crdt.ports import UpdateLog

logger = logging.getLogger(__name__)

ROWS_PER_READ = 500
"""What is applied at once; the loop gets a turn in between."""


class Foreign:
    """Follows the log of one document."""

    def __init__(
        self,
        address: str,
        log: UpdateLog,
        position: int,
        *,
        start: Callable[[Callable[[], Awaitable[None]]], object],
        take: Callable[[Sequence[bytes]], bool],
        lose: Callable[[], object],
        is_writing: Callable[[], bool],
    ) -> None:
        """Follow from a position on.

        `take` puts rows into the document, or says that it cannot now; `lose` is called when rows are not to
        be had any more; `is_writing` tells whether rows of this room's own are under way.
        """
        self.position: int = position
        """Every row up to here is in the document."""
        self.rows: int = 0
        """How many rows of others have been taken."""
        self._address = address
        self._log = log
        self._start = start
        self._take = take
        self._lose = lose
        self._is_writing = is_writing
        self._ahead: dict[int, int] = {}  # own rows behind a gap: first position -> last
        self._head = position
        self._is_reading = False

    @property
    def is_whole(self) -> bool:
        """Whether the document has nothing of what comes behind `position`."""
        return not self._ahead

    def saved(self, first: int, last: int) -> bool:
        """Note where own rows were committed; return whether they follow on what is in the document."""
        if last > self._head:
            self._head = last
        if first <= self.position + 1:
            self.position = max(self.position, last)
            return True
        self._ahead[first] = last
        self.look()
        return False

    def heard(self, head: int) -> None:
        """Note that the log reaches to a position."""
        self._head = max(self._head, head)
        self.look()

    def restart(self, position: int) -> None:
        """Note that the document was read anew."""
        self.position = position
        self._ahead.clear()

    def look(self) -> None:
        """Read what others wrote, if it is known which rows those are."""
        if self._head > self.position and not self._is_reading and self._upto() > self.position:
            self._is_reading = True
            self._start(self._read)

    def _upto(self) -> int:
        if self._ahead:
            return min(self._ahead) - 1
        return self.position if self._is_writing() else self._head

    async def _read(self) -> None:
        try:
            while (upto := self._upto()) > self.position:
                after, upto = self.position, min(upto, self.position + ROWS_PER_READ)
                rows = await self._log.read_rows(self._address, after, upto)
                if self.position != after:  # read anew meanwhile
                    continue
                if not self._take(rows):
                    return
                self.rows += len(rows)
                self.position = upto
                while self.position + 1 in self._ahead:
                    self.position = self._ahead.pop(self.position + 1)
        except LookupError:  # pruned, or of another epoch
            self._lose()
        except Exception as error:  # noqa: BLE001 - whatever the store says: the next look tries again
            logger.warning("document %s: what others wrote cannot be read: %s", self._address, error)
        finally:
            self._is_reading = False
