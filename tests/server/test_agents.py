"""The catalogue of agents, agents of a workspace, their runs, and playbooks."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from agents.catalogue import bring_up_to_date, read_catalogue
from server.bootstrap import Services
from storage.models import AgentConfiguration, AgentRunLog
from tests.server.api import Api

DEFINITION = "agent_email_wizard"
AGENT: dict[str, Any] = {
    "agent_definition_id": DEFINITION,
    "name": "Monday mail",
    "description": "For the\nnewsletter",
    "yaml_config": "llm: {temperature: 0.5}\ninputs: {variants: 3}\n",
    "external_memory_namespace": "mail:monday",
}
PLAYBOOK: dict[str, Any] = {
    "name": "Abandoned Cart Recovery - Aggressive",
    "description": None,
    "trigger_event_type": "shopify_abandoned_cart",
    "agent_definition_id": DEFINITION,
    "steps": [
        {"id": "pause", "type": "wait", "seconds": 14400},
        {"id": "terms", "type": "set", "values": {"d": 0.1}},
    ],
    "is_active": True,
}


async def events(services: Services, workspace: str) -> list[str]:
    async with services.database.read() as uow:
        found = await uow.events.after(UUID(workspace.rpartition("/")[2]), 1, 100)
    return [event.type for event in found if ".trigger." not in event.type]


async def names(api: Api, path: str, **query: Any) -> list[str]:
    found: list[str] = []
    params = {"limit": 2, **query}
    while True:
        part = (await api.get(path, params=params)).json()
        found += [item["name"] for item in part["items"]]
        if part["next_cursor"] is None:
            return found
        params["cursor"] = part["next_cursor"]


async def test_the_catalogue_is_read_and_filtered(ann: Api):
    catalogue = {definition.name: definition for definition in read_catalogue()}
    assert set(await names(ann, "/v1/agent-definitions")) == set(catalogue)
    sales = [name for name, definition in catalogue.items() if definition.category == "Sales"]
    assert await names(ann, "/v1/agent-definitions", category="Sales") == sales != []
    assert await names(ann, "/v1/agent-definitions", status="deprecated") == []
    found = (await ann.get(f"/v1/agent-definitions/{DEFINITION}")).json()
    assert (found["name"], found["epithet"]) == ("EmailWizard", "Pulse of the Inbox")
    assert found["memory_config"]["namespace_template"] == "emailwizard_instance_{{instance_id}}"
    assert (await ann.get("/v1/agent-definitions/agent_nobody")).status_code == 404


async def test_all_fields_of_an_agent_are_kept(ann: Api, workspace: str):
    made = await ann.made(f"{workspace}/agents", AGENT)
    assert {name: made[name] for name in AGENT} == AGENT
    assert (made["status"], made["last_run_status"], made["last_run_id"]) == ("active", "idle", None)
    assert made["created_by_user_id"] == ann.user["id"]
    effective = made["effective_config_cache"]
    assert effective["llm"]["temperature"] == 0.5
    assert effective["llm"]["model"] == "gpt-4o"
    assert effective["memory"]["namespace"] == "mail:monday"
    assert effective["inputs"] == {"variants": 3}
    assert (await ann.get(f"/v1/agents/{made['id']}")).json() == made
    assert (await ann.get(f"{workspace}/agents")).json()["items"] == [made]


async def test_a_change_of_the_yaml_changes_what_is_effective(ann: Api, workspace: str, services: Services):
    made = await ann.made(f"{workspace}/agents", AGENT)
    path = f"/v1/agents/{made['id']}"
    assert (await ann.patch(path, {})).json() == made
    changed = (await ann.patch(path, {"yaml_config": "", "external_memory_namespace": None})).json()
    assert changed["effective_config_cache"]["llm"]["temperature"] is None
    namespace = f"emailwizard_instance_{made['id']}"
    assert changed["effective_config_cache"]["memory"]["namespace"] == namespace
    assert (await ann.patch(path, {"name": "New"})).json()["yaml_config"] == ""
    assert await events(services, workspace) == ["agent.created", "agent.updated", "agent.updated"]


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"yaml_config": "a: &x 1"}, "body.yaml_config"),
        ({"yaml_config": "llm: {temperature: no}"}, "body.yaml_config.llm.temperature"),
        ({"yaml_config": "inputs: {nothing: 1}"}, "body.yaml_config.inputs.nothing"),
        ({"external_memory_namespace": "with space"}, "body.external_memory_namespace"),
        ({"status": "asleep"}, "body.status"),
        ({"last_run_status": "success"}, "body.last_run_status"),
    ],
)
async def test_what_does_not_fit_is_told_and_changes_nothing(
    ann: Api, workspace: str, change: dict[str, Any], path: str
):
    made = await ann.made(f"{workspace}/agents", AGENT)
    for answer in (
        await ann.post(f"{workspace}/agents", AGENT | change),
        await ann.patch(f"/v1/agents/{made['id']}", change),
    ):
        assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, path)
    assert (await ann.get(f"{workspace}/agents")).json()["items"] == [made]


async def test_an_agent_is_of_a_definition_that_is_offered(ann: Api, workspace: str, services: Services):
    refused = await ann.post(f"{workspace}/agents", AGENT | {"agent_definition_id": "agent_nobody"})
    assert refused.json()["errors"][0]["path"] == "body.agent_definition_id"
    made = await ann.made(f"{workspace}/agents", AGENT)
    others = [definition for definition in read_catalogue() if definition.id != DEFINITION]
    await bring_up_to_date(services.database, others)
    assert (await ann.get(f"/v1/agent-definitions/{DEFINITION}")).json()["status"] == "deprecated"
    assert (await ann.post(f"{workspace}/agents", AGENT)).status_code == 422
    assert (await ann.patch(f"/v1/agents/{made['id']}", {"yaml_config": ""})).status_code == 200


async def test_a_new_version_of_a_definition_reaches_its_agents(ann: Api, workspace: str, services: Services):
    fits = await ann.made(f"{workspace}/agents", AGENT | {"yaml_config": ""})
    fits_not = await ann.made(f"{workspace}/agents", AGENT)
    catalogue = {definition.id: definition for definition in read_catalogue()}
    stack = msgspec.structs.replace(catalogue[DEFINITION].stack_details, models_used=["openai:gpt-6"])
    catalogue[DEFINITION] = msgspec.structs.replace(
        catalogue[DEFINITION], version="0.2", stack_details=stack, inputs_schema=[]
    )
    await bring_up_to_date(services.database, list(catalogue.values()))
    found = (await ann.get(f"/v1/agents/{fits['id']}")).json()
    assert found["effective_config_cache"]["llm"]["model"] == "gpt-6"
    assert found["updated_at"] == fits["updated_at"]
    found = (await ann.get(f"/v1/agents/{fits_not['id']}")).json()
    assert (found["effective_config_cache"], found["yaml_config"]) == (None, AGENT["yaml_config"])


async def test_a_deleted_agent_is_archived_and_comes_back(ann: Api, workspace: str, services: Services):
    made = await ann.made(f"{workspace}/agents", AGENT)
    path = f"/v1/agents/{made['id']}"
    for _ in range(2):
        assert (await ann.delete(path)).status_code == 204
    assert (await ann.get(path)).json()["status"] == "archived"
    assert await names(ann, f"{workspace}/agents") == []
    assert await names(ann, f"{workspace}/agents", status="archived") == ["Monday mail"]
    assert (await ann.patch(path, {"status": "inactive"})).json()["status"] == "inactive"
    assert await names(ann, f"{workspace}/agents") == ["Monday mail"]
    assert await events(services, workspace) == ["agent.created", "agent.archived", "agent.updated"]


async def test_agents_are_found_by_status_and_definition(ann: Api, workspace: str):
    for n in range(4):
        status = "active" if n % 2 else "inactive"
        definition = DEFINITION if n < 3 else "agent_marketing"
        body = {"agent_definition_id": definition, "name": str(n), "status": status}
        await ann.made(f"{workspace}/agents", body)
    path = f"{workspace}/agents"
    assert await names(ann, path) == list("0123")
    assert await names(ann, path, status="inactive") == list("02")
    assert await names(ann, path, agent_definition_id=DEFINITION) == list("012")
    assert await names(ann, path, agent_definition_id=DEFINITION, status="active") == ["1"]


async def test_runs_are_read_newest_first(ann: Api, bob: Api, workspace: str, services: Services):
    agent = await ann.made(f"{workspace}/agents", AGENT)
    run_ids = [uuid4() for _ in range(3)]
    async with services.database.transaction() as uow:
        for n, run_id in enumerate(run_ids):
            uow.session.add(
                AgentRunLog(
                    id=uow.new_id(),
                    agent_configuration_id=UUID(agent["id"]),
                    run_id=run_id,
                    triggered_by_user_id=UUID(ann.user["id"]),
                    trigger_type="command",
                    status="error" if n == 1 else "success",
                    start_time=uow.now,
                    end_time=uow.now + timedelta(seconds=n),
                    input_params_snapshot={"campaign_brief": "New summer collection"},
                    error_message="no answer" if n == 1 else None,
                )
            )
    path = f"/v1/agents/{agent['id']}/runs"
    first = (await ann.get(path, params={"limit": 2})).json()
    rest = (await ann.get(path, params={"limit": 2, "cursor": first["next_cursor"]})).json()
    found = [UUID(run["run_id"]) for run in first["items"] + rest["items"]]
    assert found == run_ids[::-1]
    (failed,) = (await ann.get(path, params={"status": "error"})).json()["items"]
    assert (failed["error_message"], failed["trigger_type"]) == ("no answer", "command")
    assert (await ann.get(f"/v1/runs/{run_ids[1]}")).json() == failed
    for unseen in (path, f"/v1/runs/{run_ids[1]}"):
        assert (await bob.get(unseen)).status_code == 404
    assert (await ann.get(f"/v1/runs/{uuid4()}")).status_code == 404


async def test_playbooks_are_made_changed_and_deleted(ann: Api, workspace: str, services: Services):
    agent = await ann.made(f"{workspace}/agents", AGENT)
    body = PLAYBOOK | {"agent_configuration_id": agent["id"]}
    made = await ann.made(f"{workspace}/playbooks", body)
    assert {name: made[name] for name in body} == body
    path = f"/v1/playbooks/{made['id']}"
    assert (await ann.get(path)).json() == made
    assert (await ann.patch(path, {"is_active": True})).json() == made
    changed = (await ann.patch(path, {"is_active": False, "agent_configuration_id": None})).json()
    assert (changed["is_active"], changed["agent_configuration_id"]) == (False, None)
    assert (await ann.delete(path)).status_code == 204
    assert (await ann.get(path)).status_code == 404
    assert (await events(services, workspace))[1:] == [
        f"playbook.{what}" for what in ("created", "updated", "deleted")
    ]


async def test_playbooks_are_found_by_what_they_are_for(ann: Api, workspace: str):
    agent = await ann.made(f"{workspace}/agents", AGENT)
    for n in range(4):
        body = {"name": str(n), "trigger_event_type": "even" if n % 2 == 0 else "odd", "is_active": n < 3}
        more = {"agent_configuration_id": agent["id"]} if n == 1 else {}
        await ann.made(f"{workspace}/playbooks", body | more)
    path = f"{workspace}/playbooks"
    assert await names(ann, path) == list("0123")
    assert await names(ann, path, is_active="true") == list("012")
    assert await names(ann, path, trigger_event_type="even", is_active="true") == list("02")
    assert await names(ann, path, agent_configuration_id=agent["id"]) == ["1"]


UNFIT_PLAYBOOKS: list[tuple[dict[str, Any], str]] = [
    ({"steps": {}}, "body.steps"),
    ({"steps": ["mail"]}, "body.steps[0]"),
    ({"steps": [{}] * 101}, "body.steps"),
    ({"steps": [{}, {"x": {"y": "a\0"}}]}, "body.steps[1].x.y"),
    ({"trigger_event_type": "Not An Event"}, "body.trigger_event_type"),
    ({"agent_definition_id": "agent_nobody"}, "body.agent_definition_id"),
    ({"agent_configuration_id": str(uuid4())}, "body.agent_configuration_id"),
]


@pytest.mark.parametrize(("change", "path"), UNFIT_PLAYBOOKS)
async def test_a_playbook_that_does_not_fit_is_told(
    ann: Api, workspace: str, change: dict[str, Any], path: str
):
    made = await ann.made(f"{workspace}/playbooks", PLAYBOOK)
    for answer in (
        await ann.post(f"{workspace}/playbooks", PLAYBOOK | change),
        await ann.patch(f"/v1/playbooks/{made['id']}", change),
    ):
        assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, path)


async def test_a_playbook_names_no_agent_of_another_workspace(ann: Api, workspace: str):
    elsewhere = (await ann.made("/v1/workspaces", {"name": "Elsewhere"}))["id"]
    foreign = await ann.made(f"/v1/workspaces/{elsewhere}/agents", AGENT)
    refused = await ann.post(f"{workspace}/playbooks", PLAYBOOK | {"agent_configuration_id": foreign["id"]})
    assert refused.json()["errors"][0]["path"] == "body.agent_configuration_id"


async def test_everything_goes_with_the_workspace(ann: Api, workspace: str, services: Services):
    agent = await ann.made(f"{workspace}/agents", AGENT)
    await ann.made(f"{workspace}/playbooks", PLAYBOOK | {"agent_configuration_id": agent["id"]})
    (library,) = (await ann.get(f"{workspace}/prompt-libraries")).json()["items"]
    prompt = {"name": "x", "text": "", "tags": ["a"]}
    await ann.made(f"/v1/prompt-libraries/{library['id']}/prompts", prompt)
    assert (await ann.delete(workspace)).status_code == 204
    async with services.database.read() as uow:
        assert await uow.session.get(AgentConfiguration, UUID(agent["id"])) is None
