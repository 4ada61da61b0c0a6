"""What agents were before, checking a YAML without storing it, and prompts in place of instructions."""

from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from agents.catalogue import bring_up_to_date, read_catalogue
from agents.config import config_of
from agents.config_schema import config_schema
from agents.errors import InvalidPromptError
from agents.instructions import instructions_of
from server.bootstrap import Services
from storage.repositories.agent_versions import MOST_VERSIONS
from tests.server.api import Api

DEFINITION = "agent_email_wizard"


async def make_agent(ann: Api, workspace: str, yaml: str = "") -> str:
    body = {"agent_definition_id": DEFINITION, "name": "Mail", "yaml_config": yaml}
    return f"/v1/agents/{(await ann.made(f'{workspace}/agents', body))['id']}"


async def make_prompt(ann: Api, workspace: str, text: str, *names: str) -> str:
    (library,) = (await ann.get(f"{workspace}/prompt-libraries")).json()["items"]
    variables = [{"name": name, "type": "text"} for name in names]
    body = {"name": "Voice", "text": text, "variables": variables}
    return (await ann.made(f"/v1/prompt-libraries/{library['id']}/prompts", body))["id"]


async def versions(api: Api, path: str) -> list[dict[str, Any]]:
    return (await api.get(f"{path}/versions")).json()["items"]


async def test_each_change_of_the_configuration_is_kept_with_who_and_when(ann: Api, bob: Api, workspace: str):
    path = await make_agent(ann, workspace, "inputs: {variants: 1}\n")
    await ann.made(f"{workspace}/members", {"email": bob.user["email"], "role": "member"})
    assert (await bob.patch(path, {"yaml_config": "inputs: {variants: 2}\n"})).json()["version"] == 2
    for unchanged in ({}, {"yaml_config": "inputs: {variants: 2}\n"}, {"status": "inactive"}):
        assert (await ann.patch(path, unchanged)).json()["version"] == 2
    assert (await ann.patch(path, {"yaml_config": "inputs: ["})).status_code == 422
    found = await versions(ann, path)
    assert [(one["number"], one["changed_by"], one["is_current"]) for one in found] == [
        (2, f"user:{bob.user['id']}", True),
        (1, f"user:{ann.user['id']}", False),
    ]
    first = (await ann.get(f"{path}/versions/1")).json()
    assert (first["yaml_config"], first["name"]) == ("inputs: {variants: 1}\n", "Mail")
    assert first["changed_at"]
    assert (await ann.get(f"{path}/versions/3")).status_code == 404


async def test_two_versions_are_compared(ann: Api, workspace: str):
    path = await make_agent(ann, workspace, "llm:\n  task: write\n  temperature: 0\n")
    await ann.patch(path, {"yaml_config": "llm:\n  task: write\n  temperature: 1\n", "name": "Mails"})
    await ann.patch(path, {"yaml_config": ""})
    found = (await ann.get(f"{path}/versions/1/compare?to=2")).json()
    assert found == {
        "before": 1,
        "after": 2,
        "fields": [{"name": "name", "before": "Mail", "after": "Mails"}],
        "yaml_config": [
            {"change": "same", "text": "llm:"},
            {"change": "same", "text": "  task: write"},
            {"change": "removed", "text": "  temperature: 0"},
            {"change": "added", "text": "  temperature: 1"},
        ],
    }
    now = (await ann.get(f"{path}/versions/2/compare")).json()
    assert (now["after"], {line["change"] for line in now["yaml_config"]}) == (3, {"removed"})
    assert (await ann.get(f"{path}/versions/1/compare?to=9")).status_code == 404


async def test_a_version_is_brought_back_as_a_new_one(ann: Api, workspace: str):
    path = await make_agent(ann, workspace, "inputs: {variants: 1}")
    await ann.patch(path, {"yaml_config": "inputs: {variants: 2}", "description": "Second"})
    restored = (await ann.post(f"{path}/versions/1/restore")).json()
    assert (restored["version"], restored["yaml_config"]) == (3, "inputs: {variants: 1}")
    assert restored["description"] is None
    assert restored["effective_config_cache"]["inputs"] == {"variants": 1}
    assert (await versions(ann, path))[0]["restored_from"] == 1
    assert (await ann.post(f"{path}/versions/3/restore")).json()["version"] == 3


async def test_a_version_that_does_not_fit_any_more_stays_where_it_is(
    ann: Api, workspace: str, services: Services
):
    prompt = await make_prompt(ann, workspace, "Be kind.")
    path = await make_agent(ann, workspace, f"instructions: {{prompt: {prompt}}}")
    await ann.patch(path, {"yaml_config": ""})
    await ann.delete(f"/v1/prompts/{prompt}")
    refused = await ann.post(f"{path}/versions/1/restore")
    assert (refused.status_code, refused.json()["code"]) == (409, "version_does_not_fit")
    assert (await ann.get(path)).json()["yaml_config"] == ""


