"""Slash commands: answered in the channel and handed on, each once, wherever they came from."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from blocks import channel as channels
from blocks.channel_content import Text
from crdt.ports import DocumentName, Principal, PrincipalId
from server.background.commands import CommandConsumer, Commands
from server.bootstrap import Services
from server.documents.writing import Writer
from storage.models import ChatCommand, Event
from tests.server.api import Api
from tests.server.specimens import DEFINITION
from tests.waiting import until

SECONDS = 20.0


@pytest.fixture
async def channel(ann: Api, workspace: str) -> str:
    return (await ann.made(f"{workspace}/channels", {"name": "general"}))["id"]


@pytest.fixture
async def agent(ann: Api, workspace: str) -> str:
    body = {"name": "Email Wizard", "agent_definition_id": DEFINITION, "description": "Writes mails.\nWell."}
    return (await ann.made(f"{workspace}/agents", body))["id"]


async def say(person: Api, channel: str, text: str, **more: Any) -> dict[str, Any]:
    body = {"content": {"text": text}, **more}
    return (await person.made(f"/v1/channels/{channel}/messages", body))["message"]


async def answers(person: Api, channel: str, count: int = 1) -> list[dict[str, Any]]:
    """Wait until there are so many answers; return them, oldest first."""

    async def look() -> list[dict[str, Any]] | None:
        items = (await person.get(f"/v1/channels/{channel}/messages")).json()["items"]
        found = [
            item
            for item in items
            # What has a run's id tells how a run is going.
            if item["content_type"] == "agent_command_response" and "run_id" not in item["content"]
        ]
        return found[::-1] if len(found) >= count else None

    return await until(look, seconds=SECONDS)


async def events(person: Api, workspace: str, kind: str) -> list[dict[str, Any]]:
    return (await person.get(f"{workspace}/events", params={"type": kind})).json()["items"]


async def test_a_command_is_answered_and_handed_on(ann: Api, workspace: str, channel: str, agent: str):
    message = await say(ann, channel, '/email-wizard campaign_brief=2027 audience="new customers" variants=3')
    [answer] = await answers(ann, channel)
    assert answer["content"]["status"] == "accepted"
    assert answer["content"]["command_message_id"] == message["id"]
    assert answer["sender_type"] == "agent"
    assert "Email Wizard" in answer["content"]["text"]
    [event] = await events(ann, workspace, "agent.command.received")
    assert event["payload"] == {
        "channel_id": channel,
        "message_id": message["id"],
        "user_id": ann.user["id"],
        "agent_configuration_id": agent,
        "command": "email-wizard",
        "arguments": {"campaign_brief": 2027, "audience": "new customers", "variants": 3},
        "prompt": "",
    }
    [run] = (await ann.get(f"/v1/agents/{agent}/runs")).json()["items"]
    assert (run["trigger_type"], run["triggered_by_user_id"]) == ("command", ann.user["id"])
    assert (run["place"], run["place_item"]) == (f"channel:{channel}", message["id"])
    inputs = {"campaign_brief": "2027", "audience": "new customers", "variants": 3}
    assert run["input_params_snapshot"] == inputs


async def test_commands_of_the_document_in_threads_are_answered_there(
    services: Services, ann: Api, workspace: str, channel: str, agent: str
):
    root = await say(ann, channel, "Mails?")
    principal = Principal(id=PrincipalId(f"user:{ann.user['id']}"), name="Ann")
    async with services.hub.join(DocumentName(f"channel:{channel}"), principal) as replica:
        async with services.database.read() as uow:
            message_id = str(uow.new_id())
        channels.post(
            replica.doc,
            message_id,
            Text('/run_email_wizard {campaign_brief: "Summer"}'),
            sender_id=principal.id,
            sender_type="user",
            created_at=services.clock().isoformat(),
            thread_id=root["id"],
        )
        await replica.saved()
    [answer] = await answers(ann, channel)
    assert answer["thread_id"] == root["id"]
    [event] = await events(ann, workspace, "agent.command.received")
    assert event["payload"]["arguments"] == {"campaign_brief": "Summer"}
    assert event["payload"]["agent_configuration_id"] == agent


async def test_an_agent_is_asked_in_plain_words(ann: Api, workspace: str, channel: str):
    body = {"name": "Gardener", "agent_definition_id": "agent_workspace_gardener"}
    gardener = (await ann.made(f"{workspace}/agents", body))["id"]
    await say(ann, channel, "/gardener Which pages has nobody read?")
    [answer] = await answers(ann, channel)
    assert answer["content"]["status"] == "accepted"
    [event] = await events(ann, workspace, "agent.command.received")
    assert (event["payload"]["arguments"], event["payload"]["prompt"]) == ({}, "Which pages has nobody read?")
    [run] = (await ann.get(f"/v1/agents/{gardener}/runs")).json()["items"]
    assert run["prompt"] == "Which pages has nobody read?"


async def test_what_cannot_be_done_is_explained(ann: Api, workspace: str, channel: str, agent: str):
    second = {"name": "Shop Watch", "agent_definition_id": DEFINITION}
    for _ in range(2):
        await ann.made(f"{workspace}/agents", second)
    asked = {
        "/help": "`/email-wizard`: Writes mails.",
        "/email-wizzard": "Did you mean `/email-wizard`?",
        "/zzz": "There is no command `/zzz`.",
        "/email-wizard count=3 do it": "Write arguments as key=value",
        "/email-wizard do it": "`campaign_brief`: This agent needs it",
        "/shop-watch": "any of 2 agents",
        "/email-wizard count=3": "`count`: No input of this agent",
        "/email-wizard variants=many": "`campaign_brief`: This agent needs it",
    }
    for text in asked:
        await say(ann, channel, text)
    found = [answer["content"] for answer in await answers(ann, channel, len(asked))]
    for text, told in asked.items():
        answer = next(answer for answer in found if told in answer["text"])
        assert answer["status"] == ("answered" if text == "/help" else "refused")
    assert await events(ann, workspace, "agent.command.received") == []


async def test_a_guest_of_a_private_channel_runs_no_agents(ann: Api, bob: Api, workspace: str, agent: str):
    await ann.made(f"{workspace}/members", {"email": bob.user["email"], "role": "guest"})
    body = {"name": "secret", "type": "private", "member_user_ids": [bob.user["id"]]}
    channel = (await ann.made(f"{workspace}/channels", body))["id"]
    await say(bob, channel, "/email-wizard")
    [answer] = await answers(ann, channel)
    assert answer["content"]["text"] == "You may not run agents in this workspace."
    assert await events(ann, workspace, "agent.command.received") == []


async def test_a_command_counts_once_whatever_is_killed(
    services: Services, ann: Api, workspace: str, channel: str, agent: str
):
    message = await say(ann, channel, "/email-wizard campaign_brief=Summer")
    [answer] = await answers(ann, channel)
    # The process dies behind the consumer's commit; and once more behind the answer.
    async with services.database.transaction() as uow:
        await uow.session.execute(update(ChatCommand).values(answered_at=None))
    await Commands(
        services.database,
        services.feed,
        Writer(services.hub, services.history, services.offload),
        services.clock,
    ).answer_open()
    async with services.database.transaction() as uow:
        assert await uow.commands.unanswered(after=None, limit=9) == []
        event = Event(
            id=uow.new_id(),
            workspace_id=UUID(workspace.rpartition("/")[2]),
            position=0,
            type="message.posted",
            payload={"channel_id": channel, "message_id": message["id"], "sender_type": "user"},
            created_at=uow.now,
        )
        await CommandConsumer().handle(uow, [event])
    assert await answers(ann, channel) == [answer]
    assert len(await events(ann, workspace, "agent.command.received")) == 1
    assert len((await ann.get(f"/v1/agents/{agent}/runs")).json()["items"]) == 1


async def test_commands_are_completed(ann: Api, workspace: str, channel: str, agent: str):
    path = f"/v1/channels/{channel}/commands"
    found = (await ann.get(path)).json()["items"]
    assert [command["name"] for command in found] == ["email-wizard", "help"]
    assert found[0]["agent_configuration_id"] == agent
    for prefix in ("em", "/EM", "ｅｍ"):
        assert (await ann.get(path, params={"prefix": prefix})).json()["items"] == found[:1]
    await ann.patch(f"/v1/agents/{agent}", {"status": "inactive"})
    assert [command["name"] for command in (await ann.get(path)).json()["items"]] == ["help"]
