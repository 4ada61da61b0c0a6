"""In which pages a block is: what the projected rows say, and what this process has written since.

The rows follow the log within about a second. A block that was made through this process is found at once,
and one that another process has just made is waited for: its id, a UUIDv7, says how old it is.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from uuid import UUID

import anyio

from storage.engine import Database

MAX_NOTED = 10_000
FRESH_SECONDS = 2.0
"""How old a block is at most that its page's rows may not show yet."""

_LOOK_SECONDS = 0.1


class BlockIndex:
    """Finds pages by the ids of their blocks."""

    def __init__(self, database: Database, unix_time: Callable[[], float] = time.time) -> None:
        self._database = database
        self._unix_time = unix_time
        self._noted: OrderedDict[str, UUID] = OrderedDict()

    def note(self, block_id: str, page_id: UUID) -> None:
        """Note where a block was written."""
        self._noted[block_id] = page_id
        self._noted.move_to_end(block_id)
        if len(self._noted) > MAX_NOTED:
            self._noted.popitem(last=False)

    async def pages_of(self, block_id: str) -> Sequence[UUID]:
        """Return the pages that may have a block, those first where it was written last."""
        while True:
            noted = [self._noted[block_id]] if block_id in self._noted else []
            async with self._database.read() as uow:
                found = await uow.projected_blocks.pages_with(block_id)
            pages = [*noted, *(page_id for page_id in found if page_id not in noted)]
            if pages or not self._is_fresh(block_id):
                return pages
            await anyio.sleep(_LOOK_SECONDS)

    def _is_fresh(self, block_id: str) -> bool:
        try:
            parsed = UUID(block_id)
        except ValueError:
            return False
        age_seconds = self._unix_time() - (parsed.int >> 80) / 1000
        return parsed.version == 7 and -FRESH_SECONDS < age_seconds < FRESH_SECONDS
