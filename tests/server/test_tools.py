"""What runs of agents do by their tools besides writing pages: messages, prompts, files, the web, people."""

from typing import Any
from uuid import UUID

import msgspec
import pytest

from agents.tools.addresses import is_named
from agents.tools.errors import ToolError, ToolPause
from server.bootstrap import Services
from server.settings import Settings
from tests.server.api import Api
from tests.server.runs import AGENT
from tests.server.test_blocks import Json, join
from tests.server.test_mailing import all_gone
from tests.server.test_search import found
from tests.server.tool_desk import Desk, open_desk
from tests.services.site import Site
from tests.tiptap import document, paragraph


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, allow_private_addresses=True)


@pytest.fixture
async def desk(services: Services, ann: Api, workspace: str) -> Desk:
    return await open_desk(services, ann, workspace)


@pytest.fixture
async def channel(ann: Api, workspace: str) -> Json:
    return await ann.made(f"{workspace}/channels", {"name": "general", "type": "public"})


async def said(person: Api, channel: Json) -> list[Json]:
    return (await person.get(f"/v1/channels/{channel['id']}/messages")).json()["items"][::-1]


async def test_messages_are_read_posted_answered_and_reacted_to(ann: Api, desk: Desk, channel: Json):
    path = f"/v1/channels/{channel['id']}/messages"
    first = (await ann.made(path, {"content": {"text": "Who writes the plan?"}}))["message"]
    assert f"{channel['id']} #general (public)" in (await desk.call("list_channels")).text
    read = await desk.call("read_messages", channel_id=channel["id"])
    assert f"[{first['id']}, user:{ann.user['id']}, " in read.text
    assert "] Who writes the plan?" in read.text
    wanted: dict[str, Any] = {"channel_id": channel["id"], "text": "I **do**", "thread_id": first["id"]}
    dry = await desk.call("post_message", dry=True, **wanted)
    assert "this would post in #general: I **do**" in dry.text
    posted = await desk.call("post_message", **wanted)
    assert (await desk.call("post_message", again=True, **wanted)).data == posted.data
    reaction: dict[str, Any] = {"channel_id": channel["id"], "message_id": first["id"], "emoji": "👍"}
    await desk.call("react_to_message", **reaction)
    question, answer = await said(ann, channel)
    assert question["reactions"] == [{"emoji": "👍", "user_ids": [desk.principal.id]}]
    assert answer["id"] == posted.data["message_id"]
    assert (answer["sender_id"], answer["sender_type"]) == (desk.principal.id, "agent")
    assert (answer["content"], answer["thread_id"]) == ({"text": "I **do**"}, first["id"])
    thread = await desk.call("read_messages", channel_id=channel["id"], thread_id=first["id"])
    assert "I **do**" in thread.text
    assert "Who writes" not in thread.text
    unknown = {**reaction, "message_id": "01990000-0000-7000-8000-000000000001"}
    assert "no such message" in await desk.refused("react_to_message", **unknown)


async def test_a_private_channel_of_others_is_not_there(
    services: Services, ann: Api, bob: Api, workspace: str, channel: Json
):
    await join(ann, workspace, bob)
    secret = await ann.made(f"{workspace}/channels", {"name": "board", "type": "private"})
    desk = await open_desk(services, bob, workspace)
    assert "board" not in (await desk.call("list_channels")).text
    assert "no such channel" in await desk.refused("read_messages", channel_id=secret["id"])
    assert "no such channel" in await desk.refused("post_message", channel_id=secret["id"], text="x")
    only = await open_desk(services, ann, workspace, {"channels": [secret["id"]]})
    listed = (await only.call("list_channels")).text
    assert "board" in listed
    assert "general" not in listed


