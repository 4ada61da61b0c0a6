"""What a change does to a document, as an update that says nothing else.

What a document gives of itself since a state vector names all that was ever deleted in it besides.
"""

from collections.abc import Callable
from typing import Any

import pycrdt


def record(doc: "pycrdt.Doc[Any]", change: Callable[[], object]) -> bytes | None:
    """Make a change in one transaction; return it as an update, None where nothing has changed."""
    updates: list[bytes] = []
    subscription = doc.observe(lambda event: updates.append(event.update))
    try:
        with doc.transaction():
            change()
    finally:
        subscription.drop()
    return pycrdt.merge_updates(*updates) if updates else None
