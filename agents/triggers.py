"""What starts runs by itself: the kinds of triggers, what each is configured with, and what fits it. Pure.

The same `{type, config}` stands in a definition, in an agent's YAML, and in the REST API. When a trigger
fires, it gives the run `inputs` and a `prompt`; references in them (`agents.references`) name what has
happened:

    schedule     ${instant}
    webhook      ${body}, ${id}
    event        ${event.type}, ${event.actor}, ${event.subject}, ${event.payload.x}
    page_edit    ${page_id}, ${authors}
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, cast
from uuid import UUID

import msgspec
from msgspec import Meta

from agents.conditions import Condition, check_condition, holds
from agents.errors import Fault, InvalidConfigError, MissingReferenceError
from agents.references import fill, references_in
from agents.schedules import Schedule, parse_schedule
from storage.models import Event, TriggerType

SILENT = ("agent.trigger.", "playbook.trigger.")
"""No trigger fires for what is told of triggers."""

SERVER = "system:"
"""Begins the names that the server writes under: what shows how runs stand starts nobody, or it would start
again what it shows."""

MOST_FIRES_PER_HOUR = 60

NO_SETTING = "There is no such setting"

_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)

EventPattern = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[a-z0-9_.]+(\.\*)?$")]
Place = Annotated[str, Meta(max_length=60, pattern=r"^(channel|page):[0-9a-f-]{36}$")]


class OfAny(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What triggers of all kinds have."""

    inputs: dict[str, Any] | None = None
    """What runs are given; with none, a webhook gives the body if it is an object, others nothing."""
    prompt: Annotated[str, Meta(max_length=20_000)] | None = None
    """What the agent is told, in words."""
    place: Place | None = None
    """The document in which the run answers."""


