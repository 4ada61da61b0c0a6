"""Bringing secrets under a newer key, on both databases."""

from uuid import UUID

import pytest

from storage import resealing
from storage.engine import Database
from storage.errors import UnknownKeyError
from storage.models import Brand, Creator
from storage.resealing import count_stale, reseal, sealed_columns
from storage.vault import KEY_BYTES, Vault, place_of
from tests.services.databases import add_workspace

OLD, NEW = b"o" * KEY_BYTES, b"n" * KEY_BYTES


@pytest.fixture
def keys() -> list[bytes]:
    return [OLD]


@pytest.fixture
def vault(keys: list[bytes]) -> Vault:
    return Vault(lambda: keys)


async def add_brands(database: Database, vault: Vault, count: int) -> list[UUID]:
    workspace_id, _ = await add_workspace(database)
    ids: list[UUID] = []
    async with database.transaction() as uow:
        for _ in range(count):
            brand_id = uow.new_id()
            ids.append(brand_id)
            values = {"shopify_access_token": f"token of {brand_id}", "tiktok_access_token": None}
            await uow.brands.add(
                Brand(
                    id=brand_id,
                    workspace_id=workspace_id,
                    name="B",
                    created_at=uow.now,
                    updated_at=uow.now,
                    **vault.seal_into("brands", brand_id, values, *values),
                )
            )
    return ids


async def token(database: Database, vault: Vault, brand_id: UUID) -> str:
    async with database.read() as uow:
        brand = await uow.session.get(Brand, brand_id)
    assert brand is not None
    assert brand.shopify_access_token is not None
    return vault.open(brand.shopify_access_token, place_of("brands", "shopify_access_token", brand_id))


def test_every_sealed_column_is_known_and_every_token_is_sealed():
    known = {f"{column.table.name}.{column.name}" for column in sealed_columns()}
    assert known >= {
        "brands.shopify_access_token",
        "brands.tiktok_access_token",
        "creators.tiktok_access_token",
    }
    for model in (Brand, Creator):
        tokens = {
            f"{model.__tablename__}.{column.name}"
            for column in model.__table__.columns
            if "token" in column.name
        }
        assert tokens <= known


async def test_all_values_come_under_the_newest_key(database: Database, vault: Vault, keys: list[bytes]):
    ids = await add_brands(database, vault, resealing.BATCH + 1)
    assert await count_stale(database, vault) == (0, len(ids))
    keys.append(NEW)
    assert await count_stale(database, vault) == (len(ids), len(ids))
    assert await reseal(database, vault) == len(ids)
    assert await count_stale(database, vault) == (0, len(ids))
    only_new = Vault(lambda: [NEW])
    assert [await token(database, only_new, brand_id) for brand_id in ids] == [f"token of {i}" for i in ids]
    assert await reseal(database, vault) == 0


async def test_a_rotation_that_was_cut_off_goes_on(
    database: Database, vault: Vault, keys: list[bytes], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(resealing, "BATCH", 2)
    ids = await add_brands(database, vault, 5)
    keys.append(NEW)

    class CutOffError(Exception):
        pass

    class Failing(Vault):
        sealed = 0

        def seal(self, text: str, place: str) -> bytes:
            self.sealed += 1
            if self.sealed == 4:
                raise CutOffError
            return super().seal(text, place)

    with pytest.raises(CutOffError):
        await reseal(database, Failing(lambda: keys))
    assert await count_stale(database, vault) == (3, 5), "the batch that was cut off is undone, as one"
    assert await reseal(database, vault) == 3
    assert [await token(database, vault, brand_id) for brand_id in ids] == [f"token of {i}" for i in ids]


async def test_a_value_whose_key_is_lost_stops_the_rotation(database: Database, vault: Vault):
    (brand_id,) = await add_brands(database, vault, 1)
    with pytest.raises(UnknownKeyError, match=str(brand_id)):
        await reseal(database, Vault(lambda: [NEW]))
    assert await token(database, vault, brand_id) == f"token of {brand_id}"
