"""The built-in agent definitions: read from `agents/definitions`, checked, and kept in the database.

A definition has the fields of the table `agent_definitions`, under the same names. People cannot change
them; a new version of the program brings new ones.
"""

import contextlib
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from agents.config import effective_config
from agents.errors import Fault, InvalidConfigError
from agents.yaml_text import read_mapping
from storage.engine import Database
from storage.errors import ConstraintError
from storage.models import DefinitionStatus
from storage.unit_of_work import UnitOfWork

FOLDER = Path(__file__).parent / "definitions"
BATCH = 100

DefinitionId = Annotated[str, Meta(max_length=64, pattern="^agent_[0-9a-z_]+$")]
Service = Literal["LLM", "Shopify", "TikTok", "WebSearch", "Email", "WhatsApp"]
TriggerType = Literal["schedule", "webhook", "event", "page_edit"]
InputType = Literal["json", "string", "number", "boolean"]
OutputType = Literal["json", "string", "md", "url"]


class Trigger(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What starts a run."""

    type: TriggerType
    config: dict[str, Any] = {}


class InputField(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a run is given."""

    key: str
    type: InputType
    required: bool = False
    description: str | None = None


class OutputField(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a run gives."""

    key: str
    type: OutputType
    description: str | None = None


class StackDetails(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an agent is made of."""

    language: str = "python"
    runtime: str = "ionflux"
    models_used: list[str] = []
    database_dependencies: list[str] = []
    queue_dependencies: list[str] = []
    other_integrations: list[str] = []


class MemoryConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where an agent remembers. `{{instance_id}}` in the template is the configuration's id."""

    type: str | None = None
    namespace_template: str | None = None


class Definition(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A kind of agent, as its file has it."""

    id: DefinitionId
    name: Annotated[str, Meta(pattern="^[A-Za-z][A-Za-z0-9]*$", max_length=64)]
    epithet: str | None = None
    tagline: str | None = None
    introduction_text: str | None = None
    archetype: str | None = None
    dna_phrase: str | None = None
    core_capabilities: list[str] = []
    essence_punch: str | None = None
    essence_interpretation: str | None = None
    version: Annotated[str, Meta(pattern=r"^[0-9]+\.[0-9]+(\.[0-9]+)?$")]
    description: str
    triggers_config: list[Trigger] = []
    inputs_schema: list[InputField] = []
    outputs_config: list[OutputField] = []
    stack_details: StackDetails = StackDetails()
    memory_config: MemoryConfig = MemoryConfig()
    default_file_structure_template: str | None = None
    key_files_and_paths: dict[str, Any] | None = None
    scheduling_and_triggers_summary: str | None = None
    kpis_definition: str | None = None
    failure_fallback_strategy: str | None = None
    example_integration_flow: str | None = None
    dynamic_expansion_notes: str | None = None
    escape_the_obvious_feature: str | None = None
    underlying_services_required: list[Service] = []
    default_config: dict[str, Any] = {}
    """What its agents begin with, in the shape of a configuration's YAML."""
    category: str
    status: DefinitionStatus = "draft"


def read_catalogue(folder: Path = FOLDER) -> list[Definition]:
    """Return the definitions of a folder. Raises InvalidConfigError, naming the file."""
    found = [_read(path) for path in sorted(folder.glob("*.yaml"))]
    for field in ("id", "name"):
        values = [getattr(definition, field) for definition in found]
        if len(values) != len(set(values)):
            raise InvalidConfigError((Fault(str(folder), f"Two definitions have the same {field}"),))
    return found


async def bring_up_to_date(database: Database, catalogue: list[Definition]) -> None:
    """Keep the definitions in the database, and compute anew the configurations of those that changed.

    Any number of processes may do this at once.
    """
    fields = {definition.id: _fields(definition) for definition in catalogue}
    # Another process that starts at this moment adds the same ones: then they are there.
    with contextlib.suppress(ConstraintError):
        async with database.transaction() as uow:
            for definition_id in await uow.agent_definitions.replace_all(fields):
                await _recompute(uow, definition_id)


async def _recompute(uow: UnitOfWork, definition_id: str) -> None:
    definition = await uow.agent_definitions.get(definition_id)
    assert definition is not None
    after: UUID | None = None
    while rows := await uow.agents.of_definition(definition_id, after=after, limit=BATCH):
        for row in rows:
            try:
                row.effective_config_cache = effective_config(
                    definition, row.yaml_config, row.id, row.external_memory_namespace
                )
            except InvalidConfigError:
                # It fitted the definition's last version; whoever changes or runs it is told why.
                row.effective_config_cache = None
        after = rows[-1].id
    await uow.session.flush()


def _fields(definition: Definition) -> dict[str, Any]:
    values: dict[str, Any] = msgspec.to_builtins(definition)
    del values["id"]
    return values


def _read(path: Path) -> Definition:
    try:
        return msgspec.convert(read_mapping(path.read_text("utf-8"), path.name), Definition)
    except msgspec.ValidationError as error:
        raise InvalidConfigError((Fault(path.name, str(error)),)) from error
