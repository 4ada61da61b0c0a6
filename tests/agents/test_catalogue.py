"""The built-in definitions: every field is filled, and what they name exists."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest

from agents.catalogue import Definition, read_catalogue
from agents.config import effective_config
from agents.sections import EffectiveConfig
from agents.tools.everything import FAMILIES
from storage.actions import NEVER_AGENTS
from storage.callers import Caller, Grant
from storage.models import AgentDefinition

CATALOGUE = read_catalogue()
TOOLS = {declared.spec.name: declared.spec for family in FAMILIES for declared in family.tools.declared}
TIME = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = {
    "EmailWizard",
    "ShopifySalesSentinel",
    "MarketingAgent",
    "MeetingScribe",
    "PageSummariser",
    "CampaignPlanner",
    "ContentRepurposer",
    "ResearchAssistant",
    "WorkspaceGardener",
}

each = pytest.mark.parametrize("definition", CATALOGUE, ids=lambda definition: definition.name)


def config_of(definition: Definition) -> EffectiveConfig:
    row = AgentDefinition(**msgspec.to_builtins(definition), created_at=TIME, updated_at=TIME)
    return msgspec.convert(effective_config(row, "", UUID(int=1), None), EffectiveConfig)


def test_the_catalogue_has_what_it_should():
    assert {definition.name for definition in CATALOGUE} == NAMES
    assert [one.name for one in CATALOGUE if one.status != "active"] == ["ShopifySalesSentinel"]


@each
def test_every_field_is_filled(definition: Definition):
    fields = msgspec.to_builtins(definition)
    assert [name for name, value in fields.items() if not value] == []
    for group in ("stack_details", "memory_config"):
        assert [name for name, value in fields[group].items() if not value] == [], group
    for field in (*definition.inputs_schema, *definition.outputs_config):
        assert field.description, field.key
    assert "√" not in msgspec.json.encode(definition).decode(), "it is decoded wrongly"
    assert definition.memory_config.namespace_template is not None
    assert "{{instance_id}}" in definition.memory_config.namespace_template


@each
def test_what_it_begins_with_holds_and_every_tool_exists(definition: Definition):
    config = config_of(definition)
    assert isinstance(config.instructions, str)
    assert len(config.instructions) > 500
    allowed = config.tools.allowed
    assert allowed is not None
    assert set(allowed) <= TOOLS.keys()
    assert set(config.tools.approval) <= set(allowed)
    for tool in TOOLS:
        assert f"`{tool}`" not in config.instructions or tool in allowed, tool


@each
def test_its_grant_is_good_for_its_tools(definition: Definition):
    config = config_of(definition)
    caller = Caller("agent:x", UUID(int=1), grant=msgspec.convert(msgspec.to_builtins(config.grant), Grant))
    for name in config.tools.allowed or ():
        action = TOOLS[name].action
        assert action not in NEVER_AGENTS
        assert caller.has_scope(action), f"{name} needs {action}"


@each
def test_its_instructions_name_inputs_that_it_has(definition: Definition):
    config = config_of(definition)
    assert isinstance(config.instructions, str)
    keys = {field.key for field in definition.inputs_schema}
    for trigger in config.triggers:
        needed = {field.key for field in definition.inputs_schema if field.required}
        given = set(trigger.config.get("inputs", {}))
        assert given <= keys
        # A webhook's body can say everything; nothing else starts a run that would be refused.
        assert trigger.type == "webhook" or needed <= given | set(config.inputs)
    named = [key for key in keys if f"`{key}`" in config.instructions]
    assert named or definition.name in ("EmailWizard", "MarketingAgent")
