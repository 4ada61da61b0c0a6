"""The past of live documents (rule D8): read back and brought back. Joins the log, the core and a child.

Who may do what is `server.rest.versions`; how long the past is kept is `server.background.retention`.
"""

import msgspec

from crdt import history
from crdt.document import read_snapshot
from crdt.hub import Hub
from crdt.peer import Replica
from crdt.ports import DocumentName, Principal
from server.offload import Offload, size_of
from storage.update_log import UpdateLog


class Receipt(msgspec.Struct, frozen=True):
    """What a restored document is now."""

    position: int
    state_vector: bytes
    is_exact: bool


class History:
    """The past of all documents."""

    def __init__(self, log: UpdateLog, hub: Hub, offload: Offload) -> None:
        self._log = log
        self._hub = hub
        self._offload = offload

    async def state_at(self, document: str, position: int) -> bytes:
        """Return what a document was at a position, as one update.

        Raises storage's UnknownDocumentError, UnknownPositionError.
        """
        _, snapshot, rows = await self._log.read_at(document, position)
        return await self._offload.run(size_of(snapshot, rows), history.document_at, snapshot, rows)

    async def restore(self, document: str, position: int, base: int, principal: Principal) -> Receipt:
        """Undo what was done behind one position up to another, as an edit of somebody's (D8, R8).

        It merges with what is done behind `base`, which stays. Raises what `state_at` raises, and crdt's
        errors when the edit is refused or cannot be saved now.
        """
        async with self._hub.join(DocumentName(document), principal) as replica:
            restored = await self._compute(document, position, base, replica)
            replica.doc.apply_update(restored.update)
            saved = await replica.saved()
            return Receipt(saved or base, replica.doc.get_state(), restored.is_exact)

    async def _compute(self, document: str, position: int, base: int, replica: Replica) -> history.Restored:
        _, snapshot, rows = await self._log.read_at(document, position)
        pruned_to, _ = await self._log.extent(document)
        after: list[bytes] = []
        if position < pruned_to:
            # The rows between are gone; the snapshot in their place has what they did.
            _, stand_in, _ = await self._log.read_at(document, pruned_to)
            after += read_snapshot(stand_in)
        after += await self._log.read_rows(document, max(position, pruned_to), base)
        return await self._offload.run(
            size_of(snapshot, rows) + size_of(None, after),
            history.restore,
            snapshot,
            rows,
            after,
            client_id=replica.doc.client_id,
        )
