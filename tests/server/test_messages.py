"""Messages by REST: the same as by the document, live and archived."""

import asyncio
from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pycrdt
import pytest

from blocks import channel as channels
from blocks.channel_content import (
    CONTENT_TYPES,
    AgentCommandResponse,
    Content,
    FileAttachment,
    JsonProposal,
    Markdown,
    Text,
    write_content,
)
from crdt.peer import Replica
from crdt.ports import DocumentName, Principal, PrincipalId
from server.background.archiving import Archiving
from server.bootstrap import Services
from server.notifications.inboxes import read_inbox
from server.offload import Offload
from server.projections import catching_up
from server.projections.archived import ARCHIVIST
from server.projections.projector import Projector
from storage.repositories.projected_messages import ProjectedMessages
from storage.repositories.projections import Overtaken
from tests.server.api import PASSWORD, Api
from tests.server.conftest import Clock
from tests.waiting import until


@pytest.fixture
async def channel(ann: Api, workspace: str) -> str:
    """The id of a public channel of Ann's."""
    return (await ann.made(f"{workspace}/channels", {"name": "general"}))["id"]


@pytest.fixture
async def member(ann: Api, bob: Api, workspace: str) -> Api:
    await ann.made(f"{workspace}/members", {"email": bob.user["email"], "role": "member"})
    return bob


def me(person: Api) -> str:
    return f"user:{person.user['id']}"


async def say(person: Api, channel: str, text: str, **more: Any) -> dict[str, Any]:
    body = {"content": {"text": text}, **more}
    return (await person.made(f"/v1/channels/{channel}/messages", body))["message"]


async def listed(person: Api, channel: str, **query: Any) -> list[dict[str, Any]]:
    """Return all of a list, page by page."""
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        params = query | ({"cursor": cursor} if cursor else {})
        page = (await person.get(f"/v1/channels/{channel}/messages", params=params)).json()
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


async def put(person: Api, path: str, json: object = None) -> Any:
    return await person.request("PUT", path, json=json)


def archiving(services: Services, live_messages: int = 2, live_days: int = 90) -> Archiving:
    return Archiving(
        services.database,
        services.hub,
        services.message_archive,
        services.clock,
        live_messages=live_messages,
        live_days=live_days,
    )


async def test_a_message_is_posted_read_edited_and_deleted(ann: Api, channel: str):
    answer = await ann.post(f"/v1/channels/{channel}/messages", {"content": {"text": "Hi"}})
    assert answer.status_code == 201
    message, receipt = answer.json()["message"], answer.json()["receipt"]
    assert receipt["document"] == f"channel:{channel}"
    assert receipt["position"] == 1
    assert (message["sender_id"], message["sender_type"]) == (me(ann), "user")
    path = f"/v1/messages/{message['id']}"
    assert (await ann.get(path)).json() == message

    edited = (await ann.patch(path, {"content": {"text": "**Oi**"}, "content_type": "markdown"})).json()
    assert edited["receipt"]["position"] == 2
    assert edited["message"]["content"] == {"text": "**Oi**"}
    assert edited["message"]["edited_at"] is not None
    deleted = await ann.delete(path)
    assert (deleted.json()["message"]["deleted"], deleted.json()["message"]["content"]) == (True, {})
    again = (await ann.delete(path)).json()
    assert (again["message"], again["receipt"]["position"]) == (deleted.json()["message"], None)
    [seen] = await listed(ann, channel)
    assert seen == deleted.json()["message"]


async def test_what_is_posted_by_the_document_is_the_same(services: Services, ann: Api, channel: str):
    principal = Principal(id=PrincipalId(me(ann)), name="Ann")
    async with services.hub.join(DocumentName(f"channel:{channel}"), principal) as replica:
        async with services.database.read() as uow:
            message_id = str(uow.new_id())
        channels.post(
            replica.doc,
            message_id,
            Text("From my device"),
            sender_id=me(ann),
            sender_type="user",
            created_at=services.clock().isoformat(),
        )
        await replica.saved()
        seen = await say(ann, channel, "And by REST", thread_id=message_id)
        assert channels.read_messages(replica.doc)[0].text == "From my device"
    assert [message["content"]["text"] for message in await listed(ann, channel)] == [
        "And by REST",
        "From my device",
    ]
    assert [message["id"] for message in await listed(ann, channel, thread_id=message_id)] == [seen["id"]]


