"""The C stack of the process, which pycrdt needs where people nest shared types in each other.

yrs 0.28 deletes a type with all that is in it by recursion: 262 bytes a level (measured), so that 32,000
levels overflow the usual 8 MiB, and with them ends the process. This stack is enough for some 400,000. A
document may hold more than that, so it is a wider margin and no bound.
"""

import resource

STACK_BYTES = 112 * 1024 * 1024
"""Address space, of which only what is used becomes memory. Linux keeps 128 MiB below the stack free."""


def raise_stack() -> None:
    """Let the main thread's stack grow, as far as the system permits. Child processes inherit it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    wanted = STACK_BYTES if hard == resource.RLIM_INFINITY else min(STACK_BYTES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_STACK, (wanted, hard))
