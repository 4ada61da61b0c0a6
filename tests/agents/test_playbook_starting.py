"""What starts a playbook by itself, as it is written down: which triggers it comes to, and what is wrong."""

from typing import Any

import pytest

from agents.errors import InvalidConfigError
from agents.playbooks.starting import check_trigger, type_of
from agents.triggers import EventConfig, ScheduleConfig, WebhookConfig

TITLE = [{"key": "title", "type": "string"}]


@pytest.mark.parametrize(
    ("event_type", "type"),
    [
        ("manual", None),
        ("manual_list_upload", None),
        ("manual.upload", None),
        ("manually", "event"),
        ("shopify_abandoned_cart", "event"),
        ("page.created", "event"),
        ("schedule", "schedule"),
        ("webhook", "webhook"),
    ],
)
def test_the_type_of_an_event_says_what_starts_it(event_type: str, type: str | None):
    assert type_of(event_type) == type


def test_what_is_said_becomes_a_trigger():
    config = {"where": {"value": "${event.actor}", "exists": True}, "inputs": {"title": "${event.type}"}}
    found = check_trigger("page.created", config, TITLE)
    assert isinstance(found, EventConfig)
    assert (found.events, found.inputs) == (["page.created"], {"title": "${event.type}"})
    assert isinstance(check_trigger("schedule", {"cron": "@daily"}, TITLE), ScheduleConfig)
    assert isinstance(check_trigger("webhook", {}, [{**TITLE[0], "required": True}]), WebhookConfig)
    assert check_trigger("manual", {}, TITLE) is None


@pytest.mark.parametrize(
    ("event_type", "config", "path"),
    [
        ("manual", {"inputs": {}}, "inputs"),
        ("manual_list_upload", {"cron": "@daily"}, "cron"),
        ("schedule", {}, ""),
        ("schedule", {"cron": "often"}, "cron"),
        ("webhook", {"moon": 1}, "moon"),
        ("page.created", {"events": ["page.*"]}, "events"),
        ("page.created", {"prompt": "Go"}, "prompt"),
        ("page.created", {"inputs": {"moon": 1}}, "inputs.moon"),
        ("page.created", {"inputs": {"title": "${body.x}"}}, "inputs.title"),
        ("page.created", {"where": {"value": 1}}, "where"),
    ],
)
def test_what_could_never_start_a_playbook_is_told_with_its_place(
    event_type: str, config: dict[str, Any], path: str
):
    with pytest.raises(InvalidConfigError) as error:
        check_trigger(event_type, config, TITLE)
    assert [fault.path for fault in error.value.faults] == [f"trigger_config.{path}".removesuffix(".")]


def test_an_input_that_a_playbook_needs_has_to_come_from_its_trigger():
    needed: list[dict[str, Any]] = [{**TITLE[0], "required": True}]
    with pytest.raises(InvalidConfigError, match=r"trigger_config\.inputs\.title: Needed"):
        check_trigger("page.created", {}, needed)
    check_trigger("page.created", {}, [{**needed[0], "default": "Something"}])
