"""The API as tests use it. Every answer is held against the OpenAPI document."""

import json
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import cache
from itertools import count
from typing import Any

import httpx2
from starlette.types import ASGIApp

from tests.server.schema import faults

PASSWORD = "correct horse"


class Api:
    """A caller of the API, signed in or not."""

    def __init__(
        self, client: httpx2.AsyncClient, description: dict[str, Any], token: str | None = None
    ) -> None:
        self.client = client
        self.description = description
        self.token = token
        self.user: dict[str, Any] = {}
        self.refresh_token = ""
        self._numbers = count(1)

    async def request(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """Send a request and hold the answer against its description."""
        headers: dict[str, str] = options.pop("headers", {})
        if self.token is not None:
            headers = {"Authorization": f"Bearer {self.token}", **headers}
        response = await self.client.request(method, path, headers=headers, **options)
        assert not (found := contradictions(self.description, method, response)), (found, response.text)
        return response

    async def get(self, path: str, **options: Any) -> httpx2.Response:
        return await self.request("GET", path, **options)

    async def post(self, path: str, json: object = None, **options: Any) -> httpx2.Response:
        return await self.request("POST", path, json=json, **options)

    async def patch(self, path: str, json: object, **options: Any) -> httpx2.Response:
        return await self.request("PATCH", path, json=json, **options)

    async def put(self, path: str, json: object) -> httpx2.Response:
        return await self.request("PUT", path, json=json)

    async def delete(self, path: str) -> httpx2.Response:
        return await self.request("DELETE", path)

    async def made(self, path: str, json: object) -> dict[str, Any]:
        """Create something and return it."""
        response = await self.post(path, json)
        assert response.status_code == 201, response.text
        return response.json()

    async def sign_up(self, name: str) -> "Api":
        """Register somebody and return the API as they see it."""
        body = {"email": f"{name}@example.com", "password": PASSWORD, "name": name.title()}
        return self.signed_in(await self.made("/v1/auth/register", body))

    def signed_in(self, session: dict[str, Any]) -> "Api":
        """Return the API with a session's tokens."""
        other = Api(self.client, self.description, session["access_token"])
        other.user = session["user"]
        other.refresh_token = session["refresh_token"]
        return other


def contradictions(description: dict[str, Any], method: str, response: httpx2.Response) -> list[str]:
    """Return what an answer has that its description does not say."""
    assert response.headers["x-request-id"]
    path = response.request.url.path
    template = next((known for known in description["paths"] if _matches(known, path)), None)
    media_type = response.headers.get("content-type", "").partition(";")[0]
    if template is None or method.lower() not in description["paths"][template]:
        return _problem_faults(description, response, media_type) if response.is_error else []
    responses = description["paths"][template][method.lower()]["responses"]
    described = responses.get(str(response.status_code))
    if described is None:
        return [f"{method} {template} does not say {response.status_code}"]
    if "content" not in described:
        return [f"{method} {template} should be empty"] if response.content else []
    if "*/*" in described["content"]:
        return []
    if media_type not in described["content"]:
        return [f"{method} {template} answers with {media_type}"]
    schema = described["content"][media_type].get("schema")
    # A document of another kind than JSON has none.
    return [] if schema is None else faults(response.json(), schema, description)


def _matches(template: str, path: str) -> bool:
    return _pattern(template).fullmatch(path) is not None


@cache
def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"{\w+}", "[^/]+", template))


@cache
def _read(description: bytes) -> dict[str, Any]:
    """Return a description as a mapping; the tests of a process get the same one."""
    return json.loads(description)


def _problem_faults(description: dict[str, Any], response: httpx2.Response, media_type: str) -> list[str]:
    if media_type != "application/problem+json":
        return [f"an error as {media_type}"]
    return faults(response.json(), {"$ref": "#/components/schemas/Problem"}, description)


@asynccontextmanager
async def open_api(app: ASGIApp, address: str = "192.0.2.1") -> AsyncGenerator[Api]:
    """Give a caller of an application, from an address."""
    transport = httpx2.ASGITransport(app, client=(address, 1234))
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.get("/openapi.json", headers={"Accept-Encoding": "identity"})
        yield Api(client, _read(answer.content))
