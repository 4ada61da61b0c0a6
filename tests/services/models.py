"""A stand-in for providers of language models that is not ours: aimock, strict, on a port of its own."""

import re
import subprocess
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

from tests.clients.driver import FOLDER, NODE

SECONDS = 30.0
_LISTENING = re.compile(rb"http://127\.0\.0\.1:([0-9]+)")


class ModelServer:
    """The server. What it is told answers whoever says the words of a fixture last."""

    def __init__(self, port: int) -> None:
        self.place = f"127.0.0.1:{port}"
        self.url = f"http://{self.place}/v1"
        self._control = httpx2.Client(base_url=f"http://{self.place}/__aimock", trust_env=False)

    def close(self) -> None:
        """Forget the connection."""
        self._control.close()

    def reset(self) -> None:
        """Forget all answers and questions."""
        self._control.post("/reset").raise_for_status()

    def answer(self, words: str, response: dict[str, Any], **options: Any) -> None:
        """Answer a user's message that contains these words."""
        match = {"userMessage": words, **options.pop("match", {})}
        fixture = {"match": match, "response": response, **options}
        self._control.post("/fixtures", json={"fixtures": [fixture]}).raise_for_status()

    def say(self, words: str, text: str, **options: Any) -> None:
        """Answer with a text."""
        self.answer(words, {"content": text}, **options)

    def embed(self, text: str, vector: Sequence[float]) -> None:
        """Answer with a vector for a text."""
        match = {"inputText": text, "endpoint": "embedding"}
        fixture = {"match": match, "response": {"embedding": list(vector)}}
        self._control.post("/fixtures", json={"fixtures": [fixture]}).raise_for_status()

    def refuse(self, words: str, status: int, message: str = "No", code: str = "", **options: Any) -> None:
        """Answer with an error."""
        error = {"message": message, "type": "error", "code": code or None}
        self.answer(words, {"error": error, "status": status, **options.pop("more", {})}, **options)

    @property
    def asked(self) -> list[dict[str, Any]]:
        """What was asked since the last reset: `path`, `headers`, `body`, `response.status`."""
        return self._control.get("/journal").json()


@contextmanager
def running_models(folder: Path) -> Generator[int]:
    """Let the stand-in run; give its port."""
    fixtures = folder / "fixtures.json"
    nothing = {"match": {"userMessage": "the words that nobody says"}, "response": {"content": "?"}}
    fixtures.write_bytes(msgspec.json.encode({"fixtures": [nothing]}))
    program = FOLDER / "node_modules/@copilotkit/aimock/dist/cli.js"
    command = [NODE, program, "--port", "0", "--strict", "--fixtures", fixtures, "--journal-max", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if found := _LISTENING.search(line):
                    yield int(found[1])
                    break
            else:
                raise RuntimeError("the stand-in for models did not start")
        finally:
            with suppress(ProcessLookupError):
                process.kill()


@pytest.fixture(scope="session")
def _model_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with running_models(tmp_path_factory.mktemp("models")) as port:
        yield port


@pytest.fixture
def model_server(_model_process: int) -> Iterator[ModelServer]:
    """A model server that knows no answers yet."""
    server = ModelServer(_model_process)
    server.reset()
    yield server
    server.close()
