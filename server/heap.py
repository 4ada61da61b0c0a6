"""Has glibc give memory back: what a thread or a large document once needed is not held for ever.

By itself each thread gets a heap of its own, and once a large piece was freed, later ones of its size lie in
a heap too, where a small one behind them keeps them (mallopt(3): M_ARENA_MAX, M_MMAP_THRESHOLD). Taking 80 MB
of edits in pieces of half a megabyte left 19 to 102 MB behind, and leaves 10 now.
"""

import ctypes

_OPTIONS = {
    -8: 1,  # M_ARENA_MAX
    -3: 256 * 1024,  # M_MMAP_THRESHOLD, bytes; no longer adjusted once it is set
    -1: 4 * 1024 * 1024,  # M_TRIM_THRESHOLD, bytes
}
"""Numbers of glibc's `malloc.h`, and what each is set to."""


def give_memory_back() -> None:
    """Set it so for this process; does nothing where the C library is another one."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for option, value in _OPTIONS.items():
            mallopt(option, value)