class Unforeseen(OfAny, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What triggers have that may fire at any time."""

    max_fires_per_hour: Annotated[int, Meta(ge=1, le=1000)] = MOST_FIRES_PER_HOUR


class ScheduleConfig(OfAny, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """At times of the clock."""

    cron: str
    time_zone: str = "UTC"

    def schedule(self, path: str = "config") -> Schedule:
        """Return when it fires. Raises InvalidConfigError."""
        return parse_schedule(self.cron, self.time_zone, path)


class WebhookConfig(Unforeseen, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When another program calls its address."""


class EventConfig(Unforeseen, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When something happens in the workspace that its maker may see."""

    events: Annotated[list[EventPattern], Meta(min_length=1, max_length=50)]
    """Types; `page.*` for all that begin so."""
    where: Condition | None = None

    def fits(self, event: Event) -> bool:
        """Tell whether an event is one of those."""
        if event.type.startswith(SILENT) or not is_meant(event, self.events):
            return False
        try:
            return self.where is None or holds(self.where, scope_of_event(event))
        except MissingReferenceError:
            return False


LEAST_QUIET_SECONDS = 5
"""How long a page is left alone at least before it fires anything."""


class PageEditConfig(Unforeseen, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When a page was edited, by others than the agent, and then left alone for a while."""

    quiet_seconds: Annotated[int, Meta(ge=LEAST_QUIET_SECONDS, le=86_400)] = 60
    page_id: UUID | None = None
    """The page; without one any that the trigger's maker may read."""
    below: bool = False
    """Whether edits of the pages below count, too."""


Fields = Sequence[Mapping[str, Any]]
"""What runs are given: the inputs of a definition, or of a playbook."""

TriggerSettings = ScheduleConfig | WebhookConfig | EventConfig | PageEditConfig

KINDS: Mapping[TriggerType, type[TriggerSettings]] = {
    "schedule": ScheduleConfig,
    "webhook": WebhookConfig,
    "event": EventConfig,
    "page_edit": PageEditConfig,
}

_ROOTS: Mapping[TriggerType, frozenset[str]] = {
    "schedule": frozenset({"instant"}),
    "webhook": frozenset({"body", "id"}),
    "event": frozenset({"event"}),
    "page_edit": frozenset({"page_id", "authors"}),
}
"""What references of a kind may begin at."""


def read_settings(type: TriggerType, config: Mapping[str, Any], path: str = "config") -> TriggerSettings:
    """Return what a trigger is configured with, checked. Raises InvalidConfigError with all its faults."""
    try:
        settings = msgspec.convert(config, KINDS[type])
    except msgspec.ValidationError as error:
        raise InvalidConfigError((_shape_fault(str(error), path),)) from error
    found, faults = references_in(settings.inputs, f"{path}.inputs")
    more, wrong = references_in(settings.prompt, f"{path}.prompt")
    found += more
    faults += wrong
    if isinstance(settings, EventConfig) and settings.where is not None:
        more, wrong = check_condition(settings.where, f"{path}.where")
        found += more
        faults += wrong
    for place, reference in found:
        if reference.root not in _ROOTS[type]:
            known = ", ".join(sorted(_ROOTS[type]))
            faults.append(Fault(place, f"A trigger of this type knows {known}, not {reference.root}"))
    if isinstance(settings, ScheduleConfig):
        try:
            settings.schedule(path)
        except InvalidConfigError as error:
            faults += error.faults
    if faults:
        raise InvalidConfigError(tuple(faults))
    return settings


def _shape_fault(message: str, path: str) -> Fault:
    """Return what msgspec says about a trigger."""
    detail, _, place = message.partition(" - at `$")
    path += place.removesuffix("`")
    if unknown := _UNKNOWN.fullmatch(detail):
        return Fault(f"{path}.{unknown[1]}", NO_SETTING)
    return Fault(path, detail)


def input_faults(
    fields: Fields, defaults: Mapping[str, Any], settings: TriggerSettings, path: str = "config"
) -> list[Fault]:
    """Return why runs of a trigger would be refused for their inputs, as far as can be told before."""
    if isinstance(settings, WebhookConfig) and settings.inputs is None:
        return []  # the body says it
    given = settings.inputs or {}
    lacking = [
        Fault(
            f"{path}.inputs.{field['key']}",
            "Needed for a run, and given neither here nor in the configuration",
        )
        for field in fields
        if field.get("required") and field["key"] not in given and field["key"] not in defaults
    ]
    return unknown_inputs(fields, settings, path) + lacking


def unknown_inputs(fields: Fields, settings: TriggerSettings, path: str = "config") -> list[Fault]:
    """Return which inputs a trigger gives that what it starts does not take."""
    keys = [field["key"] for field in fields]
    known = ", ".join(keys) or "none"
    return [
        Fault(f"{path}.inputs.{key}", f"There is no such input; there are: {known}")
        for key in settings.inputs or ()
        if key not in keys
    ]


def inputs_of(settings: TriggerSettings, scope: Mapping[str, object]) -> dict[str, Any]:
    """Return what a run is given. Raises MissingReferenceError."""
    if settings.inputs is not None:
        return fill(settings.inputs, scope)
    if isinstance(settings, WebhookConfig) and isinstance(body := scope.get("body"), dict):
        return cast("dict[str, Any]", body)
    return {}


def prompt_of(settings: TriggerSettings, scope: Mapping[str, object]) -> str | None:
    """Return what a run is told. Raises MissingReferenceError."""
    if settings.prompt is None:
        return None
    filled = fill(settings.prompt, scope)
    return filled if isinstance(filled, str) else msgspec.json.encode(filled).decode()


def scope_of_schedule(instant: datetime) -> dict[str, object]:
    """Return what the inputs of a schedule may name."""
    return {"instant": instant.isoformat().replace("+00:00", "Z")}


def scope_of_event(event: Event) -> dict[str, object]:
    """Return what the inputs and the filter of an event trigger may name."""
    return {
        "event": {
            "id": str(event.id),
            "type": event.type,
            "actor": event.actor,
            "subject": event.subject,
            "position": event.position,
            "created_at": event.created_at.isoformat().replace("+00:00", "Z"),
            "payload": event.payload,
        }
    }


def sample_scope(type: TriggerType, config: Mapping[str, Any], now: datetime) -> dict[str, object]:
    """Return an example of what the inputs of a trigger may name."""
    match type:
        case "schedule":
            return scope_of_schedule(now)
        case "webhook":
            return {"body": {}, "id": "test"}
        case "page_edit":
            return {"page_id": config.get("page_id"), "authors": []}
        case "event":
            names = ("id", "type", "actor", "subject", "position", "created_at")
            return {"event": {**dict.fromkeys(names), "payload": {}}}


def is_meant(event: Event, patterns: Sequence[str]) -> bool:
    """Tell whether an event is of one of some types, and of somebody's doing.

    `page.*` is all that begin so, `page_created` is `page.created`, too.
    """
    is_somebodys = not (event.actor or "").startswith(SERVER)
    return is_somebodys and any(_fits(pattern, event.type) for pattern in patterns)


def _fits(pattern: str, type: str) -> bool:
    if pattern.endswith(".*"):
        return type.startswith(pattern[:-1])
    return type == pattern or ("." not in pattern and type.replace(".", "_") == pattern)
