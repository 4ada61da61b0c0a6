"""Processes of the server, forked from one that has imported it (`tests/services/forking.py`)."""

import atexit
import json
import os
import select
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Protocol


class Process(Protocol):
    """What the tests do with a process; `subprocess.Popen` has all of it."""

    @property
    def pid(self) -> int:
        """Its number."""
        ...

    def poll(self) -> int | None:
        """Return its exit code, minus the signal that ended it; None while it runs."""
        ...

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and return its exit code. Raises subprocess.TimeoutExpired."""
        ...

    def send_signal(self, sig: int) -> None:
        """Send it a signal, if it has not ended."""
        ...


class ForkedProcess:
    """A server that was forked. As `subprocess.Popen`, though it is no child of this process."""

    def __init__(self, answers: int) -> None:
        self._answers = os.fdopen(answers, "rb", buffering=0)
        self._code: int | None = None
        self.pid = self._next_number()

    def poll(self) -> int | None:
        """Return its exit code, minus the signal that ended it; None while it runs."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and return its exit code. Raises subprocess.TimeoutExpired."""
        if self._code is None:
            if not select.select([self._answers], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(["server"], timeout or 0)
            self._code = self._next_number()
            self._answers.close()
        return self._code

    def send_signal(self, sig: int) -> None:
        """Send it a signal, if it has not ended."""
        if self.poll() is None:
            os.kill(self.pid, sig)

    def _next_number(self) -> int:
        line = self._answers.readline()
        assert line, "the process that forks servers has ended"
        return int(line)


def fork_server(arguments: Sequence[str], environment: Mapping[str, str], log: int) -> ForkedProcess:
    """Run `python -m server` with these arguments; what it prints goes to the descriptor `log`."""
    request = {"arguments": arguments, "environment": dict(environment), "folder": os.getcwd()}
    answers, told = os.pipe()
    try:
        socket.send_fds(_forking(), [json.dumps(request).encode()], [log, told])
    finally:
        os.close(told)
    return ForkedProcess(answers)


@cache
def _forking() -> socket.socket:
    """Return the socket to the process that forks, which ends when this one does."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.services.forking", str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours
