"""A real IONFLUX server process on a fresh SQLite data folder, and people who are signed in to it.

The process is killed with the tests. What it prints goes to a file, whose end is shown when it does not
start; a test during which it logged a traceback fails.
"""

import asyncio
import http.client
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import httpx2
import pytest

from server.data_folder import read_secrets
from server.tokens import Tokens
from tests.clients.client import Wire
from tests.services.processes import Process, fork_server

PASSWORD = "correct horse battery"
START_SECONDS = 30.0
STOP_SECONDS = 15.0
_POLL_SECONDS = 0.02

# Asks the kernel to end the server with the tests, then becomes it.
_LAUNCHER = """
import ctypes, os, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""

_SETTINGS = {
    "IONFLUX_PASSWORD_HASH_MEMORY_KIB": "8",
    "IONFLUX_PASSWORD_HASH_PASSES": "1",
    "IONFLUX_LINK_PREVIEWS": "false",
    "IONFLUX_LOGIN_ATTEMPTS_PER_ADDRESS": "1000000",
}
"""Registering many people is not what these tests are about."""


class ServerError(Exception):
    """The server did not start, did not stop or refused a request that the test needs."""


class IonfluxServer:
    """One server process after another on the same data folder and port."""

    def __init__(
        self,
        folder: Path,
        settings: dict[str, str] | None = None,
        *,
        with_seed: bool = False,
        is_forked: bool = True,
    ) -> None:
        self.data_dir = folder / "data"
        self.log = folder / "server.log"
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._settings = settings or {}
        self._arguments = ["--seed"] if with_seed else []
        self._is_forked = is_forked
        self._process: Process | None = None
        self._numbers = count(1)

    def beside(self, name: str) -> "IonfluxServer":
        """Return another server on the same data and the same settings."""
        other = IonfluxServer(self.data_dir.parent, self._settings, is_forked=self._is_forked)
        other.log = self.log.with_name(f"{name}.log")
        return other

    def have_tables(self, template: Path) -> None:
        """Begin with a copy of a migrated file, which spares the first start its longest part."""
        if "IONFLUX_DATABASE_URL" not in self._settings:
            self.data_dir.mkdir(mode=0o700)
            shutil.copyfile(template, self.data_dir / "ionflux.db")

    def start(self) -> None:
        """Start the process and wait until it is ready for traffic."""
        self._spawn()
        self._wait_until_ready()

    async def restart(self) -> None:
        """Start the next process and wait until it is ready for traffic."""
        self._spawn()  # in this thread: the kernel takes the end of the one that did it for the tests' end
        await asyncio.to_thread(self._wait_until_ready)

    async def kill(self) -> None:
        """End the process at once, as a crash would (SIGKILL)."""
        await self._stop(signal.SIGKILL)

    async def terminate(self) -> int:
        """Ask the process to stop (SIGTERM); return its exit code."""
        return await self._stop(signal.SIGTERM)

    def close(self) -> None:
        """End the process, if one runs."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    @property
    def database_url(self) -> str:
        """The address of its database."""
        return self._settings.get("IONFLUX_DATABASE_URL") or f"sqlite:///{self.data_dir / 'ionflux.db'}"

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        return self._running().pid

    async def doctor(self) -> tuple[int, str]:
        """Run `doctor` on the data folder; return its exit code and what it said."""
        return await self.run("doctor")

    async def run(self, *command: str) -> tuple[int, str]:
        """Run an operator's command on the data folder; return its exit code and what it said."""
        arguments, environment = (*command, "--data-dir", str(self.data_dir)), _environment() | self._settings
        with tempfile.TemporaryFile() as said:
            process = fork_server(arguments, environment, said.fileno())
            try:
                code = await asyncio.to_thread(process.wait, START_SECONDS)
            finally:
                process.send_signal(signal.SIGKILL)
                process.wait()
            said.seek(0)
            return code, said.read().decode()

    def log_text(self) -> str:
        """Return what all processes so far have printed."""
        return self.log.read_text("utf-8", errors="replace") if self.log.exists() else ""

    async def person(self, name: str) -> "Person":
        """Register somebody new."""
        email = f"{name.lower()}.{next(self._numbers)}.{time.monotonic_ns()}@example.test"
        async with _connect(self.url) as http:
            registration = {"email": email, "password": PASSWORD, "name": name}
            answer = await http.post("/v1/auth/register", json=registration)
        body = _expect(answer, 201)
        return Person(self, name, email, body["user"]["id"], body["access_token"], body["refresh_token"])

    def sign_token(self, user_id: str, session_id: str, *, lifetime: timedelta) -> str:
        """Return an access token as the server would sign it; a negative lifetime makes an expired one."""
        tokens = Tokens(read_secrets(self.data_dir).access_token_key, lifetime=lifetime)
        return tokens.issue(UUID(user_id), UUID(session_id), now=datetime.now(UTC))

    def socket_url(self, wire: Wire) -> str:
        """Return what a stock client of this wire takes as its server's address."""
        path = {"y-websocket": "/sync", "hocuspocus": "/collab"}[wire]
        return f"ws://127.0.0.1:{self.port}{path}"

    def _spawn(self) -> None:
        if self._process is not None:
            raise ServerError("the server is running already")
        command = ["serve", "--host", "127.0.0.1", "--port", str(self.port), "--data-dir", str(self.data_dir)]
        command += self._arguments
        environment = _environment() | _SETTINGS | self._settings
        with self.log.open("ab") as log:
            if self._is_forked:
                self._process = fork_server(command, environment, log.fileno())
            else:
                self._process = subprocess.Popen(
                    [sys.executable, "-c", _LAUNCHER, "-m", "server", *command],
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )

    async def _stop(self, number: signal.Signals) -> int:
        process = self._running()
        process.send_signal(number)
        try:
            code = await asyncio.to_thread(process.wait, STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise ServerError(f"the server did not stop within {STOP_SECONDS} s:\n{self._tail()}") from None
        self._process = None
        return code

    def _running(self) -> Process:
        if self._process is None:
            raise ServerError("the server is not running")
        return self._process

    def _wait_until_ready(self) -> None:
        process = self._running()
        deadline = time.monotonic() + START_SECONDS
        while not self._is_ready():
            if (code := process.poll()) is not None:
                self._process = None
                raise ServerError(f"the server ended with code {code}:\n{self._tail()}")
            if time.monotonic() > deadline:
                raise ServerError(f"the server was not ready within {START_SECONDS} s:\n{self._tail()}")
            time.sleep(_POLL_SECONDS)  # a process tells nobody that it is ready: it has to be asked again

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=1)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def _tail(self) -> str:
        return "\n".join(self.log_text().splitlines()[-30:])


