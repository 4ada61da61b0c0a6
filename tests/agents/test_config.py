"""What an agent runs with: its YAML over its definition."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest

from agents.catalogue import Definition, InputField, MemoryConfig, StackDetails, Trigger, read_catalogue
from agents.config import MAX_CHARACTERS, effective_config
from agents.errors import Fault, InvalidConfigError
from agents.sections import (
    EffectiveConfig,
    LlmConfig,
    MemorySettings,
    PromptReference,
    ToolsConfig,
    TriggerConfig,
)
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


def effective(text: str, namespace: str | None = None) -> EffectiveConfig:
    return msgspec.convert(effective_config(definition_of(), text, ID, namespace), EffectiveConfig)


def faults(text: str, toy: Definition = TOY) -> list[Fault]:
    with pytest.raises(InvalidConfigError) as error:
        effective_config(definition_of(toy), text, ID, None)
    return list(error.value.faults)


def test_without_yaml_an_agent_is_as_its_definition_says():
    assert effective("") == EffectiveConfig(
        llm=LlmConfig("openai", "gpt-4o"),
        memory=MemorySettings("database", f"toy_instance_{ID}"),
        triggers=[TriggerConfig("schedule", {"cron": "0 9 * * 1"})],
    )


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
    assert found.llm == LlmConfig("openai", "gpt-5", 1.0)
    assert found.triggers == []
    assert found.inputs == {"brief": "no", "count": 2.5, "loud": True, "more": [1, {"x": None}]}
    assert (found.instructions, found.settings) == ("Be brief.\n", {"any": ["thing"]})
    assert found.memory.type == "database"


def test_every_section_can_be_said():
    found = effective(
        f"""
        llm: {{task: write, fallbacks: [groq], only_these: true, provider: null}}
        instructions: {{prompt: "{ID}", variables: {{tone: warm}}}}
        more_instructions: Answer in Portuguese.
        tools:
          allowed: [read_page, crm.find_customer]
          approval: {{read_page: ask}}
          mcp_servers:
            crm: {{url: "https://crm.test/mcp", secret: crm, allowed: [find_customer], approval: auto}}
        grant: {{scopes: ["pages:write", "channels:read"], pages: ["{ID}"]}}
        limits: {{max_steps: 5, max_cost_usd: 0.25, runs_at_once: 3, on_busy: interrupt}}
        triggers:
          - type: schedule
            config: {{cron: "*/5 * * * *", time_zone: America/Sao_Paulo, inputs: {{count: 1}}}}
          - {{type: webhook}}
          - {{type: page_edit, config: {{quiet_seconds: 60, place: "page:{ID}"}}}}
        memory: {{namespace: "shared_{{{{instance_id}}}}", keep_days: 30}}
        """
    )
    assert found.llm.names() == ("groq",)
    assert found.instruction_parts() == (PromptReference(ID, {"tone": "warm"}), "Answer in Portuguese.")
    assert found.tools.mcp_servers["crm"].secret == "crm"
    assert (found.grant.pages, found.grant.channels) == ([ID], None)
    assert found.limits.max_cost_micros == 250_000
    assert found.triggers[1] == TriggerConfig("webhook")
    assert found.memory.namespace == f"shared_{ID}"


def test_an_approval_is_only_less_strict_where_the_definition_allows_it():
    tools = ToolsConfig(approval={"post": "ask", "mail": "auto", "fetch": "auto"}, can_be_auto=["fetch"])
    assert tools.approval_of("post", "auto") == "ask"
    assert tools.approval_of("mail", "ask") == "ask"
    assert tools.approval_of("fetch", "ask") == "auto"
    assert tools.approval_of("read", "auto") == "auto"
    assert tools.approval_of("wipe", "never") == "never"


def test_all_faults_are_told_each_with_its_line_and_column():
    found = faults(
        "lmm: {}\n"
        "llm:\n"
        "  model: x\n"
        "  temperature: warm\n"
        "tools:\n"
        "  approval:\n"
        "    read_page: auto\n"
        "    send_mail: sometimes\n"
        "limits:\n"
        "  steps: 3\n"
        "  max_steps: 999\n"
        "grant: {scopes: [everything]}\n"
        "inputs: {moon: 1}\n"
    )
    assert [(fault.path, fault.line, fault.column) for fault in found] == [
        ("yaml_config.llm.temperature", 4, 16),
        ("yaml_config.lmm", 1, 1),
        ("yaml_config.tools.approval.send_mail", 8, 16),
        ("yaml_config.limits.steps", 10, 3),
        ("yaml_config.limits.max_steps", 11, 14),
        ("yaml_config.grant.scopes[0]", 12, 18),
        ("yaml_config.inputs.moon", 13, 16),
    ]
    assert found[1].detail == "Line 1, column 1: There is no such setting"


@pytest.mark.parametrize(
    ("text", "path", "place"),
    [
        ("tools: {approval: {Read: auto}}", "tools.approval.Read", (1, 20)),
        ("tools:\n  mcp_servers: {a: {url: 'http://a.test'}, b: {}}", "tools.mcp_servers.b", (2, 47)),
        ("tools: {can_be_auto: []}", "tools.can_be_auto", (1, 9)),
        ("tools: {allowed: [read_page, reed_page]}", "tools.allowed[1]", (1, 30)),
        ("tools: {approval: {crm.find: ask}}", "tools.approval.crm.find", (1, 20)),
        ("grant: {scopes: ['pages:write', 'moons:read']}", "grant.scopes[1]", (1, 33)),
        ("grant: {scopes: [everything]}", "grant.scopes[0]", (1, 18)),
        ("triggers:\n- type: event\n- type: webhook\n  when: now", "triggers[1].when", (4, 3)),
        ("triggers:\n- type: schedule\n  config: {cron: x}", "triggers[0].config.cron", (3, 18)),
        ("triggers:\n- {type: schedule}", "triggers[0].config", (2, 3)),
        ("triggers:\n- type: webhook\n  config:\n    moon: 1", "triggers[0].config.moon", (4, 5)),
        (
            "triggers:\n- type: event\n  config: {events: [a], where: {all: [{value: 1, equals: '${x.y}'}]}}",
            "triggers[0].config.where.all[0].equals",
            (3, 58),
        ),
        (
            "triggers:\n- type: webhook\n  config: {inputs: {brief: x, 'a.b': 1}}",
            "triggers[0].config.inputs.a.b",
            (3, 38),
        ),
        ("instructions: {prompt: 7}", "instructions.prompt", (1, 24)),
        ("limits: {on_busy: wait}", "limits.on_busy", (1, 19)),
        ("memory: {type: pinecone}", "memory.type", (1, 16)),
    ],
)
def test_a_fault_deep_inside_is_found(text: str, path: str, place: tuple[int, int]):
    (found,) = faults(text)
    assert (found.path, found.line, found.column) == (f"yaml_config.{path}", *place)


def test_several_triggers_are_wrong_at_once_and_what_they_lack_can_still_come():
    text = "triggers:\n- {type: schedule, config: {cron: '0 9 * * 1'}}\n- {type: moon}"
    assert [fault.path for fault in faults(text)] == ["yaml_config.triggers[1].type"]
    text = """
