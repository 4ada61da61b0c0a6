"""Mails of what people were told: at once or once a day, together, until one ends them."""

from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any
from uuid import UUID

import msgspec
import pytest

from integrations.mail.models import Mail
from server.bootstrap import Services
from server.notifications.kinds import DELIVERIES, next_digest
from server.notifications.letters import Addressee, Names, write_letter
from server.notifications.unsubscribing import Unsubscribing
from server.settings import Settings
from storage.engine import Database
from storage.models import Notification
from storage.repositories.mails import ANY_DUE
from storage.repositories.notifications import TO_BE_MAILED
from tests.server.api import Api
from tests.server.conftest import Clock
from tests.server.test_notifications import choose, mute, nothing_more, private, say, unread
from tests.services.smtp import MailServer, html_of, text_of
from tests.waiting import until

ANN, HOME, STUDIO = (UUID(int=n) for n in range(3))


@pytest.fixture
def settings(settings: Settings, mail_server: MailServer) -> Settings:
    return msgspec.structs.replace(
        settings,
        smtp_host="127.0.0.1",
        smtp_port=mail_server.port,
        smtp_security="none",
        mail_from="flux@example.org",
        public_url="https://flux.example",
    )


@pytest.fixture
async def member(services: Services, ann: Api, bob: Api, workspace: str, database: Database) -> Api:
    """Bob, in Ann's workspace, whose address is proved and who has read what he was told."""
    await ann.made(f"{workspace}/members", {"email": "bob@example.com", "role": "member"})
    await unread(bob)
    await bob.post("/v1/notifications/read", {})
    await nothing_to_mail(services)
    async with database.transaction() as uow:
        user = await uow.users.get(UUID(bob.user["id"]))
        assert user is not None
        await uow.users.set_verified(user)
    return bob


@pytest.fixture
async def channel(ann: Api, workspace: str) -> str:
    return (await ann.made(f"{workspace}/channels", {"name": "general"}))["id"]


async def news(mail_server: MailServer) -> EmailMessage:
    """Return the next mail that nobody asked for."""
    while True:
        mail = await mail_server.next_mail()
        if mail["list-unsubscribe"]:
            return mail


async def nothing_to_mail(services: Services) -> None:
    """Wait until all mails that are due are taken."""
    await nothing_more(services.feed, services.database)

    async def are_taken() -> bool:
        database = services.database
        now = database.clock()
        return not await database.look(TO_BE_MAILED, now=now, limit=1) and not await database.look(
            ANY_DUE, now=now
        )

    await until(are_taken)


def count_news(mail_server: MailServer) -> int:
    return sum(b"List-Unsubscribe:" in (envelope.content or b"") for envelope in mail_server.envelopes)  # pyright: ignore[reportOperatorIssue]  (bytes, as the server is set up)


async def test_a_mention_is_mailed_at_once_in_text_and_html(
    database: Database, ann: Api, member: Api, workspace: str, channel: str, mail_server: MailServer
):
    await say(database, workspace, channel, ann, member)
    mail = await news(mail_server)
    assert mail["to"] == "bob@example.com"
    assert mail["subject"] == "Ann mentioned you in #general (Ours)"
    assert "Ours\n====\n\n- Ann mentioned you in #general\n" in text_of(mail)
    assert "<h2>Ours</h2>" in html_of(mail)
    assert "- Ann mentioned you in #general" in html_of(mail)


async def test_a_storm_is_two_mails(
    services: Services,
    database: Database,
    ann: Api,
    member: Api,
    workspace: str,
    channel: str,
    mail_server: MailServer,
    clock: Clock,
):
    await say(database, workspace, channel, ann, member)
    await news(mail_server)
    for _ in range(60):
        await say(database, workspace, channel, ann, member)
    await nothing_to_mail(services)
    assert count_news(mail_server) == 1
    clock.forward(minutes=5, seconds=1)
    mail = await news(mail_server)
    assert mail["subject"] == "60 notifications from Ours"
    assert text_of(mail).count("- Ann mentioned you") == 50
    assert "And 10 more, in your inbox." in text_of(mail)
    await nothing_to_mail(services)
    assert count_news(mail_server) == 2