async def test_history_begins_where_what_one_has_ends(ann: Api, channel: str):
    said = [(await say(ann, channel, str(number)))["id"] for number in range(5)]
    older = await listed(ann, channel, before=said[3], limit=2)
    assert [message["id"] for message in older] == [said[2], said[1], said[0]]
    reply = await say(ann, channel, "And so on", thread_id=said[0])
    assert await listed(ann, channel, before=reply["id"], thread_id=said[0]) == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"content": {}}, "validation_failed"),
        ({"content": {"text": 5}}, "validation_failed"),
        ({"content": {"text": "x", "more": 1}}, "validation_failed"),
        ({"content": {"text": "Hi"}, "content_type": "html"}, "validation_failed"),
        ({"content": {"text": "Hi"}, "thread_id": str(uuid4())}, "rule_violated"),
        (
            {"content": {"text": "Hi"}, "thread_id": "00000000-0000-7000-8000-000000000000"},
            "invalid_reference",
        ),
        ({"content": {"text": "Done"}, "content_type": "agent_command_response"}, "rule_violated"),
    ],
)
async def test_what_cannot_be_posted(ann: Api, channel: str, body: object, code: str):
    answer = await ann.post(f"/v1/channels/{channel}/messages", body)
    assert answer.is_client_error, answer.text
    assert await listed(ann, channel) == []
    assert answer.json()["code"] == code, answer.text


async def test_an_idempotency_key_posts_once(ann: Api, channel: str):
    for _ in range(2):
        answer = await ann.post(
            f"/v1/channels/{channel}/messages",
            {"content": {"text": "Once"}},
            headers={"Idempotency-Key": "k"},
        )
        assert answer.status_code == 201
    assert len(await listed(ann, channel)) == 1


async def test_nobody_edits_the_words_of_others_and_managers_delete_them(ann: Api, member: Api, channel: str):
    own, others = await say(ann, channel, "Mine"), await say(member, channel, "Theirs")
    for person, message in ((member, own), (ann, others)):
        answer = await person.patch(f"/v1/messages/{message['id']}", {"content": {"text": "forged"}})
        assert (answer.status_code, answer.json()["code"]) == (409, "rule_violated")
    assert (await member.delete(f"/v1/messages/{own['id']}")).status_code == 409
    assert (await ann.delete(f"/v1/messages/{others['id']}")).json()["message"]["deleted"] is True


async def test_reactions_and_pins(ann: Api, member: Api, channel: str):
    path = f"/v1/messages/{(await say(ann, channel, 'Hi'))['id']}"
    for person in (ann, member, member):
        assert (await put(person, f"{path}/reactions/👍")).status_code == 200
    await put(member, f"{path}/reactions/🎉")
    answer = await member.delete(f"{path}/reactions/🎉")
    assert answer.json()["message"]["reactions"] == [
        {"emoji": "👍", "user_ids": sorted([me(ann), me(member)])}
    ]
    assert (await put(ann, f"{path}/pin")).json()["message"]["pinned_by"] == me(ann)
    assert (await member.delete(f"{path}/pin")).json()["code"] == "rule_violated"
    pins = (await ann.get(f"/v1/channels/{channel}/pins")).json()["items"]
    assert [pin["pinned_by"] for pin in pins] == [me(ann)]
    await ann.delete(f"{path}/pin")
    assert (await ann.get(f"/v1/channels/{channel}/pins")).json()["items"] == []