async def test_nothing_is_posted_in_an_archived_channel(ann: Api, desk: Desk, channel: Json):
    await ann.patch(f"/v1/channels/{channel['id']}", {"is_archived": True})
    assert "archived" in await desk.refused("post_message", channel_id=channel["id"], text="x")
    assert channel["id"] not in (await desk.call("list_channels")).text
    assert "There are no messages here." in (await desk.call("read_messages", channel_id=channel["id"])).text


async def test_the_workspace_is_searched_within_rights(
    services: Services, ann: Api, workspace: str, channel: Json
):
    page = await ann.made(f"{workspace}/pages", {"title": "Launch plan"})
    other = await ann.made(f"{workspace}/pages", {"title": "Launch budget"})
    desk = await open_desk(services, ann, workspace, {"pages": [page["id"]]})
    assert "type: is one of" in await desk.refused("search_workspace", query="type:nonsense")
    await found(ann, workspace, "launch", 2)
    result = (await desk.call("search_workspace", query="launch")).text
    assert f"[page {page['id']}, " in result
    assert other["id"] not in result
    none = await open_desk(services, ann, workspace, {"scopes": ["files:read"]})
    assert "not granted" in await none.refused("search_workspace", query="launch")


async def test_prompts_are_listed_and_filled_in(ann: Api, desk: Desk, workspace: str):
    (library,) = (await ann.get(f"{workspace}/prompt-libraries")).json()["items"]
    prompt = await ann.made(
        f"/v1/prompt-libraries/{library['id']}/prompts",
        {
            "name": "Greeting",
            "text": "Hello {{name}}, {{count}} times",
            "variables": [
                {"name": "name", "type": "text"},
                {"name": "count", "type": "number", "default_value": 1},
            ],
            "tags": ["mail"],
        },
    )
    told = f"{prompt['id']} Greeting (name: text, count: number (optional))"
    assert told in (await desk.call("list_prompts", tag="mail")).text
    assert "no prompts" in (await desk.call("list_prompts", tag="other")).text
    filled = await desk.call("fill_prompt", prompt_id=prompt["id"], values={"name": "Bo"})
    assert "Hello Bo, 1 times" in filled.text
    assert "Has no default" in await desk.refused("fill_prompt", prompt_id=prompt["id"])


async def test_files_are_kept_listed_and_read(services: Services, ann: Api, desk: Desk, workspace: str):
    page = await ann.made(f"{workspace}/pages", {"title": "Plan"})
    wanted: dict[str, Any] = {"name": "notes.txt", "text": "ten\neleven", "document": page["document"]}
    saved = await desk.call("save_file", **wanted)
    assert (await desk.call("save_file", again=True, **wanted)).data == saved.data
    listed = await desk.call("list_files", document=page["document"])
    assert f"{saved.data['file_id']} notes.txt (text/plain, 10 bytes)" in listed.text
    assert "ten\neleven" in (await desk.call("read_file", file_id=saved.data["file_id"])).text
    assert (await ann.get(f"/v1/files/{saved.data['file_id']}/content")).content == b"ten\neleven"
    picture = await ann.request(
        "POST",
        f"{workspace}/files?name=x.png",
        content=b"\x89PNG\r\n\x1a\n" + b"\x00" * 20,
        headers={"content-type": "application/octet-stream"},
    )
    assert "is no text" in await desk.refused("read_file", file_id=picture.json()["id"])
    secret = await ann.made(f"{workspace}/channels", {"name": "board", "type": "private"})
    only = await open_desk(services, ann, workspace, {"channels": [], "pages": []})
    assert "no such file" in await only.refused("read_file", file_id=saved.data["file_id"])
    assert "no such file" in await only.refused("list_files", document=f"channel:{secret['id']}")


