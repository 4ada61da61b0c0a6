"""The child process of the built-in model. `python -m agents.llm.built_in_server WEIGHTS BYTES CONTEXT`.

Reads its key from the first line of standard input, writes its address as a line to standard output, and ends
when standard input does: when whoever started it is gone. Imports nothing of the rest of the program.
"""

import contextlib
import os
import resource
import signal
import sys
from importlib import import_module
from typing import Any

_PR_SET_PDEATHSIG = 1
_NICENESS = 5


def main(weights: str, memory_bytes: int, context_tokens: int) -> None:
    """Serve until standard input ends."""
    _end_with_parent()
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    os.nice(_NICENESS)  # people who type come first
    key = sys.stdin.readline().strip()
    server = _serve(weights, context_tokens, key)
    sys.stdout.write(f"{server.listening_address}\n")
    sys.stdout.flush()
    sys.stdin.read()
    os._exit(0)  # its threads have nothing to save


def _serve(weights: str, context_tokens: int, key: str) -> Any:
    runtime: Any = import_module("xllamacpp")
    threads = max(1, (os.cpu_count() or 1) // 2)
    parameters = runtime.CommonParams()
    parameters.model.path = weights
    parameters.n_ctx = context_tokens
    parameters.n_parallel = 1
    parameters.port = 0
    parameters.api_keys = [key]
    parameters.cors_origins = ""
    parameters.warmup = False
    parameters.cache_ram_mib = 0
    parameters.ui = False
    parameters.endpoint_slots = False
    parameters.n_threads_http = 2
    parameters.verbosity = 0
    parameters.fit_params = False
    parameters.cpuparams.n_threads = threads
    parameters.cpuparams_batch.n_threads = threads
    return runtime.Server(parameters)


def _end_with_parent() -> None:
    """Have Linux kill this process with its parent, even while the model is being loaded."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
