"""Examines an installation and says in words what is wrong. Changes nothing."""

import os
import stat
from pathlib import Path

from server.bootstrap import open_database
from server.data_folder import SECRETS, read_secrets
from server.errors import StartError
from server.settings import Settings
from server.vault_keys import VAULT_KEYS, VaultKeyFile
from storage import health
from storage.errors import StorageError
from storage.health import Check
from storage.resealing import count_stale
from storage.vault import Vault


async def examine(settings: Settings) -> list[Check]:
    """Make all checks; where the folder is missing or closed, the others could only repeat that."""
    folder = _check_folder(settings.data_dir)
    if not folder.ok:
        return [folder]
    checks = [folder, _check_secrets(settings.data_dir), *await health.examine(open_database(settings))]
    # Reading the secrets of a database that is damaged, or has other tables, could only repeat that.
    return [*checks, await _check_vault(settings)] if all(check.ok for check in checks[2:]) else checks


def _check_folder(folder: Path) -> Check:
    if not folder.is_dir():
        return Check("data folder", False, f"there is no folder {folder}; the first `ionflux serve` makes it")
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return Check("data folder", False, f"{folder} cannot be written by this user")
    return Check("data folder", True, f"{folder} can be written")


def _check_secrets(folder: Path) -> Check:
    path = folder / SECRETS
    if not path.exists():
        return Check("secrets", True, "not made yet; the first `ionflux serve` makes them")
    try:
        read_secrets(folder)
    except StartError as error:
        return Check("secrets", False, str(error))
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        return _readable_by_others("secrets", path)
    return Check("secrets", True, "readable, and by nobody else")


async def _check_vault(settings: Settings) -> Check:
    path = settings.data_dir / VAULT_KEYS
    vault = Vault(VaultKeyFile(settings.data_dir))
    try:
        async with open_database(settings) as database:
            stale, total = await count_stale(database, vault)
    except (StartError, StorageError) as error:
        return Check("vault", False, str(error))
    if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
        return _readable_by_others("vault", path)
    if stale:
        words = f"{stale} of {total} stored secrets are under an older key: run `ionflux keys rotate`"
        return Check("vault", True, words)
    return Check("vault", True, f"{total} stored secrets can be opened")


def _readable_by_others(name: str, path: Path) -> Check:
    return Check(name, False, f"{path} can be read by other users: run `chmod 600 {path}`")