async def test_the_oldest_versions_give_way(ann: Api, workspace: str, services: Services):
    path = await make_agent(ann, workspace)
    agent_id = UUID(path.rpartition("/")[2])
    async with services.database.transaction() as uow:
        agent = await uow.agent_configurations.get(agent_id)
        definition = await uow.agent_definitions.get(DEFINITION)
        assert agent is not None
        assert definition is not None
        for number in range(2, MOST_VERSIONS + 3):
            agent.version = number
            await uow.agent_versions.add(agent, definition, "user:somebody")
    async with services.database.read() as uow:
        found = await uow.agent_versions.list_of(agent_id, before=None, limit=1000)
    assert (len(found), found[-1].number) == (MOST_VERSIONS, 3)


async def test_a_yaml_is_checked_and_nothing_changes(ann: Api, workspace: str):
    path = await make_agent(ann, workspace)
    wrong = {"yaml_config": "llm:\n  temperature: warm\nlmm: {}\n"}
    found = (await ann.post(f"{path}/validate", wrong)).json()
    assert (found["is_valid"], found["effective_config"]) == (False, None)
    assert [(fault["path"], fault["line"], fault["column"]) for fault in found["faults"]] == [
        ("yaml_config.llm.temperature", 2, 16),
        ("yaml_config.lmm", 3, 1),
    ]
    found = (await ann.post(f"{path}/validate", {"yaml_config": "llm: {model: gpt-9}"})).json()
    assert (found["is_valid"], found["effective_config"]["llm"]["model"]) == (True, "gpt-9")
    assert (await ann.get(path)).json()["version"] == 1
    new = f"/v1/agent-definitions/{DEFINITION}/validate"
    assert not (await ann.post(new, {"yaml_config": "inputs: {nothing: 1}"})).json()["is_valid"]
    assert (await ann.post(new, {})).json()["is_valid"]
    assert (await ann.post("/v1/agent-definitions/agent_nobody/validate", {})).status_code == 404


async def test_the_schema_is_served(ann: Api):
    answer = await ann.get("/v1/agent-config-schema")
    assert answer.headers["content-type"] == "application/schema+json"
    assert answer.content == config_schema()


async def test_instructions_may_be_a_prompt_of_the_library(ann: Api, workspace: str, services: Services):
    prompt = await make_prompt(ann, workspace, "Write {{tone}} to {{audience}}.", "tone", "audience")
    path = await make_agent(
        ann,
        workspace,
        f"instructions: {{prompt: {prompt}, variables: {{tone: warmly}}}}\nmore_instructions: Be brief.\n",
    )
    async with services.database.read() as uow:
        agent = await uow.agent_configurations.get(UUID(path.rpartition("/")[2]))
        assert agent is not None
        told = await instructions_of(uow, agent.workspace_id, config_of(agent), {"audience": "buyers"})
        assert told == "Write warmly to buyers.\n\nBe brief."
        with pytest.raises(InvalidPromptError, match="audience"):
            await instructions_of(uow, agent.workspace_id, config_of(agent), {})
    await ann.delete(f"/v1/prompts/{prompt}")
    async with services.database.read() as uow:
        with pytest.raises(InvalidPromptError, match="not in the library"):
            await instructions_of(uow, agent.workspace_id, config_of(agent), {"audience": "buyers"})


async def test_only_prompts_of_the_same_workspace_are_taken(ann: Api, workspace: str):
    elsewhere = f"/v1/workspaces/{(await ann.made('/v1/workspaces', {'name': 'Elsewhere'}))['id']}"
    foreign = await make_prompt(ann, elsewhere, "Secret {{x}}", "x")
    path = await make_agent(ann, workspace)
    for prompt in (foreign, str(uuid4())):
        refused = await ann.patch(path, {"yaml_config": f"instructions:\n  prompt: {prompt}\n"})
        (fault,) = refused.json()["errors"]
        assert fault["path"] == "body.yaml_config.instructions.prompt"
        assert fault["detail"] == "Line 2, column 11: This workspace has no such prompt"
    own = await make_prompt(ann, workspace, "Plain")
    refused = await ann.patch(path, {"yaml_config": f"instructions: {{prompt: {own}, variables: {{x: 1}}}}"})
    assert refused.json()["errors"][0]["path"] == "body.yaml_config.instructions.variables.x"


async def test_what_a_definition_says_is_what_its_agents_begin_with(
    ann: Api, workspace: str, services: Services
):
    path = await make_agent(ann, workspace, "tools: {approval: {read_page: ask}}")
    catalogue = {definition.id: definition for definition in read_catalogue()}
    changed = catalogue[DEFINITION].default_config | {
        "tools": {"approval": {"send_email": "ask"}},
        "limits": {"max_steps": 7},
    }
    catalogue[DEFINITION] = msgspec.structs.replace(catalogue[DEFINITION], default_config=changed)
    await bring_up_to_date(services.database, list(catalogue.values()))
    config = (await ann.get(path)).json()["effective_config_cache"]
    assert config["tools"]["approval"] == {"send_email": "ask", "read_page": "ask"}
    assert config["limits"]["max_steps"] == 7
    refused = await ann.patch(path, {"yaml_config": "tools: {approval: {send_email: auto}}"})
    assert refused.json()["errors"][0]["path"] == "body.yaml_config.tools.approval.send_email"