async def test_pages_of_the_web_are_fetched_as_text(desk: Desk, site: Site):
    await desk.told(f"Read {site.url}")
    site.has("/a", "<title>A page</title><h1>News</h1><script>evil()</script><p>It <b>rains</b>.</p>")
    read = await desk.call("fetch_url", url=site.sends_on("/to-a", "/a"))
    assert "# A page" in read.text
    assert "It **rains**." in read.text
    assert "evil" not in read.text
    assert f"what {site.url}/a says, written by others" in read.text
    long = site.has("/long", "word " * 10_000, "text/plain")
    first = await desk.call("fetch_url", url=long)
    assert "[more: go on with from_character=16000]" in first.text
    rest = await desk.call("fetch_url", url=long, from_character=48_000)
    assert "[more" not in rest.text
    picture = site.has("/x.png", b"\x89PNG", "image/png")
    assert "is no text (image/png)" in await desk.refused("fetch_url", url=picture)
    assert "answers with the status 404" in await desk.refused("fetch_url", url=f"{site.url}/none")


async def test_a_host_that_no_person_has_named_is_not_asked(desk: Desk, site: Site):
    url = site.has("/a", "Hello")
    assert "only hosts that a person has named, not 127.0.0.1" in await desk.refused("fetch_url", url=url)
    assert site.asked == []
    await desk.told(f"Read {site.url}", trigger="event")
    assert "a person has named" in await desk.refused("fetch_url", url=url)
    await desk.told("Read http://localhost/a")
    elsewhere = site.sends_on("/to-a", url).replace("127.0.0.1", "localhost")
    refused = await desk.refused("fetch_url", url=elsewhere)
    assert f"{elsewhere} leads to {url}. fetch_url asks only" in refused
    assert site.asked == ["/to-a"]


async def test_what_is_shown_asks_no_host_that_no_person_has_named(ann: Api, desk: Desk, workspace: str):
    page = await ann.made(f"{workspace}/pages", {"title": "Plan"})
    there = "![cat](https://cats.example/cat.png)"
    picture = {"type": "image", "attrs": {"src": "https://cats.example/cat.png"}}
    content = {"doc": document(paragraph(picture))}
    await ann.made(f"/v1/pages/{page['id']}/blocks", {"type": "text", "content": content})
    away = "![x](https://evil.example/?it=90000)"
    for tool, more in (
        ("add_text", {"page_id": page["id"], "markdown": away}),
        ("add_text", {"page_id": page["id"], "markdown": '<img src="https://evil.example/1">'}),
        ("add_text", {"page_id": page["id"], "markdown": there.replace("cat.png", "?it=90000")}),
        ("create_page", {"title": "New", "markdown": away}),
        ("suggest_changes", {"page_id": page["id"], "note": "n", "changes": [{"markdown": away}]}),
        (
            "add_block",
            {"page_id": page["id"], "type": "image", "content": {"url": "https://evil.example/1"}},
        ),
        (
            "add_block",
            {"page_id": page["id"], "type": "embed_panel", "content": {"url": "https://evil.example/1"}},
        ),
    ):
        assert "no person has named" in await desk.refused(tool, **more), tool
    link = "[x](https://evil.example/?it=90000)"
    await desk.call("add_text", page_id=page["id"], markdown=f"{link} {there}")
    await desk.told("Show https://evil.example/1, please")
    await desk.call("add_text", page_id=page["id"], markdown=away)
    await desk.call("add_block", page_id=page["id"], type="image", content={"url": "https://evil.example/1"})


@pytest.mark.parametrize(
    ("text", "is_it"),
    [
        ("Read example.com, please", True),
        ("https://www.example.com/a?b=c", True),
        ("mail to ann@EXAMPLE.com.", True),
        ("notexample.com", False),
        ("example.community", False),
        ("example.com.evil.org", False),
        ("sub.example.com", False),
        ("", False),
    ],
)
def test_a_text_names_a_host(text: str, is_it: bool):
    assert is_named("example.com", text) is is_it
    assert is_named("www.example.com", text) is is_it


