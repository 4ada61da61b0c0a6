"""Sealing and opening, without a database."""

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.errors import BrokenSealError, UnknownKeyError
from storage.vault import KEY_BYTES, Vault, key_name, place_of

PLACE = place_of("brands", "shopify_access_token", uuid4())
OLD, NEW = b"o" * KEY_BYTES, b"n" * KEY_BYTES


def vault_of(*keys: bytes) -> Vault:
    return Vault(lambda: keys)


@given(text=st.text())
def test_what_is_sealed_opens_and_does_not_show(text: str):
    sealed = vault_of(OLD).seal(text, PLACE)
    assert vault_of(OLD).open(sealed, PLACE) == text
    assert len(text) < 4 or text.encode() not in sealed


def test_the_same_secret_is_never_sealed_alike():
    assert vault_of(OLD).seal("x", PLACE) != vault_of(OLD).seal("x", PLACE)


def test_a_sealed_value_opens_at_its_place_alone():
    sealed = vault_of(OLD).seal("x", PLACE)
    for place in (PLACE.replace("shopify", "tiktok"), place_of("brands", "shopify_access_token", uuid4())):
        with pytest.raises(BrokenSealError, match="brands"):
            vault_of(OLD).open(sealed, place)


@given(index=st.integers(0, 32), bit=st.integers(0, 7))
def test_a_sealed_value_that_was_changed_does_not_open(index: int, bit: int):
    sealed = bytearray(vault_of(OLD).seal("x" * 20, PLACE))
    sealed[index] ^= 1 << bit
    with pytest.raises((BrokenSealError, UnknownKeyError)):
        vault_of(OLD).open(bytes(sealed), PLACE)


@pytest.mark.parametrize("length", range(18))
def test_a_sealed_value_that_was_cut_does_not_open(length: int):
    with pytest.raises((BrokenSealError, UnknownKeyError)):
        vault_of(OLD).open(vault_of(OLD).seal("x", PLACE)[:length], PLACE)


def test_older_keys_open_and_the_newest_seals():
    both = vault_of(OLD, NEW)
    old = vault_of(OLD).seal("x", PLACE)
    assert (both.open(old, PLACE), both.is_current(old)) == ("x", False)
    new = both.seal("x", PLACE)
    assert (vault_of(NEW).open(new, PLACE), both.is_current(new)) == ("x", True)


def test_a_key_that_is_missing_is_named():
    sealed = vault_of(OLD).seal("x", PLACE)
    with pytest.raises(UnknownKeyError, match=rf"key {key_name(OLD)}, which is not here.*vault-keys\.json"):
        vault_of(NEW).open(sealed, PLACE)
    with pytest.raises(UnknownKeyError, match="needs a key, and there is none"):
        vault_of().seal("x", PLACE)