async def test_a_digest_comes_once_a_day_at_the_hour_of_ones_time_zone(
    services: Services,
    database: Database,
    ann: Api,
    member: Api,
    workspace: str,
    channel: str,
    mail_server: MailServer,
    clock: Clock,
):
    clock.now = datetime(2026, 7, 1, 20, tzinfo=UTC)
    await choose(member, mail="daily", digest_hour=8, time_zone="Europe/Vienna")
    elsewhere = f"/v1/workspaces/{(await ann.made('/v1/workspaces', {'name': 'Attic'}))['id']}"
    await ann.made(f"{elsewhere}/members", {"email": "bob@example.com", "role": "member"})
    await unread(member, 1)
    await say(database, workspace, channel, ann, member)
    await unread(member, 2)
    await nothing_to_mail(services)
    clock.now = datetime(2026, 7, 2, 5, 59, tzinfo=UTC)
    await nothing_to_mail(services)
    assert count_news(mail_server) == 0
    clock.now = datetime(2026, 7, 2, 6, 0, 1, tzinfo=UTC)
    mail = await news(mail_server)
    assert mail["subject"] == "Your day in Attic and 1 more"
    text = text_of(mail)
    assert text.index("Attic\n=====\n\n- Ann added you") < text.index("Ours\n====\n\n- Ann mentioned you")


async def test_what_was_read_or_muted_or_lost_from_sight_is_not_mailed(
    services: Services,
    database: Database,
    ann: Api,
    member: Api,
    workspace: str,
    channel: str,
    mail_server: MailServer,
    clock: Clock,
):
    await choose(member, mail="daily", channels=[])
    secret, loud = await private(ann, workspace, member), await private(ann, workspace, member)
    for where in (channel, secret, loud):
        await say(database, workspace, where, ann, member)
    await unread(member, 5)
    assert (await mute(member, f"channel:{loud}")).status_code == 200
    assert (await ann.delete(f"/v1/channels/{secret}/members/{member.user['id']}")).status_code == 204
    await member.post("/v1/notifications/read", {"subject": f"channel:{channel}"})
    clock.forward(days=1)
    await nothing_to_mail(services)
    assert count_news(mail_server) == 0


async def test_an_address_that_is_not_proved_gets_none(
    services: Services, database: Database, ann: Api, bob: Api, workspace: str, mail_server: MailServer
):
    await ann.made(f"{workspace}/members", {"email": "bob@example.com", "role": "member"})
    await unread(bob)
    await nothing_to_mail(services)
    assert count_news(mail_server) == 0


