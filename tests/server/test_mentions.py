"""Agents that are mentioned, in a channel or on a page: each mention is a run, once."""

from typing import Any

import pytest

from tests.server.api import Api
from tests.server.triggering import DEFINITION, READY, has_run, runs, told
from tests.waiting import until

Json = dict[str, Any]


async def make(api: Api, workspace: str, name: str, yaml_config: str = READY) -> Json:
    body = {"name": name, "agent_definition_id": DEFINITION, "yaml_config": yaml_config}
    return await api.made(f"{workspace}/agents", body)


@pytest.fixture
async def agent(ann: Api, workspace: str) -> Json:
    return await make(ann, workspace, "Wizard")


@pytest.fixture
async def channel(ann: Api, workspace: str) -> Json:
    return await ann.made(f"{workspace}/channels", {"name": "general"})


async def say(api: Api, channel: Json, text: str) -> str:
    made = await api.made(f"/v1/channels/{channel['id']}/messages", {"content": {"text": text}})
    return made["message"]["id"]


def at(agent: Json) -> str:
    return f"@[{agent['name']}](agent:{agent['id']})"


async def answers(api: Api, channel: Json) -> list[Json]:
    items = (await api.get(f"/v1/channels/{channel['id']}/messages")).json()["items"]
    return [one for one in items if one["content_type"] == "agent_command_response"]


async def test_a_mention_in_a_message_starts_a_run_there(
    ann: Api, workspace: str, agent: Json, channel: Json
):
    other = await make(ann, workspace, "Other")
    text = f"{at(agent)} and {at(other)}, once more {at(agent)}: write about boots"
    message_id = await say(ann, channel, text)
    for one in (agent, other):
        (run,) = await has_run(ann, one, 1)
        assert (run["trigger_type"], run["prompt"]) == ("command", text)
        assert (run["place"], run["place_item"]) == (f"channel:{channel['id']}", message_id)
        assert (run["triggered_by_user_id"], run["cause"]) == (ann.user["id"], f"message:{message_id}")


async def test_a_command_is_no_mention_and_an_edit_is_none_either(
    ann: Api, workspace: str, agent: Json, channel: Json
):
    other = await make(ann, workspace, "Other")
    await say(ann, channel, f"/wizard campaign_brief={at(other)}")
    message_id = await say(ann, channel, "Nobody")
    await ann.patch(f"/v1/messages/{message_id}", {"content": {"text": at(other)}})
    await say(ann, channel, at(agent))
    assert len(await has_run(ann, agent, 2)) == 2
    assert await runs(ann, other) == []


async def test_whoever_cannot_be_helped_is_told(
    ann: Api, bob: Api, workspace: str, agent: Json, channel: Json
):
    bare = await make(ann, workspace, "Bare", "triggers: []")
    await say(ann, channel, f"{at(bare)} please")
    (answer,) = await until(lambda: answers(ann, channel))
    assert answer["content"]["status"] == "refused"
    assert "`campaign_brief`" in answer["content"]["text"]
    await ann.made(f"{workspace}/members", {"email": bob.user["email"], "role": "guest"})
    private = await ann.made(
        f"{workspace}/channels", {"name": "ours", "type": "private", "member_user_ids": [bob.user["id"]]}
    )
    await say(bob, private, at(agent))
    (answer,) = await until(lambda: answers(ann, private))
    assert "may not run agents" in answer["content"]["text"]
    await ann.patch(f"/v1/agents/{agent['id']}", {"status": "inactive"})
    elsewhere = await ann.made(f"{workspace}/channels", {"name": "more"})
    await say(ann, elsewhere, at(agent))
    (answer,) = await until(lambda: answers(ann, elsewhere))
    assert "inactive" in answer["content"]["text"]
    assert await runs(ann, agent) == await runs(ann, bare) == []


def block(agent: Json) -> Json:
    mention = {"type": "mention", "attrs": {"id": agent["id"], "kind": "agent", "label": agent["name"]}}
    doc = {"type": "doc", "content": [{"type": "paragraph", "content": [mention]}]}
    return {"type": "text", "content": {"doc": doc}}


async def test_a_block_that_begins_to_mention_an_agent_starts_a_run_there_once(
    ann: Api, workspace: str, agent: Json
):
    page = await ann.made(f"{workspace}/pages", {"title": "Plan"})
    made = await ann.made(f"/v1/pages/{page['id']}/blocks", block(agent))
    (run,) = await has_run(ann, agent, 1)
    assert (run["place"], run["place_item"]) == (f"page:{page['id']}", made["id"])
    assert (run["trigger_type"], run["triggered_by_user_id"]) == ("command", ann.user["id"])
    assert made["id"] in run["prompt"]
    (event,) = await told(ann, workspace, "agent.mentioned")
    assert (event["payload"]["block_id"], event["subject"]) == (made["id"], f"page:{page['id']}")
    await ann.patch(f"/v1/blocks/{made['id']}", {"position_x": 5})
    bare = await make(ann, workspace, "Bare", "triggers: []")
    await ann.made(f"/v1/pages/{page['id']}/blocks", block(bare))
    (refused,) = await until(lambda: told(ann, workspace, "agent.mention.refused"))
    assert "campaign_brief" in refused["payload"]["message"]
    assert len(await runs(ann, agent)) == 1
