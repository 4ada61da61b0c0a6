"""The JSON Schema of configurations says what the reader of configurations does."""

from pathlib import Path

import jsonschema_rs
import msgspec
import pytest

from agents.catalogue import read_catalogue
from agents.config_schema import config_schema
from agents.yaml_text import read_mapping
from server.agent_config_table import with_table

DOCUMENT = Path(__file__).parents[2] / "docs/agents.md"


def validator() -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for(msgspec.json.decode(config_schema()))


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("", True),
        ("llm: {model: gpt-5, temperature: 1}", True),
        ("llm: {temperature: 3}", False),
        ("lmm: {}", False),
        ("instructions: Be brief.", True),
        ("instructions: {prompt: 0198a000-0000-7000-8000-000000000000, variables: {tone: warm}}", True),
        ("instructions: {text: hello}", False),
        ("tools: {approval: {post_message: ask}}", True),
        ("tools: {approval: {post_message: perhaps}}", False),
        ("tools: {approval: {Post: ask}}", False),
        ("limits: {on_busy: reject}", True),
        ("triggers: [{type: moon}]", False),
        ("memory: {type: null}", True),
    ],
)
def test_the_schema_takes_what_is_taken(text: str, fits: bool):
    assert validator().is_valid(read_mapping(text, "yaml")) == fits


def test_definitions_begin_with_what_the_schema_allows():
    for definition in read_catalogue():
        assert validator().is_valid(definition.default_config), definition.name


def test_the_documented_settings_are_those_there_are():
    document = DOCUMENT.read_text("utf-8")
    assert with_table(document) == document, "run: python -m server.agent_config_table"