async def test_one_click_ends_these_mails_and_nothing_else(
    services: Services,
    database: Database,
    api: Api,
    ann: Api,
    member: Api,
    workspace: str,
    channel: str,
    mail_server: MailServer,
    clock: Clock,
):
    await say(database, workspace, channel, ann, member)
    mail = await news(mail_server)
    url = str(mail["list-unsubscribe"]).strip("<>")
    assert mail["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"
    assert url.startswith("https://flux.example/v1/notification-mails/unsubscribe?token=")
    assert "https://flux.example/account#unsubscribe=" in text_of(mail)
    # As a mail program sends it (RFC 8058, 3.2): a form, without any credential.
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    path = url.removeprefix("https://flux.example")
    answer = await api.request("POST", path, content=b"List-Unsubscribe=One-Click", headers=form)
    assert answer.status_code == 204
    assert (await member.get("/v1/notification-preferences")).json()["mail"] == "off"
    clock.forward(minutes=10)
    await say(database, workspace, channel, ann, member)
    await unread(member, 2)
    await nothing_to_mail(services)
    assert count_news(mail_server) == 1
    for made_up in ("x", "", path.partition("=")[2][:-1] + "!", "é." + "a" * 43):
        answer = await api.request("POST", f"/v1/notification-mails/unsubscribe?token={made_up}")
        assert answer.status_code == 422


def test_a_token_is_good_for_one_person_and_one_installation():
    ours, theirs = Unsubscribing(b"a" * 32, "https://x"), Unsubscribing(b"b" * 32, "https://x")
    token = ours.token(ANN)
    assert ours.read(token) == ANN
    assert theirs.read(token) is None
    assert ours.read(token.replace(ANN.hex, HOME.hex)) is None
    assert ours.read(token.upper()) is None


@pytest.mark.parametrize(
    ("now", "zone", "expected"),
    [
        ("2026-07-01T06:59:59Z", "Europe/Vienna", "2026-07-01T07:00:00Z"),
        ("2026-07-01T07:00:00Z", "Europe/Vienna", "2026-07-02T07:00:00Z"),
        ("2026-03-28T12:00:00Z", "Europe/Vienna", "2026-03-29T07:00:00Z"),  # the clocks go forward
        ("2026-10-24T12:00:00Z", "Europe/Vienna", "2026-10-25T08:00:00Z"),  # and back
        ("2026-07-01T12:00:00Z", "Asia/Kathmandu", "2026-07-02T03:15:00Z"),
        ("2026-07-01T12:00:00Z", "America/Los_Angeles", "2026-07-01T16:00:00Z"),
        ("2026-07-01T12:00:00Z", "Gone/Zone", "2026-07-02T09:00:00Z"),
    ],
)
def test_the_next_digest_is_at_that_hour_of_the_clock(now: str, zone: str, expected: str):
    assert next_digest(datetime.fromisoformat(now), 9, zone) == datetime.fromisoformat(expected)


def letter(*rows: Notification, **names: str) -> Mail | None:
    workspaces = {HOME: "Home", STUDIO: "Studio"}
    known = Names(workspaces, {"page:p": "Plan", "channel:c": "#c", **names}, {"user:x": "Xe"})
    addressee = Addressee("Ann", "ann@example.org", "https://x/page", "https://x/post")
    return write_letter(addressee, rows, len(rows), known, is_digest=False)


def row(number: int, workspace_id: UUID, subject: str, kind: str = "mention") -> Notification:
    return Notification(
        id=UUID(int=number),
        user_id=ANN,
        workspace_id=workspace_id,
        position=number,
        kind=kind,  # pyright: ignore[reportArgumentType]  (the tests write real ones)
        actor="user:x",
        subject=subject,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def test_a_name_cannot_look_like_more_than_a_name():
    evil = "Plan\n\nAttic\n=====\n\n- Xe\u2028gave you money"
    mail = letter(row(1, HOME, "page:e"), **{"page:e": evil})
    assert mail is not None
    assert "- Xe mentioned you in Plan Attic ===== - Xe gave you money\n" in mail.text
    assert "\n" not in mail.subject


def test_what_may_not_be_seen_has_no_name_and_is_left_out():
    assert letter(row(1, HOME, "page:hidden")) is None
    mail = letter(row(1, HOME, "page:hidden"), row(2, STUDIO, "page:p"))
    assert mail is not None
    assert "Home" not in mail.text
    assert "Plan" in mail.text


def test_every_kind_has_a_sentence():
    for kind in DELIVERIES:
        mail = letter(row(1, HOME, "channel:c", kind))
        assert mail is not None
        assert "{" not in mail.text


async def test_a_mail_that_cannot_be_written_holds_nobody_up(
    database: Database,
    ann: Api,
    member: Api,
    workspace: str,
    channel: str,
    mail_server: MailServer,
    caplog: pytest.LogCaptureFixture,
):
    async with database.transaction() as uow:
        user = await uow.users.get(UUID(ann.user["id"]))
        assert user is not None
        await uow.users.set_verified(user)
        row: dict[str, Any] = {
            "id": uow.new_id(),
            "user_id": user.id,
            "workspace_id": UUID(workspace.rpartition("/")[2]),
            "position": 1_000_000,
            "kind": "of a later version",
            "subject": f"channel:{channel}",
            "details": {},
            "created_at": uow.now,
            "mail_at": uow.now - timedelta(minutes=1),
        }
        await uow.notifications.add([row])
    await say(database, workspace, channel, ann, member)
    assert (await news(mail_server))["to"] == "bob@example.com"
    assert "a notification mail could not be written" in caplog.text
