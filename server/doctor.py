"""Examines an installation and says in words what is wrong. Changes nothing."""

import os
import stat
from pathlib import Path

from server.bootstrap import open_database
from server.data_folder import SECRETS, read_secrets
from server.errors import StartError
from server.settings import Settings
from storage import health
from storage.health import Check


async def examine(settings: Settings) -> list[Check]:
    """Make all checks; where the folder is missing or closed, the others could only repeat that."""
    folder = _check_folder(settings.data_dir)
    if not folder.ok:
        return [folder]
    return [folder, _check_secrets(settings.data_dir), *await health.examine(open_database(settings))]


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
        return Check("secrets", False, f"{path} can be read by other users: run `chmod 600 {path}`")
    return Check("secrets", True, "readable, and by nobody else")
