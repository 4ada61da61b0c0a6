"""Describes the declared operations as an OpenAPI 3.1 document. Everything is read off what also runs."""

import http
from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec

from server import __version__
from server.error_map import MEDIA_TYPE, Problem, phrase_of
from server.routing import Operation

_REF = "#/components/schemas/{name}"
JsonObject = dict[str, Any]

REQUEST_ID: Mapping[str, JsonObject] = {
    "X-Request-Id": {
        "description": "The request's id: the one that was sent along, or a new one.",
        "schema": {"type": "string"},
    }
}
RETRY_AFTER: Mapping[str, JsonObject] = {
    "Retry-After": {"description": "Seconds after which to try again.", "schema": {"type": "integer"}}
}
QUOTA: Mapping[str, JsonObject] = {
    "RateLimit-Policy": {
        "description": "The quota that this request counted against: its name, `q` requests in `w` seconds.",
        "schema": {"type": "string"},
    },
    "RateLimit": {
        "description": "What is left of it: `r` requests for `t` seconds.",
        "schema": {"type": "string"},
    },
}
IDEMPOTENCY_KEY: JsonObject = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Sent again with the same body within a day, the request gets the first answer again.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
}


ANY = "*/*"
"""What an answer is that carries a file: it may also come in part, or not at all."""


def describe(operations: Sequence[Operation], server_url: str) -> JsonObject:
    """Return the document for the operations."""
    types = [
        kind for operation in operations for kind in (operation.body_type, operation.answer_type) if kind
    ]
    schemas, components = msgspec.json.schema_components([*types, Problem], ref_template=_REF)
    by_type = dict(zip([*types, Problem], schemas, strict=True))
    paths: dict[str, JsonObject] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, by_type)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "IONFLUX",
            "version": __version__,
            "description": (
                "Workspaces, their pages and channels. What a page or a channel contains is a live Yjs "
                "document, reached over WebSockets under the name that is given as `document`."
            ),
        },
        "servers": [{"url": server_url}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"accessToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _operation(operation: Operation, by_type: Mapping[Any, JsonObject]) -> JsonObject:
    described: JsonObject = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "responses": _responses(operation, by_type),
    }
    if operation.description:
        described["description"] = operation.description
    if parameters := _parameters(operation):
        described["parameters"] = parameters
    if operation.body_type:
        described["requestBody"] = {"required": True, "content": _json(by_type[operation.body_type])}
    if operation.takes:
        described["requestBody"] = {"required": operation.needs_body, "content": {operation.takes: {}}}
    if operation.needed is not None:
        described["security"] = [{"accessToken": []}]
    return described


def _parameters(operation: Operation) -> list[JsonObject]:
    found: list[JsonObject] = [
        {"name": name, "in": "path", "required": True, "schema": msgspec.json.schema(kind)}
        for name, kind in operation.path_types.items()
    ]
    if operation.query_type:
        schema = next(
            iter(msgspec.json.schema_components([operation.query_type], ref_template=_REF)[1].values())
        )
        for name, property_ in schema["properties"].items():
            found.append({"name": name, "in": "query", "required": False, "schema": _without_null(property_)})
    if operation.header_type:
        _, components = msgspec.json.schema_components([operation.header_type], ref_template=_REF)
        (schema,) = components.values()
        required = schema.get("required", ())
        for name, property_ in schema["properties"].items():
            found.append(
                {
                    "name": name,
                    "in": "header",
                    "required": name in required,
                    "schema": _without_null(property_),
                }
            )
    if operation.idempotent:
        found.append(IDEMPOTENCY_KEY)
    return found


def _without_null(schema: JsonObject) -> JsonObject:
    """Return what a parameter is when it is given; a query string has no null."""
    choices = cast("list[JsonObject]", schema.get("anyOf", []))
    return next((choice for choice in choices if choice.get("type") != "null"), schema)


def _responses(operation: Operation, by_type: Mapping[Any, JsonObject]) -> JsonObject:
    quota: Mapping[str, JsonObject] = QUOTA if 429 in operation.refuses else {}
    success: JsonObject = {
        "description": phrase_of(operation.status),
        "headers": {**REQUEST_ID, **quota},
    }
    if operation.status != 204:
        json = {} if operation.answer_type is type(None) else _json(by_type[operation.answer_type])
        success["content"] = json | {media_type: {} for media_type in operation.media_types}
    problem = {MEDIA_TYPE: {"schema": by_type[Problem]}}
    refusals: JsonObject = {
        str(status): {
            "description": phrase_of(status),
            "headers": {**REQUEST_ID, **(RETRY_AFTER if status in (429, 503) else {})},
            "content": problem,
        }
        for status in operation.refuses
    }
    if ANY in operation.media_types:
        refusals["206"] = success | {"description": http.HTTPStatus.PARTIAL_CONTENT.phrase}
        refusals["304"] = {"description": http.HTTPStatus.NOT_MODIFIED.phrase, "headers": REQUEST_ID}
    unexpected = {"description": "An error", "headers": REQUEST_ID, "content": problem}
    return {str(operation.status): success, **refusals, "default": unexpected}


def _json(schema: JsonObject) -> JsonObject:
    return {"application/json": {"schema": schema}}
