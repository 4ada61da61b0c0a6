"""In which pages a block is: what the projected rows say, and what this process has written since.

The rows follow the log. A block that was made through this process is found at once; any other without a row
waits for the rows.
"""

from collections import OrderedDict
from collections.abc import Sequence
from uuid import UUID

from server.projections.finding import Finding
from storage.unit_of_work import UnitOfWork

MAX_NOTED = 10_000


class BlockIndex:
    """Finds pages by the ids of their blocks."""

    def __init__(self, finding: Finding) -> None:
        self._finding = finding
        self._noted: OrderedDict[str, UUID] = OrderedDict()

    def note(self, block_id: str, page_id: UUID) -> None:
        """Note where a block was written."""
        self._noted[block_id] = page_id
        self._noted.move_to_end(block_id)
        if len(self._noted) > MAX_NOTED:
            self._noted.popitem(last=False)

    async def pages_of(self, block_id: str) -> Sequence[UUID]:
        """Return the pages that may have a block, those first where it was written last.

        Raises OverloadedError where that cannot be told yet.
        """

        async def look(uow: UnitOfWork) -> Sequence[UUID]:
            noted = [self._noted[block_id]] if block_id in self._noted else []
            found = await uow.projected_blocks.pages_with(block_id)
            return [*noted, *(page_id for page_id in found if page_id not in noted)]

        return await self._finding.find(block_id, "page", look)
