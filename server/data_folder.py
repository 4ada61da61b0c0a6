"""The data folder: that it exists and is writable, and the small secret files in it.

Secrets are made on the first start, are readable by the owner alone, and appear whole or not at all, so that
two processes that start together agree. The database in the folder is `storage`'s.
"""

import base64
import contextlib
import os
import secrets
import tempfile
from collections.abc import Generator
from pathlib import Path

import msgspec

from server.errors import StartError

SECRETS = "secrets.json"
DEMO_LOGIN = "demo-login.txt"
OUTBOX = "outbox"
"""The folder of mails that no mail server was there for."""


class Secrets(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What only this installation knows. Losing the key signs everybody out; nothing else is lost."""

    access_token_key: bytes
    """Signs access tokens (HS256 asks for 32 bytes or more)."""

    def __repr__(self) -> str:
        """Say nothing of the values."""
        return "<Secrets>"


class DemoLogin(msgspec.Struct, frozen=True):
    """The account that `serve --seed` made, as it was when it was made."""

    email: str
    password: str


def prepare_data_folder(folder: Path) -> None:
    """Create the folder (0700) where it is missing and make sure that files can be written in it.

    Raises StartError otherwise.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = error.strerror or str(error)
        raise StartError(
            f"the data folder {folder} cannot be written: {reason.lower()}; choose another with --data-dir"
        ) from error


def read_secrets(folder: Path) -> Secrets:
    """Return the installation's secrets, made now if there are none.

    Raises StartError when they are there and cannot be used: new ones would sign everybody out unasked.
    """
    path = folder / SECRETS
    if not path.exists():
        fresh = Secrets(access_token_key=base64.b64encode(secrets.token_bytes(48)))
        create_private_file(path, msgspec.json.encode(fresh))
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Secrets)
    except OSError as error:
        raise StartError(f"the secrets in {path} cannot be read: {(error.strerror or '').lower()}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StartError(
            f"the secrets in {path} are damaged ({error}): restore the file from a backup"
        ) from error
    if len(found.access_token_key) < 32:
        raise StartError(f"the secrets in {path} are damaged: the access token key is shorter than 32 bytes")
    return found


def write_demo_login(folder: Path, login: DemoLogin) -> None:
    """Keep the demo account's password for its owner to read; never replaces one."""
    create_private_file(folder / DEMO_LOGIN, f"{login.email}\n{login.password}\n".encode())


def read_demo_login(folder: Path) -> DemoLogin | None:
    """Return the demo account, or None when the operator removed the file or it was never made."""
    try:
        lines = (folder / DEMO_LOGIN).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    return DemoLogin(lines[0], lines[1]) if len(lines) >= 2 else None


def create_private_file(path: Path, content: bytes) -> None:
    """Create a file (0600) whole, or leave the one that another process created first."""
    with _private_copy(path, content) as temporary, contextlib.suppress(FileExistsError):
        os.link(temporary, path)


def replace_private_file(path: Path, content: bytes) -> None:
    """Put a file (0600) in the place of another, whole: readers see either."""
    with _private_copy(path, content) as temporary:
        os.rename(temporary, path)


@contextlib.contextmanager
def _private_copy(path: Path, content: bytes) -> Generator[str]:
    """Write a file beside `path`, give its name, and remove it if it is still there. Raises StartError."""
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # mode 0600
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            yield temporary
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
    except OSError as error:
        raise StartError(f"{path} cannot be written: {(error.strerror or str(error)).lower()}") from error
