"""Password hashing: argon2id in a bounded pool of threads. Knows no account and no database."""

import asyncio
import base64
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from server.errors import OverloadedError

T = TypeVar("T")

WAITING_PER_THREAD = 32
"""Hashes that may wait for each thread, about five seconds' worth; more are refused with 503."""


class Passwords:
    """Hashes and checks passwords, as many at a time as the machine was given for it."""

    def __init__(self, *, concurrency: int, memory_kib: int, passes: int) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1)
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="password")
        self._limit = concurrency * (1 + WAITING_PER_THREAD)
        self._under_way = 0
        # A hash of nothing known: checking against it costs what checking a real one does.
        salt, digest = (base64.b64encode(secrets.token_bytes(n)).rstrip(b"=").decode() for n in (16, 32))
        self._decoy = f"$argon2id$v=19$m={memory_kib},t={passes},p=1${salt}${digest}"

    async def hash(self, password: str) -> str:
        """Return the argon2id hash to store. Raises OverloadedError when too many are waiting."""
        return await self._run(lambda: self._hasher.hash(password))

    async def verify(self, stored: str | None, password: str) -> bool:
        """Tell whether a password fits; `None`, for an account that does not exist, costs the same time.

        Raises OverloadedError when too many are waiting.
        """
        return await self._run(lambda: self._check(stored or self._decoy, password)) and stored is not None

    def close(self) -> None:
        """Stop the threads once what they do is done."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _check(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        if self._under_way >= self._limit:
            raise OverloadedError("Too many sign-ins at this moment.", retry_after_seconds=5)
        self._under_way += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._under_way -= 1