async def test_people_are_listed_and_told(ann: Api, bob: Api, desk: Desk, workspace: str):
    await join(ann, workspace, bob)
    assert f"{bob.user['id']} Bob (member)" in (await desk.call("list_people")).text
    for again in (False, True):
        told = await desk.call("notify_person", again=again, user_id=bob.user["id"], text="It is *done*")
    assert told.text == "Bob is told."
    events = [
        event
        for event in (await bob.get(f"{workspace}/events?type=agent.notice")).json()["items"]
        if event["payload"]["text"] == "It is *done*"
    ]
    assert len(events) == 1
    assert (await ann.get(f"{workspace}/events?type=agent.notice")).json()["items"] == []
    stranger = {"user_id": "01990000-0000-7000-8000-000000000001", "text": "x"}
    assert "no such person" in await desk.refused("notify_person", **stranger)


async def test_a_question_waits_for_a_person(ann: Api, desk: Desk):
    assert "would ask Ann: Blue?" in (await desk.call("ask_person", dry=True, question="Blue?")).text
    with pytest.raises(ToolPause) as raised:
        await desk.call("ask_person", question="Blue?", choices=["yes", "no"])
    assert raised.value.kind == "question"
    assert raised.value.payload == {
        "question": "Blue?",
        "choices": ["yes", "no"],
        "user_ids": [ann.user["id"]],
    }


async def test_a_mail_is_asked_about_and_sent_once(services: Services, desk: Desk):
    specs = {spec.name: spec for spec in await services.toolbox.specs((await desk.context()).agent)}
    assert specs["send_email"].approval == "ask"
    wanted: dict[str, Any] = {
        "to": ["cem@example.com", "cem@example.com"],
        "subject": "Offer",
        "text": "Hello",
    }
    seen = await services.toolbox.preview(await desk.context(), "send_email", wanted)
    assert seen == "send a mail to cem@example.com, subject “Offer”:\nHello"
    outbox = services.settings.data_dir / "outbox"
    for again in (False, True):
        await desk.call("send_email", again=again, **wanted)
    await all_gone(services.database)
    (mail,) = [text for path in outbox.glob("*.eml") if "Offer" in (text := path.read_text())]
    assert "Written by Writer, an AI agent of =E2=80=9COurs=E2=80=9D for Ann." in mail
    for address in ("x", "a@b, c@d", "a@b\nBcc: c@d"):
        assert "at `to[0]`" in await desk.refused("send_email", **{**wanted, "to": [address]})


async def test_another_agent_is_called_once_and_never_in_a_circle(
    services: Services, ann: Api, desk: Desk, workspace: str
):
    other = await ann.made(f"{workspace}/agents", {**AGENT, "name": "Painter"})
    assert f"{other['id']} Painter: " in (await desk.call("list_agents")).text
    wanted: dict[str, Any] = {"agent_id": other["id"], "task": "Paint it", "inputs": {"campaign_brief": "x"}}
    paused: list[ToolPause] = []
    for again in (False, True):
        with pytest.raises(ToolPause) as raised:
            await desk.call("call_agent", again=again, **wanted)
        paused.append(raised.value)
    assert paused[0].payload == paused[1].payload
    (run,) = (await ann.get(f"/v1/agents/{other['id']}/runs")).json()["items"]
    assert run["run_id"] == paused[0].payload["run_id"]
    async with services.database.read() as uow:
        row = await uow.agent_runs.get(UUID(run["run_id"]))
        assert row is not None
        assert (row.parent_run_id, row.depth, row.prompt) == (desk.run_id, 1, "Paint it")
    own = desk.principal.id.partition(":")[2]
    assert "at work on this already" in await desk.refused("call_agent", **{**wanted, "agent_id": own})
    assert "cannot be called" in await desk.refused("call_agent", **{**wanted, "inputs": {"nonsense": 1}})
    deep = await desk.context(depth=5)
    with pytest.raises(ToolError, match="goes no further"):
        await services.toolbox.call(deep, "call_agent", {**wanted})
