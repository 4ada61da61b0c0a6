"""Sealing and opening, without a database."""

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl import bindings
from nacl.exceptions import UnavailableError

from storage.aes_gcm import Cipher, OpenSsl, aes_gcm
from storage.errors import BrokenSealError, UnknownKeyError
from storage.vault import KEY_BYTES, Vault, key_name, place_of

PLACE = place_of("brands", "shopify_access_token", uuid4())
OLD, NEW = b"o" * KEY_BYTES, b"n" * KEY_BYTES


SEALED_BEFORE = bytes.fromhex(
    "01074e0436000102030405060708090a0b6be06754bb1fb9fc4a48d96c371b12afcc2ebde1d970b3e54434111a4be35d56b6c638155c"
    "a3ce11"
)
"""As it was stored when OpenSSL did all of it, under the key `OLD` and at this place."""
ITS_PLACE = "brands.shopify_access_token:0190b2f4-0000-7000-8000-000000000001"

CIPHERS = [aes_gcm(), OpenSsl()]


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


@pytest.mark.parametrize("length", range(5 + 12 + 1 + 16))
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


@pytest.mark.parametrize("cipher", CIPHERS)
def test_what_was_sealed_before_opens_as_ever(cipher: Cipher):
    vault = Vault(lambda: [OLD, NEW], cipher=lambda: cipher)
    assert vault.open(SEALED_BEFORE, ITS_PLACE) == "sealed long ago: grüße"
    with pytest.raises(BrokenSealError):
        vault.open(SEALED_BEFORE, PLACE)
    for index in range(len(SEALED_BEFORE)):
        changed = bytearray(SEALED_BEFORE)
        changed[index] ^= 1
        for wrong in (bytes(changed), SEALED_BEFORE[:index]):
            with pytest.raises((BrokenSealError, UnknownKeyError)):
                vault.open(wrong, ITS_PLACE)


@given(data=st.binary(), bound=st.binary(min_size=1), key=st.binary(min_size=32, max_size=32))
def test_both_libraries_make_the_same_of_the_same(data: bytes, bound: bytes, key: bytes):
    nonce = bytes(range(12))
    ours, theirs = (cipher.encrypt(key, nonce, data, bound) for cipher in CIPHERS)
    assert ours == theirs
    for cipher in CIPHERS:
        assert cipher.decrypt(key, nonce, ours, bound) == data
        assert cipher.decrypt(key, nonce, ours, bound + b"x") is None


def test_a_processor_without_instructions_for_aes_has_openssl(monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object) -> bytes:
        raise UnavailableError("Construction requires hardware acceleration")

    monkeypatch.setattr(bindings, "crypto_aead_aes256gcm_encrypt", refuse)
    aes_gcm.cache_clear()
    try:
        assert isinstance(aes_gcm(), OpenSsl)
    finally:
        aes_gcm.cache_clear()
