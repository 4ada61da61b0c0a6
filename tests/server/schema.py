"""A small JSON Schema validator: the part of draft 2020-12 that the server's OpenAPI document uses."""

import re
from datetime import datetime
from typing import Any, cast
from uuid import UUID

KNOWN = {
    "$ref",
    "title",
    "description",
    "default",
    "type",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "anyOf",
    "enum",
    "format",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "maxItems",
    "maxProperties",
    "propertyNames",
    "discriminator",  # repeats what the choices of `anyOf` say
}
TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}


def faults(value: object, schema: dict[str, Any], root: dict[str, Any], at: str = "$") -> list[str]:
    """Return what of a value contradicts its schema; unknown keywords are faults too."""
    assert set(schema) <= KNOWN, f"this validator does not know {set(schema) - KNOWN}"
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/components/schemas/")
        return faults(value, root["components"]["schemas"][name], root, at)
    if "anyOf" in schema:
        attempts = [faults(value, choice, root, at) for choice in schema["anyOf"]]
        return [] if not all(attempts) else [f"{at}: fits none of {len(attempts)}"]
    if "enum" in schema:
        return [] if value in schema["enum"] else [f"{at}: {value!r} is not in {schema['enum']}"]
    if "type" in schema and not isinstance(value, TYPES[schema["type"]]):
        return [f"{at}: {value!r} is no {schema['type']}"]
    if isinstance(value, dict):
        return _object_faults(cast("dict[str, object]", value), schema, root, at)
    if isinstance(value, list):
        items = enumerate(cast("list[object]", value))
        return [
            fault for n, item in items for fault in faults(item, schema.get("items", {}), root, f"{at}[{n}]")
        ]
    return _text_faults(value, schema, at) if isinstance(value, str) else []


def _object_faults(
    value: dict[str, object], schema: dict[str, Any], root: dict[str, Any], at: str
) -> list[str]:
    properties = schema.get("properties", {})
    # A mapping of anything says neither; a Struct says which properties it has.
    others = schema.get("additionalProperties", None if "properties" in schema else {})
    found = [f"{at}: lacks {name}" for name in schema.get("required", []) if name not in value]
    if len(value) > schema.get("maxProperties", len(value)):
        found.append(f"{at}: has {len(value)} properties")
    for name, item in value.items():
        found += _text_faults(name, schema.get("propertyNames", {}), f"{at}, the name {name}")
        if name in properties:
            found += faults(item, properties[name], root, f"{at}.{name}")
        elif isinstance(others, dict):
            found += faults(item, cast("dict[str, Any]", others), root, f"{at}.{name}")
        else:
            # Answers are documented whole: what is not in the schema should not be there.
            found.append(f"{at}: has {name}, which the schema does not know")
    return found


def _text_faults(value: str, schema: dict[str, Any], at: str) -> list[str]:
    found: list[str] = []
    if "pattern" in schema and not re.search(schema["pattern"], value):
        found.append(f"{at}: {value!r} does not match {schema['pattern']}")
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
        found.append(f"{at}: has {len(value)} characters")
    try:
        match schema.get("format"):
            case "uuid":
                UUID(value)
            case "date-time":
                assert datetime.fromisoformat(value).utcoffset() is not None
            case None:
                pass
            case other:
                found.append(f"{at}: unknown format {other}")
    except (ValueError, AssertionError):
        found.append(f"{at}: {value!r} is no {schema['format']}")
    return found