triggers:
- type: schedule
  config: {cron: 0 9 * *, time_zone: Mars}
- type: page_edit
  config: {prompt: "${moon}", inputs: {brief: "${"}}
"""
    found = faults(text)
    assert [(fault.path.removeprefix("yaml_config."), fault.line, fault.column) for fault in found] == [
        ("triggers[0].config.time_zone", 4, 38),
        ("triggers[0].config.cron", 4, 18),
        ("triggers[1].config.inputs.brief", 6, 47),
        ("triggers[1].config.prompt", 6, 20),
    ]


def test_huge_texts_are_refused():
    (found,) = faults("# " + "x" * MAX_CHARACTERS)
    assert found.detail == f"More than {MAX_CHARACTERS} characters"


def test_the_configurations_own_namespace_wins():
    assert effective("memory: {namespace: b}", "a").memory.namespace == "a"
    assert effective("memory: {namespace: b}").memory.namespace == "b"
    bare = msgspec.structs.replace(TOY, memory_config=MemoryConfig())
    found = effective_config(definition_of(bare), "", ID, None)
    assert found["memory"]["namespace"] == f"agent_{ID}"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("lmm: {}", "yaml_config.lmm"),
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
    assert [fault.path for fault in faults(text)] == [path]


def test_the_catalogue_can_be_read_and_its_defaults_fit():
    catalogue = read_catalogue()
    assert len(catalogue) >= 3
    for definition in catalogue:
        assert effective_config(definition_of(definition), "", ID, None)["llm"]["model"]
