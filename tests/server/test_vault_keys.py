"""The file of the vault's keys, and `ionflux keys rotate` beside a process that serves."""

import stat
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from server.doctor import examine
from server.errors import StartError
from server.operations import rotate_keys
from server.settings import Settings
from server.vault_keys import VAULT_KEYS, VaultKeyFile
from storage.engine import Database
from storage.errors import UnknownKeyError
from storage.models import Brand
from storage.vault import Vault, place_of
from tests.server.api import Api

CONNECTED = {"name": "Acme", "shopify_access_token": "shpat_first"}


@pytest.fixture
def settings(settings: Settings, database_url: str) -> Settings:
    """Those of the API's process, so that a command finds the same database and folder."""
    import msgspec

    return msgspec.structs.replace(settings, database_url=database_url)


async def stored_token(database: Database, brand: dict[str, Any], vault: Vault) -> str:
    brand_id = UUID(brand["id"])
    async with database.read() as uow:
        found = await uow.session.get(Brand, brand_id)
    assert found is not None
    assert found.shopify_access_token is not None
    return vault.open(found.shopify_access_token, place_of("brands", "shopify_access_token", brand_id))


def test_the_file_is_made_once_and_is_private(tmp_path: Path):
    file = VaultKeyFile(tmp_path)
    assert file() == ()
    file.make_first()
    (key,) = file()
    VaultKeyFile(tmp_path).make_first()
    assert list(VaultKeyFile(tmp_path)()) == [key]
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600


def test_a_key_that_another_process_adds_is_seen(tmp_path: Path):
    file, other = VaultKeyFile(tmp_path), VaultKeyFile(tmp_path)
    file.make_first()
    (first,) = other()
    added = file.add()
    assert list(other()) == [first, added]
    file.path.unlink()
    assert list(other()) == [first, added], "a running process keeps what it knows"


@pytest.mark.parametrize("content", [b"", b"{}", b'{"keys": []}', b'{"keys": ["c2hvcnQ="]}', b"\xff"])
def test_a_damaged_file_is_refused_and_kept(tmp_path: Path, content: bytes):
    (tmp_path / VAULT_KEYS).write_bytes(content)
    file = VaultKeyFile(tmp_path)
    file.make_first()
    for use in (file, file.add):
        with pytest.raises(StartError, match=r"vault-keys\.json is damaged"):
            use()
    assert (tmp_path / VAULT_KEYS).read_bytes() == content


async def test_secrets_are_rotated_beside_the_process_that_serves(
    ann: Api, workspace: str, settings: Settings, database: Database
):
    before = await ann.made(f"{workspace}/brands", CONNECTED)
    said = await rotate_keys(settings)
    assert "1 secrets came under it" in said
    keys = VaultKeyFile(settings.data_dir)
    only_new = Vault(lambda: keys()[-1:])
    assert await stored_token(database, before, only_new) == "shpat_first"
    after = await ann.made(f"{workspace}/brands", CONNECTED)
    assert await stored_token(database, after, only_new) == "shpat_first", "the process has the new key too"
    assert (await ann.get(f"/v1/brands/{before['id']}")).json() == before, "nothing else has changed"


async def test_a_rotation_that_was_cut_off_is_finished_before_another_begins(
    ann: Api, workspace: str, settings: Settings, database: Database
):
    brand = await ann.made(f"{workspace}/brands", CONNECTED)
    keys = VaultKeyFile(settings.data_dir)
    keys.add()  # and then the power went
    assert "1 of 1 secrets came under its key" in await rotate_keys(settings)
    assert len(keys()) == 2
    assert await stored_token(database, brand, Vault(lambda: keys()[-1:])) == "shpat_first"
    assert "The new key is" in await rotate_keys(settings)
    assert len(keys()) == 3


async def test_lost_keys_are_told_and_nothing_is_done(ann: Api, workspace: str, settings: Settings):
    await ann.made(f"{workspace}/brands", CONNECTED)
    path = settings.data_dir / VAULT_KEYS
    path.rename(path.with_suffix(".lost"))
    VaultKeyFile(settings.data_dir).make_first()
    with pytest.raises(UnknownKeyError, match="restore"):
        await rotate_keys(settings)
    assert len(VaultKeyFile(settings.data_dir)()) == 1
    check = (await examine(settings))[-1]
    assert (check.name, check.ok) == ("vault", False)
    assert "which is not here: restore vault-keys.json" in check.detail
    path.with_suffix(".lost").rename(path)
    check = (await examine(settings))[-1]
    assert (check.ok, check.detail) == (True, "1 stored secrets can be opened")
