"""What takes time, for traces: `span` around it, which does nothing unless the process traces.

Knows no tracing library: `server.tracing` is one, and is loaded only where traces are wanted. Nothing of a
live document's edits goes through here. Attributes are names and numbers of this program's own making, never
what people write, and no address of theirs.
"""

import contextvars
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

Attribute = str | int | float | bool


class Recorder(Protocol):
    """Keeps spans."""

    def span(self, name: str, **attributes: Attribute) -> AbstractContextManager[object]:
        """Return what stands around the work."""
        ...


recorder: contextvars.ContextVar[Recorder | None] = contextvars.ContextVar("recorder", default=None)
"""The recorder of this process, for every task that it has begun."""

_NOTHING = nullcontext()


def span(name: str, **attributes: Attribute) -> AbstractContextManager[object]:
    """Return a block whose time is kept; exceptions pass through it."""
    found = recorder.get()
    return _NOTHING if found is None else found.span(name, **attributes)
