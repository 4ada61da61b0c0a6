"""Examines an installation and says in words what is wrong. Changes nothing."""

import os
import stat
from pathlib import Path

import msgspec

from server.data_folder import SECRETS, read_secrets
from server.errors import StartError
from server.settings import Settings


class Finding(msgspec.Struct, frozen=True):
    """What one check found, in words."""

    subject: str
    is_well: bool
    words: str


async def examine(settings: Settings) -> list[Finding]:
    """Make all checks; one that finds the ground of later ones missing ends the row."""
    folder = settings.data_dir
    found = [_examine_folder(folder)]
    if not found[0].is_well:
        return found
    found.append(_examine_secrets(folder))
    return found


def _examine_folder(folder: Path) -> Finding:
    if not folder.is_dir():
        return Finding(
            "data folder", False, f"there is no folder {folder}; the first `ionflux serve` makes it"
        )
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return Finding("data folder", False, f"{folder} cannot be written by this user")
    return Finding("data folder", True, f"{folder} can be written")


def _examine_secrets(folder: Path) -> Finding:
    path = folder / SECRETS
    if not path.exists():
        return Finding("secrets", True, "not made yet; the first `ionflux serve` makes them")
    try:
        read_secrets(folder)
    except StartError as error:
        return Finding("secrets", False, str(error))
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        return Finding("secrets", False, f"{path} can be read by other users: run `chmod 600 {path}`")
    return Finding("secrets", True, "readable, and by nobody else")
