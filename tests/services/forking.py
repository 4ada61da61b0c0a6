"""Imports the server once and forks one for each that is wanted, which spares a second of a processor each.

Runs as a process of its own, `python -m tests.services.forking SOCKET`: it opens nothing and has one thread,
so that a fork of it is what `python -m server` is after its imports. It goes on as that module, with
arguments, environment, folder and output of its own, and ends as that ends.

A request comes with two descriptors: of the file for what the server prints, and of a pipe that is told its
process id and, at its end, its exit code. A process between waits for the server and tells that. Each ends
with the one before it, and this one with the tests.
"""

import ctypes
import gc
import json
import os
import runpy
import signal
import socket
import sys
from collections.abc import Sequence
from typing import NoReturn

import server.serving
from server.realtime import picows_protocol

MESSAGE_BYTES = 1024 * 1024
MODULES = (server.serving, picows_protocol)
"""All that a server loads before it opens anything comes with these."""

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Fork until the tests end; go on as the server in each fork."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal's Ctrl+C: the tests end us
    gc.collect()
    gc.freeze()  # what is never looked through is never copied
    requests = socket.socket(fileno=int(sys.argv[1]))
    keepers: list[int] = []
    while True:
        message, descriptors, _, _ = socket.recv_fds(requests, MESSAGE_BYTES, 2)
        if not message:
            _end(keepers)
            return
        if (keeper := os.fork()) == 0:
            requests.close()
            break
        keepers.append(keeper)
        for descriptor in descriptors:
            os.close(descriptor)
    log, answer = descriptors
    _end_with_parent()
    if (pid := os.fork()) != 0:
        os.close(log)
        _keep(pid, answer)
    _end_with_parent()
    os.close(answer)
    _become_server(json.loads(message), log)


def _keep(pid: int, answer: int) -> NoReturn:
    """Tell the tests of a server."""
    os.write(answer, b"%d\n" % pid)
    _, status = os.waitpid(pid, 0)
    os.write(answer, b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def _become_server(request: dict[str, str | list[str] | dict[str, str]], log: int) -> None:
    arguments, environment, folder = request["arguments"], request["environment"], request["folder"]
    assert isinstance(arguments, list)
    assert isinstance(environment, dict)
    assert isinstance(folder, str)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
        if source != target:
            os.set_inheritable(target, True)
    os.close(nothing)
    os.close(log)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv[1:] = arguments
    runpy.run_module("server", run_name="__main__", alter_sys=True)


def _end_with_parent() -> None:
    """Ask the kernel to end this process with the one that forked it. That one has no other thread."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _end(keepers: Sequence[int]) -> None:
    """End what is left, and take over what all of them have used of the processors."""
    for keeper in keepers:
        os.kill(keeper, signal.SIGKILL)
        os.waitpid(keeper, 0)


if __name__ == "__main__":
    main()
