"""Where the tests of the TypeScript client, which run in Node, ask for what only Python can do.

A line of JSON in, one out: `{"do": ..., ...}` is answered by `{"result": ...}` or `{"error": ...}`.
"""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Self

from tests.server.runs_world import DEFINITION, FAST, MODEL
from tests.services.ionflux import IonfluxServer
from tests.services.models import ModelServer

Ask = Callable[..., Awaitable[Any]]


class Desk:
    """Serves one server's tests, for as long as its block lasts."""

    def __init__(self, server: IonfluxServer, models: ModelServer) -> None:
        self._ionflux = server
        self._models = models
        self._doing: dict[str, Ask] = {
            "person": self._person,
            "token": self._token,
            "kill": self._ionflux.kill,
            "start": self._ionflux.restart,
            "reset": self._reset,
            "provider": self._provider,
            "agent": self._agent,
            "answer": self._answer,
        }

    async def __aenter__(self) -> Self:
        """Open the desk."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        self._server.close()
        await self._server.wait_closed()

    @property
    def port(self) -> int:
        """Where it is."""
        return self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            asked = json.loads(line)
            try:
                answer = {"result": await self._doing[asked.pop("do")](**asked)}
            except Exception as error:  # noqa: BLE001 -- the test on the other side fails with it
                answer = {"error": repr(error)}
            writer.write(json.dumps(answer).encode() + b"\n")
        writer.close()

    async def _person(self, name: str) -> dict[str, str]:
        person = await self._ionflux.person(name)
        return {
            "id": person.user_id,
            "email": person.email,
            "access": person.token,
            "refresh": person.refresh_token,
        }

    async def _token(self, user: str, access: str, seconds: float) -> str:
        """Sign another access token of the same session, with a life of its own."""
        payload = access.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return self._ionflux.sign_token(user, claims["sid"], lifetime=timedelta(seconds=seconds))

    async def _reset(self, document: str) -> None:
        code, said = await self._ionflux.run("document", "reset", document)
        if code != 0:
            raise RuntimeError(said)

    async def _provider(self) -> dict[str, Any]:
        return {"name": "Stand-in", "base_url": self._models.url, "models": [MODEL]}

    async def _agent(self, config: str) -> dict[str, Any]:
        return {"name": "Helper", "agent_definition_id": DEFINITION, "yaml_config": FAST + config}

    async def _answer(
        self, words: str, response: dict[str, Any], has_result: bool | None = None, **options: Any
    ) -> None:
        match = {} if has_result is None else {"hasToolResult": has_result}
        await asyncio.to_thread(self._models.answer, words, response, match=match, **options)
