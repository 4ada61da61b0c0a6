"""The command as its user meets it; where it serves, as a real process."""

import io
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pycrdt
import pytest
from websockets.sync.client import connect

from blocks.page import read_title
from crdt.protocol import Edit, decode_yws, encode_step1
from server import __version__
from server.cli import main

CHEAP_PASSWORDS = {"IONFLUX_PASSWORD_HASH_MEMORY_KIB": "8", "IONFLUX_PASSWORD_HASH_PASSES": "1"}
ROOT = Path(__file__).parents[2]


def environment(folder: Path, **more: str) -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("IONFLUX_")}
    return {
        **plain,
        **CHEAP_PASSWORDS,
        "PYTHONPATH": str(ROOT),
        "IONFLUX_DATA_DIR": str(folder / "data"),
        "IONFLUX_PORT": "0",
        **more,
    }


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


Command = Callable[..., Done]


@pytest.fixture
def ionflux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command to its end, in a folder of its own; a process of its own would only be slower."""
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith("IONFLUX_"):
            monkeypatch.delenv(name)

    def run(*arguments: str, text: str = "", **more: str) -> Done:
        with monkeypatch.context() as patch:
            for name, value in environment(tmp_path, **more).items():
                patch.setenv(name, value)
            patch.setattr(sys, "stdin", io.StringIO(text))
            try:
                status = main(arguments)
            except SystemExit as ended:
                status = int(ended.code or 0)
        captured = capsys.readouterr()
        return Done(status, captured.out, captured.err)

    return run


@contextmanager
def serving(folder: Path, *arguments: str, **more: str) -> Generator[tuple["subprocess.Popen[str]", str]]:
    """Give a serving process and its address."""
    with (folder / "stderr.txt").open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "server", "serve", *arguments],
            cwd=folder,
            env=environment(folder, **more),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        assert process.stdout
        line = process.stdout.readline()
        found = re.search(r"http://\S+", line)
        assert found, (line, (folder / "stderr.txt").read_text())
        yield process, found[0]
    finally:
        process.kill()
        process.communicate()


def assert_one_line(done: Done, words: str) -> None:
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("ionflux: "), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert words in done.stderr


def test_version_and_help(ionflux: Command):
    assert ionflux("version").stdout == f"ionflux {__version__}\n"
    words = ionflux("--help").stdout
    for command in ("serve", "migrate", "user", "keys", "reindex", "backup", "restore", "doctor", "version"):
        assert command in words


def test_arguments_that_are_not_understood_exit_with_2(ionflux: Command):
    assert ionflux().returncode == 2
    assert ionflux("cook").returncode == 2


def test_a_taken_port_is_one_line(ionflux: Command):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert_one_line(ionflux("serve", "--port", port), f"port {port} on 127.0.0.1 is taken")


def test_an_address_of_another_machine_is_one_line(ionflux: Command):
    for host in ("192.0.2.1", "no such host"):
        assert_one_line(ionflux("serve", "--host", host), "not an address of this machine")


def test_an_unwritable_folder_is_one_line(ionflux: Command, tmp_path: Path):
    (tmp_path / "file").write_text("")
    done = ionflux("serve", "--data-dir", "file/data")
    assert_one_line(done, "the data folder file/data cannot be written")


def test_an_unreachable_database_is_one_line_without_its_password(ionflux: Command):
    done = ionflux("migrate", "--database-url", "postgresql://u:hunter2@127.0.0.1:1/name")
    assert_one_line(done, "cannot reach the database")
    assert "hunter2" not in done.stderr


def test_a_bad_setting_is_one_line(ionflux: Command, tmp_path: Path):
    assert_one_line(ionflux("serve", "--port", "x"), "--port is 'x'")
    (tmp_path / ".env").write_text("IONFLUX_LOG_LEVEL=loud\n")
    assert_one_line(ionflux("serve"), "IONFLUX_LOG_LEVEL is 'loud'")


def test_a_misspelt_setting_is_a_warning(ionflux: Command):
    done = ionflux("migrate", IONFLUX_PROT="1")
    assert done.returncode == 0
    assert "IONFLUX_PROT is not a setting" in done.stderr


def test_damaged_secrets_are_one_line(ionflux: Command, tmp_path: Path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/secrets.json").write_text("{")
    assert_one_line(ionflux("serve"), "secrets.json are damaged")


def test_migrating_says_what_it_did(ionflux: Command):
    assert " went from nothing to revision " in ionflux("migrate").stdout
    assert " is up to date " in ionflux("migrate").stdout


def test_a_database_without_tables_is_one_line(ionflux: Command):
    done = ionflux("user", "create", "a@b.c", "--password-stdin", text="long enough\n")
    assert_one_line(done, "run `ionflux migrate`")


def test_D7_a_document_is_reset(ionflux: Command, tmp_path: Path):
    ionflux("migrate")
    ionflux("user", "create", "a@b.c", "--password-stdin", text="long enough\n")
    with sqlite3.connect(tmp_path / "data/ionflux.db") as database:
        ((name, ended),) = database.execute("SELECT name, epoch FROM documents").fetchall()
    done = ionflux("document", "reset", name)
    assert done.returncode == 0, done.stderr
    with sqlite3.connect(tmp_path / "data/ionflux.db") as database:
        documents = dict(database.execute("SELECT name, epoch FROM documents").fetchall())
    assert done.stdout == (
        f"{name} is empty now, in epoch {documents[name]}. What it was is kept as {name}@{ended}.\n"
    )
    assert documents == {name: documents[name], f"{name}@{ended}": ended}
    assert documents[name] != ended
    assert_one_line(ionflux("document", "reset", "page:unknown"), "there is no document page:unknown")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_R6_a_signal_ends_it_with_0(tmp_path: Path, number: signal.Signals):
    with serving(tmp_path) as (process, url):
        with urllib.request.urlopen(f"{url}/readyz") as answer:
            assert json.load(answer) == {"status": "ok"}
        process.send_signal(number)
        assert process.wait(10) == 0
    assert "Traceback" not in (tmp_path / "stderr.txt").read_text()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"IONFLUX_DATABASE_URL": "postgresql://u:hunter2@127.0.0.1:1/name"}, "cannot reach the database"),
        ({"IONFLUX_MIGRATE_ON_START": "false"}, "run `ionflux migrate`"),
    ],
)
def test_a_server_that_cannot_start_says_why_in_one_line(
    tmp_path: Path, settings: dict[str, str], words: str
):
    process = subprocess.run(
        [sys.executable, "-m", "server", "serve"],
        cwd=tmp_path,
        env=environment(tmp_path, **settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert_one_line(Done(process.returncode, process.stdout, process.stderr), words)


def test_a_server_whose_upgrade_breaks_off_says_so(tmp_path: Path):
    (tmp_path / "data").mkdir()
    with closing(sqlite3.connect(tmp_path / "data/ionflux.db", isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("BEGIN IMMEDIATE")  # the upgrade waits for this
        process = subprocess.Popen(
            [sys.executable, "-m", "server", "serve"],
            cwd=tmp_path,
            env=environment(tmp_path),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        while not (found := children.read_text().split()):
            assert process.poll() is None
            time.sleep(0.02)  # nobody tells when it has a child
        os.kill(int(found[0]), signal.SIGKILL)
        stdout, stderr = process.communicate(timeout=60)
    assert_one_line(Done(process.returncode, stdout, stderr), "bringing the tables to this version failed")


@pytest.mark.postgres
def test_serving_on_postgres(tmp_path: Path, postgres_url: str):
    with serving(tmp_path, "--seed", "--database-url", postgres_url) as (process, url):
        with urllib.request.urlopen(f"{url}/readyz") as answer:
            assert json.load(answer) == {"status": "ok"}
        process.terminate()
        assert process.wait(10) == 0
        assert process.stdout
        assert "demo@ionflux.local" in process.stdout.read()


def test_forwarded_addresses_are_believed_from_trusted_proxies_only(tmp_path: Path):
    limits = {"IONFLUX_LOGIN_ATTEMPTS_PER_ADDRESS": "1"}

    def log_in_as_two_addresses(url: str) -> list[int]:
        found: list[int] = []
        for address in ("203.0.113.1", "203.0.113.2"):
            request = urllib.request.Request(
                f"{url}/v1/auth/login",
                b'{"email": "a@b.c", "password": "long enough"}',
                {"Content-Type": "application/json", "X-Forwarded-For": address},
            )
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(request)
            found.append(refused.value.code)
            refused.value.close()
        return found

    with serving(tmp_path, **limits) as (_, url):
        assert log_in_as_two_addresses(url) == [401, 429]
    with serving(tmp_path, **limits, IONFLUX_TRUSTED_PROXIES="127.0.0.1") as (_, url):
        assert log_in_as_two_addresses(url) == [401, 401]


def read_document(url: str, document: str, token: str) -> pycrdt.Doc[Any]:
    """Return a live document, asked for as any client asks."""
    doc = pycrdt.Doc[Any]()
    with connect(f"{url.replace('http', 'ws')}/sync/{document}?token={token}") as socket:
        socket.send(encode_step1(doc.get_state()))
        while True:
            frame = socket.recv(timeout=10)
            assert isinstance(frame, bytes)
            for message in decode_yws(frame):
                if isinstance(message, Edit):
                    doc.apply_update(message.update)
                    return doc


def test_seeding_once_and_signing_in(tmp_path: Path):
    with serving(tmp_path, "--seed") as (process, url):
        assert process.stdout
        words = [process.stdout.readline() for _ in range(6)]
        found = re.search(r"-d '(.*)'", "".join(words))
        assert found
        request = urllib.request.Request(
            f"{url}/v1/auth/login", found[1].encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request) as answer:
            session = json.load(answer)
        assert session["user"]["email"] == "demo@ionflux.local"
        page, channel = (found for line in words[4:] for found in re.findall(r"\w+:[\w-]{36}", line))
        token = session["access_token"]
        assert read_title(read_document(url, page, token)) == "Welcome to IONFLUX"
        assert len(read_document(url, channel, token).get("messages", type=pycrdt.Map[object])) == 1
    with serving(tmp_path, "--seed") as (process, _):
        assert process.stdout
        again = [process.stdout.readline() for _ in range(6)]
    assert (again[1:3], again[4:]) == ([again[1], words[2]], words[4:])
    (tmp_path / "data/demo-login.txt").unlink()
    with serving(tmp_path, "--seed") as (process, _):
        assert process.stdout
        assert "/docs" in process.stdout.readline()
        process.terminate()
        rest = process.stdout.read().splitlines()
    assert [line for line in rest if not line.startswith("  Model ")] == []  # where it is installed


def test_making_an_account(ionflux: Command):
    ionflux("migrate")
    create = ("user", "create", "new@example.com", "--password-stdin")
    assert_one_line(ionflux(*create, text="short\n"), "password")
    assert "new@example.com can sign in" in ionflux(*create, text="long enough\n").stdout
    assert_one_line(ionflux(*create, text="long enough\n"), "there is an account")
    other = ("user", "create", "b@example.com", "--password-stdin", "--workspace")
    assert_one_line(ionflux(*other, "x", text="long enough\n"), "not the id of a workspace")
    nobody = "018f0000-0000-7000-8000-000000000000"
    assert_one_line(ionflux(*other, nobody, text="long enough\n"), "there is no workspace")


def test_keys_are_rotated_while_a_process_serves(ionflux: Command, tmp_path: Path):
    with serving(tmp_path) as (_, _):
        done = ionflux("keys", "rotate")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.match(r"The new key is [0-9a-f]{8}; 0 secrets came under it\. .*vault-keys\.json", done.stdout)
    assert ionflux("doctor").returncode == 0


def test_the_doctor_finds_what_is_wrong(ionflux: Command, tmp_path: Path):
    before = ionflux("doctor")
    assert before.returncode == 1
    assert "there is no folder" in before.stdout
    with serving(tmp_path) as (_, _):
        well = ionflux("doctor")
    assert (well.returncode, "Nothing is wrong." in well.stdout) == (0, True), well.stdout
    (tmp_path / "data/secrets.json").chmod(0o644)
    ill = ionflux("doctor")
    assert ill.returncode == 1
    assert "can be read by other users" in ill.stdout
