"""The `ionflux` command: its arguments, what it prints, and its exit status. The work is done elsewhere.

Exit status: 0 done, 1 refused or failed with one line on standard error, 2 arguments not understood.
"""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from server import __version__
from server.errors import ServerError, StartError
from server.settings import Settings, read_environment, read_settings, unknown_variables

EPILOG = """\
Every setting can also be given as an environment variable IONFLUX_<NAME> or in a file .env in the working
directory; docs/operations.md lists them all. A first look:  ionflux serve --seed
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    arguments = _parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = arguments.command
    # Imported here: `version` and `--help` need no database driver.
    from storage.errors import StorageError

    try:
        return command(arguments)
    except (ServerError, StorageError) as error:
        print(f"ionflux: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ionflux",
        description="IONFLUX, a workspace that people and agents edit together: pages, channels, live.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    serve = commands.add_parser("serve", help="serve the API and the live documents until stopped")
    serve.add_argument("--host", help="address to listen on (127.0.0.1; 0.0.0.0 for every network)")
    serve.add_argument("--port", help="port to listen on (8000; 0 lets the system choose)")
    serve.add_argument("--roles", help="what this process does, comma-separated (api,realtime,worker)")
    serve.add_argument(
        "--seed", action="store_true", help="make a demo account and workspace when there are no users yet"
    )
    migrate = commands.add_parser("migrate", help="bring the database to this version's tables")
    user = commands.add_parser("user", help="manage accounts")
    actions = user.add_subparsers(title="commands", metavar="COMMAND", required=True)
    create = actions.add_parser("create", help="make an account; asks for its password")
    _add_account(create)
    off = actions.add_parser("deactivate", help="end an account's sessions and keys, and let nobody in to it")
    on = actions.add_parser("reactivate", help="let somebody sign in again")
    for action in (off, on):
        action.add_argument("email", help="the account's address")
    keys = commands.add_parser("keys", help="manage the keys that stored secrets are encrypted with")
    key_actions = keys.add_subparsers(title="commands", metavar="COMMAND", required=True)
    rotate = key_actions.add_parser("rotate", help="make a new key and encrypt every stored secret with it")
    document = commands.add_parser("document", help="manage live documents")
    document_actions = document.add_subparsers(title="commands", metavar="COMMAND", required=True)
    reset = document_actions.add_parser("reset", help="begin a document anew, empty; what it was is kept")
    reset.add_argument("name", help="its name, for instance page:{uuid}")
    index = commands.add_parser("reindex", help="read all documents anew for lists and search")
    backup = commands.add_parser("backup", help="write everything into one file, while the server runs")
    _add_backup(backup)
    restore = commands.add_parser("restore", help="make an empty database what a backup holds")
    restore.add_argument("file", metavar="FILE", type=Path, help="a file that `ionflux backup` wrote")
    restore.add_argument("--replace", action="store_true", help="throw away what is in the database")
    restore.add_argument(
        "--resume-runs",
        action="store_true",
        help="let runs of agents go on that were not over: only where nothing else goes on with them",
    )
    export = commands.add_parser("export", help="write one workspace into one file, while the server runs")
    export.add_argument("workspace", metavar="ID", type=UUID, help="its id")
    export.add_argument("file", metavar="FILE", type=Path, help="the file, for instance studio.zip")
    import_ = commands.add_parser("import", help="make a new workspace of an export")
    import_.add_argument("file", metavar="FILE", type=Path, help="a file that `ionflux export` wrote")
    import_.add_argument("--owner", metavar="EMAIL", help="whose it will be (whose it was)")
    import_.add_argument(
        "--no-invitations", action="store_true", help="write no mails to members who have no account here"
    )
    doctor = commands.add_parser("doctor", help="check this installation and say what is wrong")
    version = commands.add_parser("version", help="print the version")
    with_database = (
        *(serve, migrate, create, off, on, rotate, reset, index),
        *(backup, restore, export, import_, doctor),
    )
    for command in with_database:
        _add_database(command)
    for command, run in (
        (serve, _serve),
        (migrate, _migrate),
        (create, _create_user),
        (off, _deactivate_user),
        (on, _reactivate_user),
        (rotate, _rotate_keys),
        (reset, _reset_document),
        (index, _reindex),
        (backup, _backup),
        (restore, _restore),
        (export, _export),
        (import_, _import),
        (doctor, _doctor),
        (version, _version),
    ):
        command.set_defaults(command=run)
    return parser


def _add_backup(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", type=Path, help="the file, for instance ionflux.tar.gz")
    parser.add_argument("--with-secrets", action="store_true", help="include the keys of the data folder")
    parser.add_argument("--without-files", action="store_true", help="leave out what people have uploaded")
    parser.add_argument("--verify", action="store_true", help="write nothing: check a file that is there")


def _add_account(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("email", help="the address to sign in with")
    parser.add_argument("--name", help="the name others see (the part of the address before the @)")
    parser.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    parser.add_argument("--workspace", metavar="ID", help="a workspace to add the account to")
    roles = ("owner", "admin", "member", "guest")
    parser.add_argument("--role", choices=roles, default="member", help="the role there (member)")


def _add_database(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data-dir", metavar="FOLDER", help="folder of the database and the secrets (data)")
    parser.add_argument(
        "--database-url",
        metavar="URL",
        help="postgresql://user:password@host/name or sqlite:///path (a file in the data folder)",
    )


def _settings(arguments: argparse.Namespace) -> Settings:
    """Read the settings, warning about variables that are none."""
    environment = read_environment(os.environ, Path.cwd())
    for name in unknown_variables(environment):
        print(f"ionflux: warning: {name} is not a setting", file=sys.stderr)
    names = ("host", "port", "data_dir", "database_url", "roles")
    return read_settings(environment, {name: getattr(arguments, name, None) for name in names})


def _serve(arguments: argparse.Namespace) -> int:
    from server.serving import serve

    serve(_settings(arguments), with_seed=arguments.seed, announce=lambda line: print(line, flush=True))
    return 0


def _migrate(arguments: argparse.Namespace) -> int:
    from server.operations import migrate

    print(asyncio.run(migrate(_settings(arguments))))
    return 0


def _deactivate_user(arguments: argparse.Namespace) -> int:
    return _set_active(arguments, is_active=False)


def _reactivate_user(arguments: argparse.Namespace) -> int:
    return _set_active(arguments, is_active=True)


def _set_active(arguments: argparse.Namespace, *, is_active: bool) -> int:
    from server.operations import set_active

    print(asyncio.run(set_active(_settings(arguments), arguments.email, is_active=is_active)))
    return 0


def _create_user(arguments: argparse.Namespace) -> int:
    from server.operations import NewUser, create_user

    settings = _settings(arguments)
    new = NewUser(
        email=arguments.email,
        name=arguments.name or arguments.email.partition("@")[0],
        password=_read_password(from_stdin=arguments.password_stdin),
        workspace_id=arguments.workspace,
        role=arguments.role,
    )
    print(asyncio.run(create_user(settings, new)))
    return 0


def _rotate_keys(arguments: argparse.Namespace) -> int:
    from server.operations import rotate_keys

    print(asyncio.run(rotate_keys(_settings(arguments))))
    return 0


def _reset_document(arguments: argparse.Namespace) -> int:
    from server.operations import reset_document

    print(asyncio.run(reset_document(_settings(arguments), arguments.name)))
    return 0


def _reindex(arguments: argparse.Namespace) -> int:
    from server.projections.reindexing import reindex

    print(_run_to_signal(reindex(_settings(arguments), _report)))
    return 0


def _backup(arguments: argparse.Namespace) -> int:
    from server.backups.operations import back_up, verify

    if arguments.verify:
        print(verify(arguments.file))
        return 0
    settings = _settings(arguments)
    work = back_up(
        settings,
        arguments.file,
        _report,
        with_secrets=arguments.with_secrets,
        with_files=not arguments.without_files,
    )
    print(_run_to_signal(work))
    if not arguments.with_secrets:
        print(f"Keep secrets.json and vault-keys.json of {settings.data_dir} with it (or --with-secrets).")
    return 0


def _restore(arguments: argparse.Namespace) -> int:
    from server.backups.operations import restore

    settings = _settings(arguments)
    work = restore(
        settings,
        arguments.file,
        _report,
        replace=arguments.replace,
        resumes_runs=arguments.resume_runs,
    )
    print(_run_to_signal(work))
    return 0


def _export(arguments: argparse.Namespace) -> int:
    from server.exports.exporting import export

    print(_run_to_signal(export(_settings(arguments), arguments.workspace, arguments.file, _report)))
    return 0


def _import(arguments: argparse.Namespace) -> int:
    from server.exports.importing import import_

    work = import_(
        _settings(arguments),
        arguments.file,
        _report,
        owner=arguments.owner,
        with_invitations=not arguments.no_invitations,
    )
    print(_run_to_signal(work))
    return 0


def _report(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _run_to_signal(work: Coroutine[Any, Any, str]) -> str:
    """Run something that cleans up after itself, also when it is told to end by SIGTERM."""

    async def run() -> str:
        task = asyncio.current_task()
        assert task
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await work

    try:
        return asyncio.run(run())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def _doctor(arguments: argparse.Namespace) -> int:
    from server.doctor import examine

    checks = asyncio.run(examine(_settings(arguments)))
    for check in checks:
        print(f"{'ok   ' if check.ok else 'WRONG'}  {check.name}: {check.detail}")
    wrong = sum(not check.ok for check in checks)
    print("Nothing is wrong." if not wrong else f"{wrong} of {len(checks)} checks found something wrong.")
    return 1 if wrong else 0


def _version(_arguments: argparse.Namespace) -> int:
    print(f"ionflux {__version__}")
    return 0


def _read_password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    import getpass

    password = getpass.getpass("Password (8 characters or more): ")
    if getpass.getpass("The same again: ") != password:
        raise StartError("the two passwords differ")
    return password