async def test_unread_counts_follow_the_mark_on_all_devices(
    ann: Api, member: Api, workspace: str, channel: str
):
    messages = [await say(ann, channel, str(n)) for n in range(3)]

    async def unread(person: Api) -> dict[str, Any]:
        await listed(person, channel)  # the rows have followed
        [entry] = (await person.get(f"{workspace}/unread")).json()["items"]
        return entry

    assert (await unread(ann))["unread"] == 0
    assert (await unread(member))["unread"] == 3
    marked = await put(member, f"/v1/channels/{channel}/read", {"message_id": messages[1]["id"]})
    assert marked.status_code == 200
    assert await unread(member) == {
        "channel_id": channel,
        "last_read_message_id": messages[1]["id"],
        "unread": 1,
    }
    [newest, second, first] = await listed(ann, channel)
    assert (newest["read_by_user_ids"], second["read_by_user_ids"]) == ([], [me(member)])
    assert first["read_by_user_ids"] == [me(member)]
    await ann.delete(f"/v1/messages/{messages[2]['id']}")
    assert (await unread(member))["unread"] == 0
    missing = await put(member, f"/v1/channels/{channel}/read", {"message_id": str(uuid4())})
    assert missing.status_code == 404


async def test_a_mark_that_is_moved_on_one_device_counts_on_the_others(
    services: Services,
    ann: Api,
    member: Api,
    workspace: str,
    channel: str,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(catching_up, "WITHIN_SECONDS", 60)  # a busy machine projects late
    messages = [await say(ann, channel, str(n)) for n in range(4)]
    await listed(ann, channel)  # the rows have followed
    login = {"email": member.user["email"], "password": PASSWORD}
    phone = member.signed_in((await member.post("/v1/auth/login", login)).json())

    async def unread(device: Api) -> int:
        [entry] = (await device.get(f"{workspace}/unread")).json()["items"]
        return entry["unread"]

    for device, other, number, left in ((phone, member, 0, 3), (member, phone, 2, 1)):
        marked = await put(device, f"/v1/channels/{channel}/read", {"message_id": messages[number]["id"]})
        assert marked.status_code == 200
        # At once, though the rows of marks follow the document.
        assert (await unread(device), await unread(other)) == (left, left)

    principal = Principal(id=PrincipalId(me(member)), name="Bob")
    async with services.hub.join(DocumentName(f"channel:{channel}"), principal) as replica:
        assert channels.read_marks(replica.doc) == {me(member): messages[2]["id"]}
        channels.mark_read(replica.doc, me(member), messages[3]["id"])
        await replica.saved()

    async def are_none() -> bool:
        return (await unread(phone), await unread(member)) == (0, 0)

    await until(are_none)


async def test_a_device_that_was_offline_takes_no_mark_back(
    services: Services, ann: Api, member: Api, workspace: str, channel: str
):
    messages = [await say(ann, channel, str(n)) for n in range(4)]
    who = Principal(id=PrincipalId(me(member)), name="Bob")
    document = f"channel:{channel}"

    async def mark() -> tuple[str, int]:
        await listed(ann, channel)  # the rows have followed
        [entry] = (await member.get(f"{workspace}/unread")).json()["items"]
        return entry["last_read_message_id"], entry["unread"]

    async with services.hub.join(DocumentName(document), who) as replica:
        offline = pycrdt.Doc[Any](client_id=replica.doc.client_id + 1)  # the greater one wins
        offline.apply_update(replica.doc.get_update())
        before = offline.get_state()
        channels.mark_read(offline, me(member), messages[0]["id"])
        channels.mark_read(replica.doc, me(member), messages[2]["id"])
        await replica.saved()
        assert await mark() == (messages[2]["id"], 1)
        replica.doc.apply_update(offline.get_update(before))
        await replica.saved()
        assert channels.read_marks(replica.doc) == {me(member): messages[0]["id"]}
    assert await mark() == (messages[2]["id"], 1)
    [third] = (await ann.get(f"/v1/channels/{channel}/messages?limit=2")).json()["items"][1:]
    edited = await ann.patch(f"/v1/messages/{messages[2]['id']}", {"content": {"text": "x"}})
    assert third["read_by_user_ids"] == edited.json()["message"]["read_by_user_ids"] == [me(member)]

    # Whoever asks for it reads again, and then on.
    for number, left in ((1, 2), (0, 3), (3, 0)):
        body = {"message_id": messages[number]["id"]}
        assert (await put(member, f"/v1/channels/{channel}/read", body)).status_code == 200
        assert await mark() == (messages[number]["id"], left)


async def test_every_type_of_content_is_the_same_by_the_document_and_by_rest(
    services: Services, ann: Api, channel: str
):
    contents: list[tuple[Content, Content]] = [
        (Text("Olá"), Text("Oi")),
        (Markdown("**Olá**"), Markdown("*Oi*")),
        (FileAttachment("f1", "plan.pdf", "See page 2"), FileAttachment("f2")),
        (JsonProposal({"budget": {"ads": [1, 2.5, None]}}, "Budget"), JsonProposal({}, text="None")),
        (AgentCommandResponse("Done", "run", status="finished", data={"a": 1}), AgentCommandResponse("Ok")),
    ]
    assert {content.content_type for content, _ in contents} == CONTENT_TYPES.keys()

    async def shown(live_id: str, rest_id: str, content: object) -> list[dict[str, Any]]:
        """Wait until both have a content as they are read."""

        async def look() -> list[dict[str, Any]] | None:
            there = {message["id"]: message for message in await listed(ann, channel)}
            both = [there[id_] for id_ in (live_id, rest_id) if id_ in there]
            return both if [message["content"] for message in both] == [content, content] else None

        return await until(look)

    for content, other in contents:
        is_agents = content.content_type == "agent_command_response"
        sender = "system:test" if is_agents else me(ann)
        principal = Principal(id=PrincipalId(sender), name="x", kind="system" if is_agents else "user")
        async with services.hub.join(DocumentName(f"channel:{channel}"), principal) as replica:
            live_id, rest_id = str(services.database.new_id()), str(services.database.new_id())
            channels.post(
                replica.doc,
                live_id,
                content,
                sender_id=sender,
                sender_type="agent" if is_agents else "user",
                created_at=services.clock().isoformat(),
            )
            await replica.saved()
            body = {"content_type": content.content_type, "content": write_content(content)}
            if is_agents:  # people are refused; agents and the server come by what is behind REST
                await services.chat.post(f"channel:{channel}", principal, rest_id, content, None)
            else:
                posted = await ann.made(f"/v1/channels/{channel}/messages", body)
                rest_id = posted["message"]["id"]
            live, rest = await shown(live_id, rest_id, body["content"])
            assert live == {**rest, "id": live_id, "created_at": live["created_at"]}
            assert (live["sender_id"], live["content_type"]) == (sender, content.content_type)
            if is_agents:
                continue
            channels.edit(replica.doc, live_id, other, edited_at=services.clock().isoformat())
            await replica.saved()
            change = {"content_type": other.content_type, "content": write_content(other)}
            assert (await ann.patch(f"/v1/messages/{rest_id}", change)).status_code == 200
            live, rest = await shown(live_id, rest_id, change["content"])
            assert live["edited_at"] is not None is not rest["edited_at"]


async def test_a_file_that_a_member_posts_is_fetched_by_those_in_the_channel(
    ann: Api, member: Api, api: Api, workspace: str
):
    private = {"name": "plans", "type": "private", "member_user_ids": [member.user["id"]]}
    channel = await ann.made(f"{workspace}/channels", private)
    data = b"%PDF-1.7\nThe plan."
    sent = await member.request(
        "POST",
        f"{workspace}/files",
        params={"document": f"channel:{channel['id']}", "name": "plan.pdf"},
        content=data,
    )
    assert sent.status_code == 201, sent.text
    file = sent.json()
    content = {"file_id": file["id"], "name": file["name"], "text": "See page 2"}
    body = {"content_type": "file_attachment", "content": content}
    await member.made(f"/v1/channels/{channel['id']}/messages", body)

    [seen] = await listed(ann, channel["id"])
    assert (seen["content_type"], seen["content"], seen["sender_id"]) == (
        "file_attachment",
        content,
        me(member),
    )
    path = f"/v1/files/{seen['content']['file_id']}"
    fetched = await ann.get(f"{path}/content")
    assert (fetched.status_code, fetched.content) == (200, data)
    stranger = await api.sign_up("eve")

    async def is_shut_out() -> bool:
        answers = [await stranger.get(path + where) for where in ("", "/content", "/thumbnail")]
        answers += [await stranger.post(f"{path}/links", {}), await stranger.delete(path)]
        return {answer.status_code for answer in answers} == {404}

    assert await is_shut_out()
    await ann.made(f"{workspace}/members", {"email": stranger.user["email"], "role": "member"})
    assert await is_shut_out(), "being in the workspace is not being in the channel"


async def test_before_the_first_mark_the_list_and_the_inbox_count_alike(
    services: Services, ann: Api, bob: Api, workspace: str, channel: str, clock: Clock
):
    old = await say(ann, channel, "before Bob came")
    while (UUID(old["id"]).int >> 80) >= int(datetime.now(UTC).timestamp() * 1000):
        pass
    clock.now = datetime.now(UTC)
    await ann.made(f"{workspace}/members", {"email": "bob@example.com", "role": "member"})

    async def unread() -> tuple[int, int]:
        await listed(bob, channel)  # the rows have followed
        [entry] = (await bob.get(f"{workspace}/unread")).json()["items"]
        async with services.database.read() as uow:
            counts = (await read_inbox(uow, UUID(bob.user["id"]))).counts
        found = counts.get(f"channel:{channel}")
        return entry["unread"], found.messages if found else 0

    assert await unread() == (0, 0)
    await say(ann, channel, "after Bob came")
    assert await unread() == (1, 1)
    assert (await put(bob, f"/v1/channels/{channel}/read", {"message_id": old["id"]})).status_code == 200
    assert await unread() == (1, 1)


async def test_a_guest_has_a_read_mark_and_writes_nothing(ann: Api, bob: Api, workspace: str, channel: str):
    await ann.made(f"{workspace}/members", {"email": bob.user["email"], "role": "guest"})
    message = await say(ann, channel, "Hi")
    assert (await bob.post(f"/v1/channels/{channel}/messages", {"content": {"text": "x"}})).status_code == 403
    marked = await put(bob, f"/v1/channels/{channel}/read", {"message_id": message["id"]})
    assert marked.status_code == 200
    [seen] = await listed(ann, channel)
    assert seen["read_by_user_ids"] == [me(bob)]


async def test_archived_messages_are_read_and_changed_like_others(
    services: Services, ann: Api, member: Api, channel: str
):
    messages = [await say(ann, channel, str(n)) for n in range(7)]
    await put(ann, f"/v1/messages/{messages[1]['id']}/pin")
    await put(member, f"/v1/messages/{messages[0]['id']}/reactions/👍")
    before = await listed(ann, channel)
    assert await archiving(services).move_all() == 4
    async with services.hub.join(
        DocumentName(f"channel:{channel}"), Principal(id=PrincipalId(me(ann)), name="Ann")
    ) as replica:
        kept = [messages[number]["id"] for number in (1, 5, 6)]
        assert channels.message_ids(replica.doc) == kept
        assert channels.read_reactions(replica.doc) == []
    after = await listed(ann, channel, limit=2)
    assert [{**message, "archived_at": None} for message in after] == before
    assert [message["archived_at"] is None for message in after] == [
        message["id"] in kept for message in after
    ]

    path = f"/v1/messages/{messages[0]['id']}"
    edited = await ann.patch(path, {"content": {"text": "Better"}})
    assert edited.status_code == 200, edited.text
    assert edited.json()["message"]["content"] == {"text": "Better"}
    assert edited.json()["message"]["archived_at"] is not None
    assert (await member.patch(path, {"content": {"text": "forged"}})).json()["code"] == "rule_violated"
    await member.delete(f"{path}/reactions/👍")
    await put(member, f"{path}/reactions/🎉")
    await put(ann, f"{path}/pin")
    seen = (await ann.get(path)).json()
    assert seen["reactions"] == [{"emoji": "🎉", "user_ids": [me(member)]}]
    assert (seen["pinned_by"], seen["content"]) == (me(ann), {"text": "Better"})
    pins = (await ann.get(f"/v1/channels/{channel}/pins")).json()["items"]
    assert [pin["id"] for pin in pins] == [messages[1]["id"], messages[0]["id"]]
    assert (await ann.delete(path)).json()["message"]["deleted"] is True
    assert (await ann.patch(path, {"content": {"text": "x"}})).json()["message"]["deleted"] is True
    await member.delete(f"{path}/reactions/🎉")
    gone = (await ann.get(path)).json()
    assert (gone["content_type"], gone["content"], gone["reactions"]) == ("text", {}, [])
    reply = await ann.post(
        f"/v1/channels/{channel}/messages", {"content": {"text": "Late"}, "thread_id": messages[2]["id"]}
    )
    assert reply.status_code == 201, reply.text
    for thread_id in ("00000000-0000-7000-8000-000000000000", reply.json()["message"]["id"]):
        body = {"content": {"text": "Later"}, "thread_id": thread_id}
        refused = await ann.post(f"/v1/channels/{channel}/messages", body)
        assert refused.status_code in (409, 422), refused.text
    await listed(ann, channel)
    assert await archiving(services).move_all() == 1


async def test_the_receipt_of_an_archived_message_is_of_its_row(services: Services, ann: Api, channel: str):
    messages = [await say(ann, channel, str(n)) for n in range(3)]
    await listed(ann, channel)
    assert await archiving(services).move_all() == 1
    await listed(ann, channel)
    document = f"channel:{channel}"
    _, head = await services.update_log.extent(document)
    path = f"/v1/messages/{messages[0]['id']}"
    of_row = {"document": document, "position": head, "state_vector": "AA=="}
    for method, where, body in (
        ("PATCH", "", {"content": {"text": "Better"}}),
        ("PUT", "/reactions/👍", None),
        ("DELETE", "/reactions/👍", None),
        ("PUT", "/pin", None),
        ("DELETE", "/pin", None),
        ("DELETE", "", None),
    ):
        written = (await ann.request(method, f"{path}{where}", json=body)).json()
        assert written["receipt"] == of_row
        assert (await ann.get(path)).json() == written["message"], "the row is committed"
    again = (await ann.delete(path)).json()
    assert again["receipt"] == {**of_row, "position": None}, "nothing was to be written"
    assert await services.update_log.extent(document) == (0, head), "the log has none of it"


async def test_late_reactions_and_pins_find_archived_messages(services: Services, ann: Api, channel: str):
    messages = [await say(ann, channel, str(n)) for n in range(4)]
    await listed(ann, channel)
    await archiving(services).move_all()
    principal = Principal(id=PrincipalId(me(ann)), name="Ann")
    async with services.hub.join(DocumentName(f"channel:{channel}"), principal) as replica:
        first = messages[0]["id"]
        replica.doc.get(channels.REACTIONS, type=pycrdt.Map[Any])[f"{first}|👍|{me(ann)}"] = True
        channels.pin(replica.doc, first, me(ann))
        await replica.saved()
        await say(ann, channel, "One more")
        await listed(ann, channel)
        assert await archiving(services).move_all() == 1
        assert channels.read_reactions(replica.doc) == []
        assert channels.read_pins(replica.doc) == {}
    seen = (await ann.get(f"/v1/messages/{first}")).json()
    assert seen["reactions"] == [{"emoji": "👍", "user_ids": [me(ann)]}]
    assert seen["pinned_by"] == me(ann)


async def test_old_messages_leave_after_some_days(services: Services, ann: Api, channel: str):
    posted_at = services.clock() - timedelta(days=91)
    old_id = str(UUID(int=int(posted_at.timestamp() * 1000) << 80 | 7 << 76 | 2 << 62))
    principal = Principal(id=PrincipalId(me(ann)), name="Ann")
    async with services.hub.join(DocumentName(f"channel:{channel}"), principal) as replica:
        channels.post(
            replica.doc,
            old_id,
            Text("Said offline"),
            sender_id=me(ann),
            sender_type="user",
            created_at=posted_at.isoformat(),
        )
        await replica.saved()
    new = await say(ann, channel, "New")
    await listed(ann, channel)
    assert await archiving(services, live_messages=2000).move_all() == 1
    archived = {message["id"]: message["archived_at"] is not None for message in await listed(ann, channel)}
    assert archived == {old_id: True, new["id"]: False}


async def test_an_id_that_was_archived_is_nobody_elses_to_take(
    services: Services, ann: Api, member: Api, channel: str
):
    messages = [await say(ann, channel, str(n)) for n in range(3)]
    await listed(ann, channel)
    await archiving(services).move_all()
    first = messages[0]["id"]
    principal = Principal(id=PrincipalId(me(member)), name="Bob")
    async with services.hub.join(DocumentName(f"channel:{channel}"), principal) as replica:
        channels.post(
            replica.doc,
            first,
            Text("forged"),
            sender_id=me(member),
            sender_type="user",
            created_at=services.clock().isoformat(),
        )
        await replica.saved()
    seen = [message for message in await listed(ann, channel) if message["id"] == first]
    assert [(message["sender_id"], message["content"]) for message in seen] == [(me(ann), {"text": "0"})]
    assert UUID(first)


async def test_one_id_in_two_channels_is_ambiguous(
    services: Services, ann: Api, workspace: str, channel: str
):
    other = (await ann.made(f"{workspace}/channels", {"name": "other"}))["id"]
    message = await say(ann, channel, "Here")
    principal = Principal(id=PrincipalId(me(ann)), name="Ann")
    async with services.hub.join(DocumentName(f"channel:{other}"), principal) as replica:
        channels.post(
            replica.doc,
            message["id"],
            Text("There"),
            sender_id=me(ann),
            sender_type="user",
            created_at=services.clock().isoformat(),
        )
        await replica.saved()
    assert len(await listed(ann, other)) == 1
    path = f"/v1/messages/{message['id']}"
    assert (await ann.get(path)).json()["code"] == "ambiguous_message"
    found = await ann.get(path, params={"channel_id": other})
    assert found.json()["content"] == {"text": "There"}


async def test_a_round_that_was_killed_is_begun_again(services: Services, ann: Api, channel: str):
    messages = [await say(ann, channel, str(n)) for n in range(4)]
    await listed(ann, channel)
    async with services.database.transaction() as uow:  # and then the process died
        await uow.projected_messages.archive(UUID(channel), [UUID(messages[0]["id"])])
    path = f"/v1/messages/{messages[0]['id']}"
    await ann.patch(path, {"content": {"text": "still in the document"}})
    await listed(ann, channel)
    assert await archiving(services).move_all() == 2
    seen = await listed(ann, channel)
    assert [message["id"] for message in seen] == [message["id"] for message in messages[::-1]]
    assert seen[-1]["content"] == {"text": "still in the document"}


async def test_two_who_take_themselves_for_the_leader_move_each_message_once(
    services: Services, ann: Api, channel: str
):
    ids = [(await say(ann, channel, str(n)))["id"] for n in range(8)]
    await listed(ann, channel)
    moved = await asyncio.gather(*(archiving(services).move_all() for _ in range(3)))
    assert sum(moved) == 6
    seen = await listed(ann, channel)
    assert [message["id"] for message in seen] == ids[::-1]
    assert [message["archived_at"] is None for message in seen] == [True] * 2 + [False] * 6


class Killed(BaseException):
    """Ends a round as a crash would: nothing that stands behind it is done."""


@asynccontextmanager
async def archiving_beside(
    services: Services, person: Api, channel: str, ids: list[str]
) -> AsyncGenerator[tuple[Replica, Replica]]:
    """Take part in a channel as somebody and as the archivist, with rows of all messages."""
    await listed(person, channel)
    document = DocumentName(f"channel:{channel}")
    async with (
        services.hub.join(document, Principal(id=PrincipalId(me(person)), name="Ann")) as somebody,
        services.hub.join(document, ARCHIVIST) as archivist,
    ):
        channels.mark_read(
            somebody.doc, me(person), ids[0]
        )  # a first edit waits until its client id is known
        await somebody.saved()
        await services.chat.catch_up(document)
        yield somebody, archivist


@pytest.mark.parametrize("killed", ["before marking", "before removing", "after removing", "never"])
async def test_what_is_edited_just_before_a_message_leaves_is_in_its_row_whoever_is_killed(
    services: Services,
    ann: Api,
    channel: str,
    monkeypatch: pytest.MonkeyPatch,
    killed: str,
):
    """The archivist has not heard of the edit when it goes on, and the log has the edit first."""
    ids = [(await say(ann, channel, str(n)))["id"] for n in range(5)]
    async with archiving_beside(services, ann, channel, ids) as (person, replica):
        remove, saved = channels.remove, replica.saved

        def edit_at_last() -> None:
            channels.edit(person.doc, ids[0], Text("a last word"), edited_at=services.clock().isoformat())
            channels.react(person.doc, ids[1], "👍", me(ann))

        async def mark(*_: object) -> None:
            edit_at_last()
            raise Killed

        def remove_at_last(doc: pycrdt.Doc[Any], message_ids: Collection[str]) -> None:
            edit_at_last()
            if killed == "before removing":
                raise Killed
            remove(doc, message_ids)

        async def save() -> int:
            position = await saved()
            if killed == "after removing":
                raise Killed
            return position

        if killed == "before marking":
            monkeypatch.setattr(ProjectedMessages, "archive", mark)
        monkeypatch.setattr(channels, "remove", remove_at_last)
        monkeypatch.setattr(replica, "saved", save)
        with suppress(Killed):
            assert await services.message_archive.move(replica, ids[:3]) == 3
        monkeypatch.undo()
        await person.saved()
        assert channels.message_ids(replica.doc) == (ids if "before" in killed else ids[3:])
    if killed != "never":
        with suppress(Overtaken):  # another process was quicker than the next one
            another = Projector(services.database, services.update_log, Offload())
            await another.follow(f"channel:{channel}")
    await archiving(services).move_all()
    seen = (await listed(ann, channel))[::-1]
    assert [message["id"] for message in seen] == ids
    assert [message["content"]["text"] for message in seen] == ["a last word", "1", "2", "3", "4"]
    assert seen[1]["reactions"] == [{"emoji": "👍", "user_ids": [me(ann)]}]
    assert [message["archived_at"] is None for message in seen] == [False] * 3 + [True] * 2


async def test_what_is_changed_in_the_archive_is_not_undone_by_what_was_edited_before_it(
    services: Services, ann: Api, channel: str, monkeypatch: pytest.MonkeyPatch
):
    ids = [(await say(ann, channel, str(n)))["id"] for n in range(5)]
    async with archiving_beside(services, ann, channel, ids) as (person, replica):
        remove = channels.remove

        def edit_and_remove(doc: pycrdt.Doc[Any], message_ids: Collection[str]) -> None:
            channels.edit(person.doc, ids[0], Text("before"), edited_at=services.clock().isoformat())
            channels.react(person.doc, ids[0], "👍", me(ann))
            remove(doc, message_ids)

        monkeypatch.setattr(channels, "remove", edit_and_remove)
        assert await services.message_archive.move(replica, ids[:3]) == 3
    changed = await ann.patch(f"/v1/messages/{ids[0]}", {"content": {"text": "after"}})
    assert changed.status_code == 200, changed.text
    [seen] = [message for message in await listed(ann, channel) if message["id"] == ids[0]]
    assert seen["content"] == {"text": "after"}
    assert seen["reactions"] == [{"emoji": "👍", "user_ids": [me(ann)]}]


async def test_what_is_changed_by_rest_while_a_message_leaves_is_changed_in_the_archive(
    services: Services, ann: Api, channel: str
):
    """The document of who changes it has the message still, and the log has its leaving first."""
    ids = [(await say(ann, channel, str(n)))["id"] for n in range(3)]
    await listed(ann, channel)
    document, principal = DocumentName(f"channel:{channel}"), Principal(id=PrincipalId(me(ann)), name="Ann")
    async with services.database.transaction() as uow:
        await uow.projected_messages.archive(UUID(channel), [UUID(ids[0])])
    async with services.hub.join(document, ARCHIVIST) as replica:

        def remove_and_edit(doc: pycrdt.Doc[Any], message_id: str) -> None:
            channels.remove(replica.doc, [message_id])
            channels.edit(doc, message_id, Text("in time"), edited_at=services.clock().isoformat())

        written = await services.chat.change(document, principal, ids[0], remove_and_edit)
    assert written.result.message.text == "in time"
    assert written.result.archived_at is not None
    seen = (await listed(ann, channel))[::-1]
    assert [message["content"]["text"] for message in seen] == ["in time", "1", "2"]
