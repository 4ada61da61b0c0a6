"""Snapshots of documents that are too large to be encoded between two turns of the event loop.

A room encodes its own snapshot in a millisecond for every 300 KB. Beyond some megabytes that holds everybody
up, and the log has all that is needed to do the same elsewhere.
"""

from crdt import history
from server.offload import Offload, size_of
from storage.update_log import UpdateLog


class Folding:
    """Makes snapshots of committed positions from the log, in the child."""

    def __init__(self, log: UpdateLog, offload: Offload) -> None:
        self._log = log
        self._offload = offload

    async def fold(self, document: str, position: int) -> int:
        """Keep a snapshot at a committed position; return its bytes.

        Raises storage's errors and DocumentDamaged.
        """
        _, snapshot, rows = await self._log.read_at(document, position)
        if not rows:
            return len(snapshot or b"")
        folded = await self._offload.run(size_of(snapshot, rows), history.fold, snapshot, rows)
        await self._log.save_snapshot(document, position, folded)
        return len(folded)
