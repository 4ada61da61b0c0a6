"""Registers the fixtures that tests of several packages share."""

import gc
import os
import resource
import sys
from urllib.parse import urlsplit

import pytest
from hypothesis import settings

from agents.llm.models import read_catalogue

pytest_plugins = [
    "tests.services.postgres",
    "tests.services.databases",
    "tests.services.models",
    "tests.services.smtp",
    "tests.clients.fixtures",
    "tests.services.ionflux",
    "tests.services.otlp",
    "tests.services.receiver",
    "tests.services.s3",
    "tests.services.site",
    "tests.services.studio",
]

# The tests' Postgres speaks no TLS. Asking it first, and reading the world's certificates to be ready for an
# answer, took most of what a connection takes.
os.environ["PGSSLMODE"] = "disable"

# A slow machine is no fault of the code. The suite tries the same examples each time, so that a change is
# judged by what it changes; `--hypothesis-profile=long` (`make fuzz`) looks much harder,
# and at others each time.
settings.register_profile("default", deadline=None, derandomize=True)
settings.register_profile("long", deadline=None, max_examples=5000)
settings.load_profile("default")

# No test calls a real provider of language models: one that would does not get as far as the name server.
_PROVIDERS = {urlsplit(kind.base_url).hostname for kind in read_catalogue().providers} - {
    None,
    "",
    "127.0.0.1",
}


def _refuse_providers(event: str, arguments: tuple[object, ...]) -> None:
    if event == "socket.getaddrinfo" and arguments[0] in _PROVIDERS:
        raise RuntimeError(f"a test would call {arguments[0]}")


sys.addaudithook(_refuse_providers)


_LONGEST_FIRST = ("chaos", "web", "e2e", "client_sdk", "server")
"""Folders of tests that take long, and most of all in waiting for processes."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that at the end of the suite nobody waits long for somebody else."""

    def rank(item: pytest.Item) -> int:
        folder = item.path.parent.name
        return _LONGEST_FIRST.index(folder) if folder in _LONGEST_FIRST else len(_LONGEST_FIRST)

    items.sort(key=rank)


def pytest_collection_finish() -> None:
    """Collect garbage as the server does (server/serving.py): what stays is not looked through again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end of the whole suite what it has used: how long it took depends on what else runs."""
    if terminalreporter.config.getoption("numprocesses", None):
        whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        used = sum(found.ru_utime + found.ru_stime for found in map(resource.getrusage, whose))
        terminalreporter.write_line(f"{used:.0f} s of processors were used")
