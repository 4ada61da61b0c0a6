"""Describes what a configuration can say: as a JSON Schema for programs, as a table for people.

Both are made from the Structs that read configurations, so they cannot say anything else.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, cast

import msgspec

from agents.sections import EffectiveConfig

DIALECT = "https://json-schema.org/draft/2020-12/schema"


@cache
def config_schema() -> bytes:
    """Return the JSON Schema of a configuration's YAML."""
    schema: dict[str, Any] = {
        "$schema": DIALECT,
        "title": "Configuration of an agent",
        **msgspec.json.schema(EffectiveConfig),
    }
    return msgspec.json.encode(schema)


def config_table() -> str:
    """Return all settings in Markdown."""
    schema = msgspec.json.decode(config_schema())
    rows = ["| setting | kind | default | meaning |", "|---|---|---|---|"]
    for name, described in _settings(schema, _resolve(schema, schema), ""):
        default = f"`{json.dumps(described['default'])}`" if "default" in described else ""
        rows.append(f"| `{name}` | {_kind(schema, described)} | {default} | {_meaning(described)} |")
    return "\n".join(rows)


def _settings(
    schema: Mapping[str, Any], described: Mapping[str, Any], path: str
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, found in cast("dict[str, dict[str, Any]]", described["properties"]).items():
        inner = _resolve(schema, found)
        if "properties" in inner:
            yield from _settings(schema, inner, f"{path}{name}.")
            continue
        yield f"{path}{name}", found
        for part, mark in (
            (found.get("items"), "[]."),
            (found.get("additionalProperties"), "{}."),
            *((choice, ".") for choice in found.get("anyOf", ())),
        ):
            of = _resolve(schema, cast("Mapping[str, Any]", part)) if isinstance(part, dict) else None
            if of is not None and "properties" in of:
                yield from _settings(schema, of, f"{path}{name}{mark}")


def _meaning(described: Mapping[str, Any]) -> str:
    choices: list[Mapping[str, Any]] = [described, *described.get("anyOf", ())]
    found = next((choice["description"] for choice in choices if "description" in choice), "")
    return str(found).replace("|", "\\|")


def _resolve(schema: Mapping[str, Any], described: Mapping[str, Any]) -> Mapping[str, Any]:
    name: str = described.get("$ref", "")
    return schema["$defs"][name.removeprefix("#/$defs/")] if name else described


def _kind(schema: Mapping[str, Any], described: Mapping[str, Any]) -> str:
    """Return what a value can be, in a few words."""
    described = {**_resolve(schema, described), **described}
    if "anyOf" in described:
        kinds = [_kind(schema, choice) for choice in described["anyOf"]]
        return " or ".join(dict.fromkeys(kinds))
    if "enum" in described:
        return ", ".join(f"`{choice}`" for choice in described["enum"])
    kind = str(described.get("type", "anything"))
    if kind == "array":
        return f"list of {_kind(schema, described.get('items', {}))}"
    if kind == "object" and isinstance(inner := described.get("additionalProperties"), dict) and inner:
        return f"mapping to {_kind(schema, cast('dict[str, Any]', inner))}"
    if "minimum" in described or "maximum" in described:
        return f"{kind}, {described.get('minimum', '')} to {described.get('maximum', '')}"
    return {"object": "mapping", "string": "text"}.get(kind, kind)
