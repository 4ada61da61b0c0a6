"""AES-256-GCM, by the smaller of two libraries where the processor has instructions for it, as nearly all do.

libsodium takes 2 MB of memory and OpenSSL, which can do without them, 8 (0071). What one has encrypted the
other decrypts. They are loaded at the first use.
"""

from functools import cache
from typing import Protocol

TAG_BYTES = 16


class Cipher(Protocol):
    """Encrypts and decrypts, with a nonce of 12 bytes that is used once."""

    def encrypt(self, key: bytes, nonce: bytes, data: bytes, bound: bytes) -> bytes:
        """Return data encrypted, and behind it the tag that binds it to `bound`."""
        ...

    def decrypt(self, key: bytes, nonce: bytes, data: bytes, bound: bytes) -> bytes | None:
        """Return what was encrypted; None where it was changed, or belongs to something else."""
        ...


@cache
def aes_gcm() -> Cipher:
    """Return the library that is right for this machine."""
    from nacl.exceptions import UnavailableError

    sodium = Sodium()
    try:
        sodium.encrypt(bytes(32), bytes(12), b"", b"")
    except UnavailableError:
        return OpenSsl()
    return sodium


class Sodium:
    """By libsodium. Raises its UnavailableError where the processor has no instructions for AES."""

    def encrypt(self, key: bytes, nonce: bytes, data: bytes, bound: bytes) -> bytes:
        """Encrypt, see `Cipher`."""
        from nacl.bindings import crypto_aead_aes256gcm_encrypt

        return crypto_aead_aes256gcm_encrypt(data, bound, nonce, key)

    def decrypt(self, key: bytes, nonce: bytes, data: bytes, bound: bytes) -> bytes | None:
        """Decrypt, see `Cipher`."""
        from nacl.bindings import crypto_aead_aes256gcm_decrypt
        from nacl.exceptions import CryptoError

        if len(data) < TAG_BYTES:  # PyNaCl would ask for a negative amount of memory
            return None
        try:
            return crypto_aead_aes256gcm_decrypt(data, bound, nonce, key)
        except CryptoError:
            return None


class OpenSsl:
    """By the OpenSSL of the `cryptography` package."""

    def encrypt(self, key: bytes, nonce: bytes, data: bytes, bound: bytes) -> bytes:
        """Encrypt, see `Cipher`."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        return AESGCM(key).encrypt(nonce, data, bound)

    def decrypt(self, key: bytes, nonce: bytes, data: bytes, bound: bytes) -> bytes | None:
        """Decrypt, see `Cipher`."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            return AESGCM(key).decrypt(nonce, data, bound)
        except InvalidTag:
            return None
