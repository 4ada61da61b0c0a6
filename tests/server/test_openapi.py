"""The description of the API against what the API is. That answers fit is checked in every other test too."""

from typing import Any, cast

import pytest

from server.app import API
from server.rest import health
from tests.server.api import Api
from tests.server.schema import KNOWN


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One database is enough: nothing here depends on it."""
    return sqlite_url


OPERATIONS = [operation for module in (health, *API) for operation in module.routes.operations]


def test_every_operation_says_what_it_does():
    names = [operation.name for operation in OPERATIONS]
    assert len(names) == len(set(names))
    assert [operation.name for operation in OPERATIONS if not operation.summary] == []


def test_what_makes_something_takes_an_idempotency_key():
    # Registering answers with secrets, which are not kept; a repeated address is refused anyway.
    creating = [operation for operation in OPERATIONS if operation.status == 201]
    assert [operation.name for operation in creating if not operation.idempotent] == ["register"]


async def test_every_operation_is_described(api: Api):
    described = {
        (method.upper(), path) for path, methods in api.description["paths"].items() for method in methods
    }
    assert described == {(operation.method, operation.path) for operation in OPERATIONS}


async def test_every_reference_leads_somewhere(api: Api):
    schemas: dict[str, dict[str, Any]] = api.description["components"]["schemas"]
    prefix = "#/components/schemas/"
    for name, schema in schemas.items():
        assert set(schema) <= KNOWN, name
    for reference in _references(api.description):
        assert reference.startswith(prefix)
        assert reference.removeprefix(prefix) in schemas


async def test_bodies_refuse_unknown_fields_and_say_so(api: Api):
    for operation in OPERATIONS:
        if operation.body_type:
            schema = api.description["components"]["schemas"][operation.body_type.__name__]
            assert schema["additionalProperties"] is False


def _references(node: object) -> list[str]:
    if isinstance(node, dict):
        found = cast("dict[str, object]", node)
        own = [str(found["$ref"])] if "$ref" in found else []
        return own + [reference for value in found.values() for reference in _references(value)]
    if isinstance(node, list):
        return [reference for value in cast("list[object]", node) for reference in _references(value)]
    return []
