"""What an agent runs with: its YAML over its definition."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest

from agents.catalogue import Definition, InputField, MemoryConfig, StackDetails, Trigger, read_catalogue
from agents.config import effective_config
from agents.errors import InvalidConfigError
from storage.models import AgentDefinition

ID = UUID(int=7)
TIME = datetime(2026, 1, 1, tzinfo=UTC)
TOY = Definition(
    id="agent_toy",
    name="Toy",
    version="0.1",
    description="A toy",
    category="Toys",
    triggers_config=[Trigger("schedule", {"cron": "0 9 * * 1"})],
    inputs_schema=[
        InputField("brief", "string", required=True),
        InputField("count", "number"),
        InputField("loud", "boolean"),
        InputField("more", "json"),
    ],
    stack_details=StackDetails(models_used=["openai:gpt-4o", "other:x"]),
    memory_config=MemoryConfig("database", "toy_instance_{{instance_id}}"),
)


def definition_of(toy: Definition = TOY) -> AgentDefinition:
    return AgentDefinition(**msgspec.to_builtins(toy), created_at=TIME, updated_at=TIME)


def effective(text: str, namespace: str | None = None) -> dict[str, Any]:
    return effective_config(definition_of(), text, ID, namespace)


def test_without_yaml_an_agent_is_as_its_definition_says():
    assert effective("") == {
        "llm": {"provider": "openai", "model": "gpt-4o", "temperature": None, "max_output_tokens": None},
        "memory": {"type": "database", "namespace": f"toy_instance_{ID}"},
        "triggers": [{"type": "schedule", "config": {"cron": "0 9 * * 1"}}],
        "instructions": None,
        "inputs": {},
        "runs": {"on_busy": "enqueue", "max_at_once": 1, "max_steps": 40, "max_minutes": 15},
        "settings": {},
    }


def test_mappings_are_merged_and_all_else_replaces():
    found = effective(
        """
        llm: {model: gpt-5, temperature: 1}
        triggers: []
        inputs: {brief: no, count: 2.5, loud: true, more: [1, {x: null}]}
        instructions: |
          Be brief.
        settings: {any: [thing]}
        """
    )
    assert found["llm"] == {
        "provider": "openai",
        "model": "gpt-5",
        "temperature": 1.0,
        "max_output_tokens": None,
    }
    assert found["triggers"] == []
    assert found["inputs"] == {"brief": "no", "count": 2.5, "loud": True, "more": [1, {"x": None}]}
    assert (found["instructions"], found["settings"]) == ("Be brief.\n", {"any": ["thing"]})
    assert found["memory"]["type"] == "database"


def test_the_configurations_own_namespace_wins():
    assert effective("memory: {namespace: b}", "a")["memory"]["namespace"] == "a"
    assert effective("memory: {namespace: b}")["memory"]["namespace"] == "b"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("lmm: {}", "yaml_config"),
        ("llm: gpt", "yaml_config.llm"),
        ("llm: {temperature: 3}", "yaml_config.llm.temperature"),
        ("llm: {temperature: warm}", "yaml_config.llm.temperature"),
        ("llm: {max_output_tokens: 0}", "yaml_config.llm.max_output_tokens"),
        ("triggers: null", "yaml_config.triggers"),
        ("triggers: [{type: moon}]", "yaml_config.triggers[0].type"),
        ("inputs: {brief: 1}", "yaml_config.inputs.brief"),
        ("inputs: {count: true}", "yaml_config.inputs.count"),
        ("inputs: {loud: no}", "yaml_config.inputs.loud"),
        ("inputs: {colour: red}", "yaml_config.inputs.colour"),
        ("inputs: [", "yaml_config"),
    ],
)
def test_what_does_not_fit_is_told_with_its_path(text: str, path: str):
    with pytest.raises(InvalidConfigError) as error:
        effective(text)
    assert [fault.path for fault in error.value.faults] == [path]


def test_the_catalogue_can_be_read_and_its_defaults_fit():
    catalogue = read_catalogue()
    assert len(catalogue) >= 3
    for definition in catalogue:
        assert effective_config(definition_of(definition), "", ID, None)["llm"]["model"]
