"""What people are told of what happens: who, how, and what they want to hear nothing of."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, insert, select, text

from blocks.channel import mark_read
from blocks.channel import post as write_message
from blocks.channel_content import Text
from blocks.inbox import Count
from crdt.ports import DocumentName, Principal, PrincipalId
from server.background.notifications import ROWS_AT_ONCE, Notifications
from server.bootstrap import Services
from server.notifications.inboxes import read_inbox
from storage.engine import Database
from storage.event_feed import EventFeed
from storage.ids import Uuid7
from storage.models import Channel, ChannelPreference, Event, Membership, Notification, User
from storage.unit_of_work import UnitOfWork
from tests.server.api import PASSWORD, Api
from tests.server.conftest import Clock
from tests.server.specimens import DEFINITION
from tests.server.test_consumers import following
from tests.services.databases import add_workspace
from tests.waiting import until

MESSAGES = iter(range(1_000_000))

new_id = Uuid7()


def message_id() -> str:
    return f"01980000-0000-7000-8000-{next(MESSAGES):012x}"


async def happen(
    database: Database,
    workspace: str,
    type: str,
    payload: dict[str, Any],
    *,
    actor: str | None = None,
    subject: str | None = None,
    times: int = 1,
) -> None:
    """Append an event, as the part of the server does that it comes from."""
    async with database.transaction() as uow:
        for _ in range(times):
            await uow.events.append(UUID(workspace.rpartition("/")[2]), type, actor, subject, payload)


async def say(
    database: Database,
    workspace: str,
    channel: str,
    who: Api,
    *mentioned: Api,
    everybody: bool = False,
    thread_id: str | None = None,
) -> str:
    """Let a message be posted; return its id."""
    new = message_id()
    mentions = [{"kind": "user", "id": person.user["id"]} for person in mentioned]
    if everybody:
        mentions.append({"kind": "channel", "id": channel})
    payload = {
        "channel_id": channel,
        "message_id": new,
        "sender_id": me(who),
        "sender_type": "user",
        "content_type": "text",
        "thread_id": thread_id,
        "mentions": mentions,
    }
    subject = f"channel:{channel}"
    await happen(database, workspace, "message.posted", payload, actor=me(who), subject=subject)
    return new


def me(who: Api) -> str:
    return f"user:{who.user['id']}"


async def told(who: Api, count: int = 1, **query: Any) -> list[dict[str, Any]]:
    """Wait until somebody has been told so much; return it, the newest first."""

    async def look() -> tuple[list[dict[str, Any]]] | None:
        items = (await who.get("/v1/notifications", params={"limit": 200, **query})).json()["items"]
        return (items,) if len(items) >= count else None

    (items,) = await until(look)
    assert len(items) == count, items
    return items


async def nothing_more(feed: EventFeed, database: Database) -> None:
    """Wait until all events are told."""

    async def are_told() -> bool:
        await feed.cursors.flush()
        async with database.read() as uow:
            return not await uow.consumers.behind("notifications", after=None, limit=1)

    await until(are_told)


@pytest.fixture
async def member(ann: Api, bob: Api, workspace: str) -> Api:
    """Bob, in Ann's workspace, who has read that he was added to it."""
    await ann.made(f"{workspace}/members", {"email": "bob@example.com", "role": "member"})
    assert [one["kind"] for one in await told(bob)] == ["membership"]
    assert (await bob.post("/v1/notifications/read", {})).json() == {"marked": 1}
    return bob


@pytest.fixture
async def channel(ann: Api, workspace: str) -> str:
    return (await ann.made(f"{workspace}/channels", {"name": "general"}))["id"]


async def private(ann: Api, workspace: str, *members: Api) -> str:
    people = [person.user["id"] for person in members]
    body = {"name": "secret", "type": "private", "member_user_ids": people}
    return (await ann.made(f"{workspace}/channels", body))["id"]


async def unread(who: Api, count: int = 1) -> list[dict[str, Any]]:
    return await told(who, count, unread="true")


