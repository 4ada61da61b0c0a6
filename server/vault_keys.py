"""The keys of the vault: `vault-keys.json` in the data folder, the newest key last.

Keys are added and never removed: backups, and processes that have not read the file again, need older ones.
"""

import fcntl
import os
import secrets
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from server.data_folder import create_private_file, replace_private_file
from server.errors import StartError
from storage.vault import KEY_BYTES

VAULT_KEYS = "vault-keys.json"


class VaultKeys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the file holds. Losing it loses every access token of another service that was stored."""

    keys: list[bytes]

    def __repr__(self) -> str:
        """Say nothing of the values."""
        return f"<VaultKeys: {len(self.keys)}>"


class VaultKeyFile:
    """The keys as the file has them now: another process may add one at any time."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / VAULT_KEYS
        self._seen: tuple[int, int, int] | None = None
        self._keys: Sequence[bytes] = ()

    def __call__(self) -> Sequence[bytes]:
        """Return the keys, none where there is no file. Raises StartError for one that cannot be used.

        One stat; the file is read when it has changed. Keys that were read stay known when it vanishes.
        """
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return self._keys
        seen = (found.st_ino, found.st_mtime_ns, found.st_size)
        if seen != self._seen:
            self._keys, self._seen = self._read(), seen
        return self._keys

    def make_first(self) -> None:
        """Make the file with a key where there is none."""
        if not self.path.exists():
            create_private_file(self.path, msgspec.json.encode(VaultKeys([_new_key()])))

    def add(self) -> bytes:
        """Add a key, which is the newest from now on, in every process that uses this folder."""
        with _alone(self.path.parent):
            keys = [*self(), _new_key()]
            replace_private_file(self.path, msgspec.json.encode(VaultKeys(keys)))
        return keys[-1]

    def include(self, older: Sequence[bytes]) -> None:
        """Have these keys too, as older ones: secrets that come back from a backup need them."""
        with _alone(self.path.parent):
            keys = list(self())
            merged = [*(key for key in older if key not in keys), *keys]
            if merged != keys:
                replace_private_file(self.path, msgspec.json.encode(VaultKeys(merged)))

    def _read(self) -> Sequence[bytes]:
        try:
            found = msgspec.json.decode(self.path.read_bytes(), type=VaultKeys)
        except OSError as error:
            raise StartError(f"{self.path} cannot be read: {(error.strerror or '').lower()}") from error
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise StartError(f"{self.path} is damaged ({error}): restore the file from a backup") from error
        if not found.keys or any(len(key) != KEY_BYTES for key in found.keys):
            raise StartError(
                f"{self.path} is damaged: a key has {KEY_BYTES} bytes, and there is at least one"
            )
        return found.keys


def _new_key() -> bytes:
    return secrets.token_bytes(KEY_BYTES)


@contextmanager
def _alone(folder: Path) -> Generator[None]:
    """Keep other processes from changing the file between reading and replacing it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