@dataclass(frozen=True)
class Document:
    """A page or channel, and the name of its live document."""

    id: str
    name: str
    workspace_id: str
    epoch: str


@dataclass(frozen=True)
class Person:
    """Somebody who is signed in."""

    server: IonfluxServer
    name: str
    email: str
    user_id: str
    token: str
    refresh_token: str

    @property
    def principal_id(self) -> str:
        """Who they are in presence and in the log."""
        return f"user:{self.user_id}"

    async def workspace(self, name: str = "Studio") -> str:
        """Create a workspace; return its id."""
        return (await self.post("/v1/workspaces", {"name": name}))["id"]

    async def page(self, workspace_id: str, title: str = "Plan") -> Document:
        """Create a page."""
        return await self._document("pages", workspace_id, {"title": title})

    async def channel(self, workspace_id: str, name: str = "general") -> Document:
        """Create a channel that all members are in."""
        return await self._document("channels", workspace_id, {"name": name, "type": "public"})

    async def invite(
        self, workspace_id: str, person: "Person", role: Literal["owner", "admin", "member", "guest"]
    ) -> None:
        """Make somebody a member of a workspace."""
        await self.post(f"/v1/workspaces/{workspace_id}/members", {"email": person.email, "role": role})

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Create something by REST."""
        headers = {"Authorization": f"Bearer {self.token}"}
        async with _connect(self.server.url) as http:
            return _expect(await http.post(path, json=body, headers=headers), 201)

    async def _document(self, kind: str, workspace_id: str, body: dict[str, Any]) -> Document:
        made = await self.post(f"/v1/workspaces/{workspace_id}/{kind}", body)
        return Document(made["id"], made["document"], workspace_id, made["epoch"])


def _connect(url: str) -> httpx2.AsyncClient:
    """Return a client for plain HTTP: reading the certificates of the world costs more than a request."""
    return httpx2.AsyncClient(
        base_url=url, timeout=START_SECONDS, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), trust_env=False
    )


def _expect(answer: httpx2.Response, status: int) -> dict[str, Any]:
    if answer.status_code != status:
        raise ServerError(f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}")
    return answer.json()


def _environment() -> dict[str, str]:
    """The tests' environment without settings of the person who runs them."""
    return {name: value for name, value in os.environ.items() if not name.startswith("IONFLUX_")}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def _running_ionflux(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path
) -> Iterator[IonfluxServer]:
    server = IonfluxServer(tmp_path_factory.mktemp("ionflux"))
    server.have_tables(sqlite_template)
    server.start()
    yield server
    server.close()


@pytest.fixture
def ionflux(_running_ionflux: IonfluxServer) -> Iterator[IonfluxServer]:
    """A running server that many tests share: each makes its own people and pages, and none stops it."""
    before = len(_running_ionflux.log_text())
    yield _running_ionflux
    expect_no_fault(_running_ionflux.log_text()[before:])


@pytest.fixture
async def own_ionflux(
    request: pytest.FixtureRequest, tmp_path: Path, sqlite_template: Path
) -> AsyncIterator[IonfluxServer]:
    """A running server of the test's own, to be killed and started again; settings as indirect parameter."""
    server = IonfluxServer(tmp_path, getattr(request, "param", None))
    server.have_tables(sqlite_template)
    server.start()
    yield server
    server.close()
    expect_no_fault(server.log_text())


def expect_no_fault(log: str) -> None:
    assert "Traceback (most recent call last)" not in log, log[-4000:]
