"""In which pages a block is: what the projected rows say, and what this process has written since.

The rows follow the log within about a second; a block that was made through this process is found at once.
"""

from collections import OrderedDict
from collections.abc import Sequence
from uuid import UUID

from storage.engine import Database

MAX_NOTED = 10_000


class BlockIndex:
    """Finds pages by the ids of their blocks."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._noted: OrderedDict[str, UUID] = OrderedDict()

    def note(self, block_id: str, page_id: UUID) -> None:
        """Note where a block was written."""
        self._noted[block_id] = page_id
        self._noted.move_to_end(block_id)
        if len(self._noted) > MAX_NOTED:
            self._noted.popitem(last=False)

    async def pages_of(self, block_id: str) -> Sequence[UUID]:
        """Return the pages that may have a block, those first where it was written last."""
        noted = [self._noted[block_id]] if block_id in self._noted else []
        async with self._database.read() as uow:
            found = await uow.projected_blocks.pages_with(block_id)
        return [*noted, *(page_id for page_id in found if page_id not in noted)]