async def choose(who: Api, **body: Any) -> dict[str, Any]:
    answer = await who.put("/v1/notification-preferences", body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_mention_is_told_once_to_whom_it_is_meant_for(
    services: Services, database: Database, ann: Api, member: Api, workspace: str, channel: str
):
    new = await say(database, workspace, channel, ann, member, ann)
    (found,) = await unread(member)
    assert found["kind"] == "mention"
    assert (found["actor"], found["subject"]) == (me(ann), f"channel:{channel}")
    assert found["details"] == {"message_id": new}
    assert found["read_at"] is None
    await nothing_more(services.feed, database)
    assert (await ann.get("/v1/notifications")).json()["items"] == [], "nobody is told of their own doings"


async def test_events_that_come_again_are_told_once(
    database: Database, ann: Api, member: Api, workspace: str, channel: str
):
    await say(database, workspace, channel, ann, member)
    await unread(member)
    async with database.transaction() as uow:
        id_ = UUID(workspace.rpartition("/")[2])
        seen = await uow.consumers.position("notifications", id_)
        assert await uow.consumers.advance("notifications", id_, seen=seen, done=0)
    await say(database, workspace, channel, ann, member)
    await unread(member, 2)


async def test_what_is_read_is_read_on_all_devices(
    database: Database, api: Api, ann: Api, member: Api, workspace: str, channel: str, clock: Clock
):
    for _ in range(3):
        await say(database, workspace, channel, ann, member)
    newest, _, oldest = await unread(member, 3)
    phone = api.signed_in(
        (await api.post("/v1/auth/login", {"email": "bob@example.com", "password": PASSWORD})).json()
    )
    first = (await phone.post(f"/v1/notifications/{oldest['id']}/read")).json()
    assert first["read_at"]
    clock.forward(minutes=1)
    assert (await member.post(f"/v1/notifications/{oldest['id']}/read")).json() == first
    assert (await ann.post(f"/v1/notifications/{newest['id']}/read")).status_code == 404
    await say(database, workspace, channel, ann, member)
    await unread(member, 3)
    marks = {"up_to": newest["id"], "subject": f"channel:{channel}", "workspace_id": first["workspace_id"]}
    assert (await phone.post("/v1/notifications/read", marks)).json() == {"marked": 2}
    assert len(await unread(member)) == 1, "what came later was not seen"
    assert (await phone.post("/v1/notifications/read", {})).json() == {"marked": 1}
    assert await unread(member, 0) == []


async def test_the_list_is_read_part_by_part(
    database: Database, ann: Api, member: Api, workspace: str, channel: str
):
    for _ in range(5):
        await say(database, workspace, channel, ann, member)
    everything = await unread(member, 5)
    cursor, found = "", []
    while cursor is not None:
        part = (
            await member.get(f"/v1/notifications?unread=true&limit=2{cursor and '&cursor=' + cursor}")
        ).json()
        found += part["items"]
        cursor = part["next_cursor"]
    assert found == everything


async def test_nobody_is_told_of_what_they_may_not_see(
    services: Services, database: Database, api: Api, ann: Api, member: Api, workspace: str
):
    zoe = await api.sign_up("zoe")
    secret = await private(ann, workspace)
    await say(database, workspace, secret, ann, member, zoe, everybody=True)
    page = await ann.made(f"{workspace}/pages", {"title": "Salaries"})
    restricted = await ann.patch(f"/v1/pages/{page['id']}/access", {"mode": "restricted"})
    assert restricted.status_code == 200
    payload = {"page_id": page["id"], "block_id": "b", "user_id": member.user["id"]}
    await happen(database, workspace, "page.mentioned", payload, actor=me(ann), subject=page["document"])
    await nothing_more(services.feed, database)
    assert await unread(member, 0) == []
    assert await told(zoe, 0) == []


async def test_rights_are_asked_when_it_is_told(
    services: Services, database: Database, ann: Api, member: Api, workspace: str, channel: str
):
    await ann.delete(f"{workspace}/members/{member.user['id']}")
    await say(database, workspace, channel, ann, member)
    await nothing_more(services.feed, database)
    assert await unread(member, 0) == []


async def test_a_deactivated_account_is_told_nothing(
    services: Services, database: Database, ann: Api, member: Api, workspace: str, channel: str
):
    assert (await member.post("/v1/me/deactivate", {"password": PASSWORD})).status_code == 204
    await say(database, workspace, channel, ann, member)
    await nothing_more(services.feed, database)
    async with database.read() as uow:
        rows = await uow.notifications.list_of_user(UUID(member.user["id"]), unread=True, limit=10)
    assert not rows


async def test_a_direct_message_is_told_without_a_mention(
    database: Database, ann: Api, member: Api, workspace: str
):
    body = {"user_ids": [member.user["id"]]}
    direct = (await ann.post(f"{workspace}/direct-messages", body)).json()["id"]
    await say(database, workspace, direct, ann)
    assert (await unread(member))[0]["kind"] == "direct_message"
    await say(database, workspace, direct, ann, member)
    assert (await unread(member, 2))[0]["kind"] == "mention"


async def post(
    services: Services, channel: str, who: Api, *mentioned: Api, thread_id: str | None = None
) -> str:
    """Write a message into the channel's document, as somebody; return its id."""
    new = str(new_id())
    words = [f"@[{person.user['name']}](user:{person.user['id']})" for person in mentioned]
    principal = Principal(id=PrincipalId(me(who)), name=who.user["name"])
    async with services.hub.join(DocumentName(f"channel:{channel}"), principal) as peer:
        write_message(
            peer.doc,
            new,
            Text(" ".join(["Hello", *words])),
            sender_id=me(who),
            sender_type="user",
            created_at=services.clock().isoformat(),
            thread_id=thread_id,
        )
        await peer.saved()
    return new


async def test_answers_are_told_to_those_who_are_in_the_thread(
    services: Services, api: Api, ann: Api, member: Api, workspace: str, channel: str
):
    zoe, cem = await api.sign_up("zoe"), await api.sign_up("cem")
    for person in (zoe, cem):
        await ann.made(f"{workspace}/members", {"email": person.user["email"], "role": "member"})
        await told(person)
    first = await post(services, channel, member)
    await post(services, channel, zoe, thread_id=first)
    (found,) = await unread(member)
    assert (found["kind"], found["details"]["thread_id"]) == ("reply", first)
    await post(services, channel, ann, zoe, thread_id=first)
    assert [one["kind"] for one in await unread(member, 2)] == ["reply", "reply"]
    assert (await told(zoe, 2))[0]["kind"] == "mention"
    assert (await ann.get("/v1/notifications")).json()["items"] == []
    await told(cem, 1)


async def read_counts(services: Services, who: Api) -> dict[str, Any]:
    async with services.database.read() as uow:
        return dict((await read_inbox(uow, UUID(who.user["id"]))).counts)


async def test_messages_are_unread_until_the_read_mark_passes_them(
    services: Services, ann: Api, member: Api, workspace: str, channel: str
):
    name = f"channel:{channel}"
    ids = [await post(services, channel, ann) for _ in range(3)]
    await post(services, channel, ann, member)
    await unread(member)
    assert (await read_counts(services, member))[name] == Count(messages=4, notifications=1)
    assert name not in await read_counts(services, ann), "what one has said oneself is read"
    principal = Principal(id=PrincipalId(me(member)), name="Bob")
    async with services.hub.join(DocumentName(name), principal) as peer:
        mark_read(peer.doc, me(member), ids[1])
        await peer.saved()

    async def are_two() -> bool:
        return (await read_counts(services, member))[name].messages == 2

    await until(are_two)


async def test_a_whole_channel_is_told_at_most_once_a_minute(
    services: Services, database: Database, ann: Api, member: Api, workspace: str, channel: str, clock: Clock
):
    for _ in range(5):
        await say(database, workspace, channel, ann, everybody=True)
    clock.forward(seconds=61)
    await say(database, workspace, channel, ann, everybody=True)
    kinds = [one["kind"] for one in await unread(member, 2)]
    assert kinds == ["channel_mention", "channel_mention"]
    await nothing_more(services.feed, database)
    await unread(member, 2)
    assert (await ann.get("/v1/notifications")).json()["items"] == []


async def test_shares_and_invitations_are_told(
    database: Database, api: Api, ann: Api, member: Api, workspace: str
):
    page = await ann.made(f"{workspace}/pages", {"title": "Plan"})
    zoe = await api.sign_up("zoe")
    for email in ("zoe@example.com", "bob@example.com"):
        await ann.made(f"/v1/pages/{page['id']}/grants", {"email": email, "level": "write"})
    assert [(one["kind"], one["subject"]) for one in await told(zoe)] == [("share", page["document"])]
    assert (await unread(member))[0]["details"] == {"level": "write"}
    secret = await private(ann, workspace, member)
    assert (await unread(member, 2))[0]["kind"] == "channel_invitation"
    other = await private(ann, workspace)
    added = await ann.post(f"/v1/channels/{other}/members", {"user_id": member.user["id"]})
    assert added.status_code == 200
    found = await unread(member, 3)
    assert [one["subject"] for one in found[:2]] == [f"channel:{other}", f"channel:{secret}"]


async def test_who_is_added_to_a_new_channel_is_told_once(
    services: Services, database: Database, ann: Api, member: Api, workspace: str
):
    secret = await private(ann, workspace, member)
    await unread(member, 1)
    # Both are there before anybody is told of the first.
    async with database.transaction() as uow:
        place, subject = UUID(workspace.rpartition("/")[2]), f"channel:{secret}"
        await uow.events.append(place, "channel.created", me(ann), subject, {"type": "private"})
        added = {"user_id": member.user["id"]}
        await uow.events.append(place, "channel_member.added", me(ann), subject, added)
    await nothing_more(services.feed, database)
    await unread(member, 2)


async def test_runs_and_approvals_are_told(database: Database, ann: Api, member: Api, workspace: str):
    agent = await member.made(f"{workspace}/agents", {"name": "Wizard", "agent_definition_id": DEFINITION})
    run = {"run_id": message_id(), "agent_id": agent["id"]}
    await happen(database, workspace, "agent.run.finished", {**run, "status": "error"}, actor="agent:x")
    wanted = {**run, "question": "Send it?", "user_ids": [ann.user["id"], member.user["id"]]}
    await happen(database, workspace, "agent.approval.wanted", wanted, actor="agent:x")
    approval, finished = await unread(member, 2)
    assert (finished["kind"], finished["details"]["status"]) == ("run_finished", "error")
    assert (approval["kind"], approval["details"]["question"]) == ("approval_wanted", "Send it?")
    assert finished["subject"] == approval["subject"] == f"agent:{agent['id']}"
    assert [one["kind"] for one in await told(ann)] == ["approval_wanted"]


async def test_those_who_manage_webhooks_are_told_that_one_paused_by_itself(
    services: Services, database: Database, ann: Api, member: Api, workspace: str
):
    await ann.patch(f"{workspace}/members/{member.user['id']}", {"role": "admin"})
    webhook = await member.made(f"{workspace}/webhooks", {"url": "https://example.invalid/hook"})
    subject = f"webhook:{webhook['id']}"
    await happen(database, workspace, "webhook.paused", {"reason": "failing"}, subject=subject)
    assert (await unread(member))[0]["details"] == {"reason": "failing", "url": webhook["url"]}
    assert [one["kind"] for one in await told(ann)] == ["webhook_paused"]
    payload = {"reason": "by_hand"}
    await happen(database, workspace, "webhook.paused", payload, actor=me(member), subject=subject)
    await nothing_more(services.feed, database)
    await unread(member, 1)
    await told(ann, 1)


async def test_what_is_done_by_ones_own_key_is_not_told(
    services: Services, database: Database, ann: Api, member: Api, workspace: str, channel: str
):
    body = {"name": "Robot", "scopes": ["*:write"]}
    key = await member.made(f"{workspace}/api-keys", body)
    payload = {
        "channel_id": channel,
        "message_id": message_id(),
        "sender_id": f"key:{key['id']}",
        "mentions": [{"kind": "user", "id": member.user["id"]}],
    }
    await happen(database, workspace, "message.posted", payload, actor=f"key:{key['id']}")
    await nothing_more(services.feed, database)
    assert await unread(member, 0) == []


async def test_an_event_that_cannot_be_read_holds_nobody_up(
    database: Database, ann: Api, member: Api, workspace: str, channel: str
):
    for payload in ({}, {"channel_id": 7}, {"channel_id": "x", "message_id": None, "mentions": "y"}):
        for type in ("message.posted", "page.mentioned", "agent.run.finished", "agent.approval.wanted"):
            await happen(database, workspace, type, payload, actor="nobody", subject="nothing")
    for type in ("grant.created", "member.added", "channel.created", "webhook.paused"):
        await happen(database, workspace, type, {"user_id": member.user["id"], "type": "private"})
    await say(database, workspace, channel, ann, member)
    assert (await unread(member))[0]["kind"] == "mention"


async def test_one_chooses_what_one_is_told(
    services: Services, database: Database, ann: Api, member: Api, workspace: str, channel: str
):
    found = (await member.get("/v1/notification-preferences")).json()
    assert (found["mail"], found["time_zone"], found["digest_hour"]) == ("immediate", "UTC", 9)
    assert found["events"]["mention"] == "mail"
    chosen = await choose(member, events={"mention": "nothing"}, time_zone="Europe/Vienna")
    assert chosen == (await member.get("/v1/notification-preferences")).json()
    assert (chosen["events"]["mention"], chosen["events"]["reply"]) == ("nothing", "mail")
    await say(database, workspace, channel, ann, member)
    await nothing_more(services.feed, database)
    assert await unread(member, 0) == []
    await choose(member, channels=[{"channel_id": channel, "level": "all"}])
    await say(database, workspace, channel, ann)
    assert (await unread(member))[0]["kind"] == "message"
    await choose(member, channels=[{"channel_id": channel, "level": "nothing"}])
    await say(database, workspace, channel, ann, member)
    await nothing_more(services.feed, database)
    await unread(member, 1)


async def test_what_cannot_be_chosen_is_refused(ann: Api, member: Api, workspace: str):
    secret = await private(ann, workspace)
    for body in (
        {"time_zone": "Mars/Olympus"},
        {"time_zone": "../../etc/passwd"},
        {"digest_hour": 24},
        {"mail": "never"},
        {"events": {"mentions": "mail"}},
        {"events": {"mention": "sms"}},
        {"channels": [{"channel_id": secret, "level": "all"}]},
        {"channels": [{"channel_id": "x", "level": "all"}]},
        {"colour": "red"},
    ):
        answer = await member.put("/v1/notification-preferences", body)
        assert answer.status_code in (400, 422), body
    assert (await member.get("/v1/notification-preferences")).json()["channels"] == []


async def mute(who: Api, document: str, **body: Any) -> Any:
    return await who.put("/v1/notification-mutes", {"document": document, **body})


async def test_a_mute_ends_at_its_time(
    services: Services, database: Database, ann: Api, member: Api, workspace: str, channel: str, clock: Clock
):
    until = (clock() + timedelta(minutes=10)).isoformat()
    muted = (await mute(member, f"channel:{channel}", until=until)).json()
    await say(database, workspace, channel, ann, member)
    await nothing_more(services.feed, database)
    assert await unread(member, 0) == []
    clock.forward(minutes=11)
    await say(database, workspace, channel, ann, member)
    await unread(member, 1)
    again = (await mute(member, f"channel:{channel}")).json()
    assert (again["id"], again["until"]) == (muted["id"], None)
    await say(database, workspace, channel, ann, member)
    await nothing_more(services.feed, database)
    await unread(member, 1)
    assert (await member.get("/v1/notification-mutes")).json()["items"] == [again]
    path = f"/v1/notification-mutes/{muted['id']}"
    assert (await ann.delete(path)).status_code == 404
    assert (await member.delete(path)).status_code == 204
    assert (await member.delete(path)).status_code == 404
    await say(database, workspace, channel, ann, member)
    await unread(member, 2)


async def test_a_page_is_muted_too_but_only_one_that_is_seen(
    services: Services, database: Database, ann: Api, member: Api, workspace: str
):
    page = await ann.made(f"{workspace}/pages", {"title": "Plan"})
    assert (await mute(member, page["document"])).status_code == 200
    payload = {"page_id": page["id"], "block_id": "b", "user_id": member.user["id"]}
    await happen(database, workspace, "page.mentioned", payload, actor=me(ann), subject=page["document"])
    await nothing_more(services.feed, database)
    assert await unread(member, 0) == []
    hidden = await mute(member, f"channel:{await private(ann, workspace)}")
    assert (hidden.status_code, hidden.json()["code"]) == (422, "invalid_reference")


async def test_a_storm_holds_nobody_up(
    services: Services, database: Database, api: Api, ann: Api, member: Api, workspace: str, channel: str
):
    """A thousand mentions, and `@channel` to 5,000 people: others are told in time."""
    place = UUID(workspace.rpartition("/")[2])
    await _fill(database, place, 5000)
    zoe = await api.sign_up("zoe")
    elsewhere = f"/v1/workspaces/{(await zoe.made('/v1/workspaces', {'name': 'Elsewhere'}))['id']}"
    other = (await zoe.made(f"{elsewhere}/channels", {"name": "general"}))["id"]
    await zoe.made(f"{elsewhere}/members", {"email": "ann@example.com", "role": "member"})
    await told(ann)
    mention = {
        "channel_id": channel,
        "message_id": message_id(),
        "sender_id": me(ann),
        "mentions": [
            {"kind": "user", "id": member.user["id"]},
            {"kind": "channel", "id": channel},
        ],
    }
    await happen(database, workspace, "message.posted", mention, actor=me(ann), times=1000)
    await say(database, elsewhere, other, zoe, ann)
    between, _ = await told(ann, 2)
    await nothing_more(services.feed, database)
    async with database.read() as uow:
        rows = await uow.notifications.list_of_user(UUID(member.user["id"]), limit=2000)
        assert len(rows) == 1001
        assert UUID(between["id"]) < rows[500].id, "the other workspace had its turn in the middle of it"
        count = await uow.session.scalar(
            text("SELECT count(*) FROM notifications WHERE kind = 'channel_mention'")
        )
    assert count == 5000, "each was told once"


class Counting(Notifications):
    """Writes down how many rows each of its transactions wrote."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    async def handle(self, uow: UnitOfWork, events: Sequence[Event]) -> int:
        before = await uow.session.scalar(select(func.count()).select_from(Notification))
        done = await super().handle(uow, events)
        after = await uow.session.scalar(select(func.count()).select_from(Notification))
        self.sizes.append((after or 0) - (before or 0))
        return done


async def test_many_who_hear_everything_are_told_in_small_transactions(database: Database):
    """Nobody is left out, told twice, or told of the second message before all were of the first."""
    place, sender = await add_workspace(database)
    people = await _fill(database, place, ROWS_AT_ONCE * 3 // 2)
    channel = Channel(
        id=database.new_id(),
        workspace_id=place,
        name="general",
        type="public",
        created_by_user_id=sender,
        created_at=database.clock(),
        updated_at=database.clock(),
    )
    counting = Counting()
    async with database.transaction() as uow:
        await uow.consumers.register(counting.name, counting.beginning)
        uow.session.add(channel)
        await uow.session.flush()
        levels = [{"user_id": one, "channel_id": channel.id, "level": "all"} for one in people]
        await uow.session.execute(insert(ChannelPreference), levels)
        for _ in range(2):
            payload = {
                "channel_id": str(channel.id),
                "message_id": message_id(),
                "sender_id": f"user:{sender}",
            }
            await uow.events.append(
                place, "message.posted", f"user:{sender}", f"channel:{channel.id}", payload
            )
    async with following(database, counting) as feed:
        await nothing_more(feed, database)
    assert counting.sizes == [ROWS_AT_ONCE] * 3
    async with database.read() as uow:
        rows = (await uow.session.execute(select(Notification.user_id, Notification.position))).all()
    assert sorted((row[1], row[0]) for row in rows) == [(n, one) for n in (1, 2) for one in sorted(people)]


async def _fill(database: Database, workspace_id: UUID, count: int) -> list[UUID]:
    """Make many people members of a workspace; return them."""
    async with database.transaction() as uow:
        people = [uow.new_id() for _ in range(count)]
        for start in range(0, count, 1000):
            some = people[start : start + 1000]
            await uow.session.execute(
                insert(User),
                [
                    {
                        "id": id_,
                        "email": f"{id_}@example.org",
                        "name": "N",
                        "password_hash": "-",
                        "profile_info": {},
                        "created_at": uow.now,
                        "updated_at": uow.now,
                    }
                    for id_ in some
                ],
            )
            await uow.session.execute(
                insert(Membership),
                [
                    {"workspace_id": workspace_id, "user_id": id_, "role": "member", "created_at": uow.now}
                    for id_ in some
                ],
            )
    return people
