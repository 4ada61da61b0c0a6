"""The seed's entities and fields, name by name, against the tables and the API.

The seed is the concept in the folder `shared/seed` beside the project; where it is absent this is skipped.
What differs on purpose stands in `APART`, each with its reason; a difference that is no more fails too.
"""

import json
import re
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import Column, PrimaryKeyConstraint, Table, UniqueConstraint

from server.app import API
from server.openapi import describe
from storage import models
from storage.models import Model

CONCEPT = Path(__file__).parents[2] / "shared" / "seed" / "ionflux-concept.md"

ENTITIES: dict[str, tuple[type[Model], str]] = {
    "User": (models.User, "UserAnswer"),
    "Workspace": (models.Workspace, "WorkspaceAnswer"),
    "Brand": (models.Brand, "BrandAnswer"),
    "Creator": (models.Creator, "CreatorAnswer"),
    "Prompt": (models.Prompt, "PromptAnswer"),
    "PromptLibrary": (models.PromptLibrary, "LibraryAnswer"),
    "AgentDefinition": (models.AgentDefinition, "AgentDefinitionAnswer"),
    "AgentConfiguration": (models.AgentConfiguration, "AgentAnswer"),
    "AgentRunLog": (models.AgentRunLog, "RunAnswer"),
    "Playbook": (models.Playbook, "PlaybookAnswer"),
    "CanvasPage": (models.Page, "PageAnswer"),
    "ChatDockChannel": (models.Channel, "ChannelAnswer"),
}
"""Entity of the seed -> its table, and what the API shows of it."""

IN_DOCUMENTS = {
    "CanvasBlock": "what a page contains is its live document; its table is a projection of that",
    "ChatMessage": "what a channel contains is its live document; its table is a projection of that",
}

SEALED = "sealed in the table; answers tell whether there is one (`has_...`)"
BEYOND = {
    "AgentDefinition.triggers_config.type": {"page_edit"},
    "AgentRunLog.trigger_type": {"event"},
}
"""Values that there are beside the seed's: what starts runs (docs/triggers.md)."""

APART: dict[str, str] = {
    "User.password_hash in the API": "nobody is shown a hash",
    "Workspace.member_user_ids in the table": "rows of `memberships`, each with its role",
    "ChatDockChannel.member_user_ids in the table": "rows of `channel_members`",
    "Prompt.tags in the table": "rows of `prompt_tags`, found by an index",
    "Brand.shopify_access_token in the API": SEALED,
    "Brand.tiktok_access_token in the API": SEALED,
    "Creator.tiktok_access_token in the API": SEALED,
    "Playbook.workspace_id is nullable": "without a workspace nobody would have a right to it",
}

JsonObject = dict[str, Any]


@pytest.fixture(scope="module")
def seed() -> JsonObject:
    """The schemas of the concept's section 2."""
    if not CONCEPT.exists():
        pytest.skip(f"the concept is not at {CONCEPT}")
    section = CONCEPT.read_text("utf-8").partition("## 2.")[2]
    block = section.partition("```json\n")[2].partition("\n```")[0]
    return json.loads(re.sub(r"\s//.*", "", block))


@pytest.fixture(scope="module")
def schemas() -> JsonObject:
    operations = [operation for module in API for operation in module.routes.operations]
    return describe(operations, "http://localhost")["components"]["schemas"]


def tables() -> dict[str, Table]:
    return {entity: cast("Table", model.__table__) for entity, (model, _) in ENTITIES.items()}


def text_of(wanted: object) -> str:
    return wanted if isinstance(wanted, str) else ""


def test_every_entity_of_the_seed_is_somewhere(seed: JsonObject):
    assert set(seed) == set(ENTITIES) | set(IN_DOCUMENTS)


def test_every_field_of_the_seed_is_a_column_as_it_says(seed: JsonObject):
    found: list[str] = []
    for entity, table in tables().items():
        for name, wanted in seed[entity].items():
            if name not in table.columns:
                found.append(f"{entity}.{name} in the table")
                continue
            column = cast("Column[Any]", table.columns[name])
            text = text_of(wanted)
            may_be_null = "nullable" in text
            if isinstance(wanted, str) and column.nullable != may_be_null:
                found.append(f"{entity}.{name} is {'nullable' if may_be_null else 'not nullable'}")
            if match := re.search(r"references (\w+)\.id", text):
                target = tables()[match[1]]
                assert [key.column for key in column.foreign_keys] == [target.c.id], f"{entity}.{name}"
            if re.search(r"\b(indexed|unique)\b", text):
                assert name in _indexed(table), f"{entity}.{name} has no index"
    assert sorted(found) == sorted(name for name in APART if "in the API" not in name)


def test_every_field_of_the_seed_is_in_the_api_as_it_says(seed: JsonObject, schemas: JsonObject):
    found = [
        fault
        for entity, (_, answer) in ENTITIES.items()
        for fault in _missing(entity, seed[entity], schemas[answer], schemas)
    ]
    assert sorted(found) == sorted(name for name in APART if "in the API" in name)
    for name in found:
        if APART[name] == SEALED:
            entity, field = name.removesuffix(" in the API").split(".")
            assert f"has_{field}" in schemas[ENTITIES[entity][1]]["properties"]


def test_nothing_that_the_api_shows_is_a_hash_or_a_token(schemas: JsonObject):
    shown = {f"{answer}.{name}" for _, answer in ENTITIES.values() for name in schemas[answer]["properties"]}
    secret = {name for name in shown if re.search(r"hash|token|password", name.partition(".")[2])}
    assert {name for name in secret if ".has_" not in name} == set()


def _indexed(table: Table) -> set[str]:
    """Return the columns that an index, a unique constraint or the key begins with."""
    keys = [key for key in table.constraints if isinstance(key, UniqueConstraint | PrimaryKeyConstraint)]
    return {next(iter(key.columns)).name for key in (*keys, *table.indexes)}


def _missing(path: str, wanted: object, schema: JsonObject, schemas: JsonObject) -> list[str]:
    """Return what of a field's description the API's schema does not have."""
    schema = _resolved(schema, schemas)
    if isinstance(wanted, dict):
        members = cast("JsonObject", wanted)
        properties: JsonObject = schema.get("properties", {})
        return [
            fault
            for name, member in members.items()
            for fault in (
                _missing(f"{path}.{name}", member, properties[name], schemas)
                if name in properties
                else [f"{path}.{name} in the API"]
            )
        ]
    if isinstance(wanted, list):
        (member,) = cast("list[object]", wanted)
        assert schema.get("type") == "array", f"{path} is no list in the API"
        return _missing(path, member, schema["items"], schemas)
    if match := re.search(r"enum: ([^)]*)", text_of(wanted)):
        wanted_values = set(re.findall(r"'([^']+)'", match[1])) | BEYOND.get(path, set[str]())
        assert set(schema.get("enum", ())) == wanted_values, path
    return []


def _resolved(schema: JsonObject, schemas: JsonObject) -> JsonObject:
    """Follow references, and take what something is when it is not null."""
    choices = cast("list[JsonObject]", schema.get("anyOf", [schema]))
    schema = next(choice for choice in choices if choice.get("type") != "null")
    if "$ref" in schema:
        return _resolved(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    return schema
