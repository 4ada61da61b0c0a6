from pathlib import Path

from agents.tools.everything import FAMILIES
from agents.tools.names import TOOL_NAMES
from server.tools_table import with_table


def test_the_table_of_tools_is_up_to_date():
    document = Path("docs/agents.md").read_text("utf-8")
    assert with_table(document) == document, "run: python -m server.tools_table"


def test_configurations_know_what_the_tools_are_called():
    assert {declared.spec.name for family in FAMILIES for declared in family.tools.declared} == TOOL_NAMES


def test_models_are_told_what_every_tool_and_argument_is_for():
    specs = [declared.spec for family in FAMILIES for declared in family.tools.declared]
    assert len({spec.name for spec in specs}) == len(specs)
    for spec in specs:
        assert 20 < len(spec.description) < 300, spec.name
        assert len(spec.name) <= 64
        schema = spec.parameters()
        assert schema["type"] == "object"
        assert schema["additionalProperties"] is False
