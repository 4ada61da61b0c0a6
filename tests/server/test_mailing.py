"""The outbox of mails, through a real SMTP server: nothing is lost, nothing lies open."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import select, text

from integrations.mail.client import SmtpConfig, SmtpMailer
from integrations.mail.models import Mail
from server.mailing import USUAL, Mailing, MailRequest
from storage.engine import Database
from storage.errors import UnknownWorkspaceError
from storage.models import WaitingMail
from storage.unit_of_work import UnitOfWork
from storage.vault import KEY_BYTES, Vault
from tests.server.conftest import Clock
from tests.services.smtp import MailServer, text_of
from tests.waiting import until

SECRET = "https://flux.example/#secret"
MAIL = Mail(to="ann@example.org", subject="Your link", text=SECRET)


@pytest.fixture
def keys() -> list[bytes]:
    return [b"k" * KEY_BYTES]


@pytest.fixture
def mailing(database: Database, mail_server: MailServer, keys: list[bytes]) -> Mailing:
    return open_mailing(database, mail_server, keys)


def open_mailing(database: Database, mail_server: MailServer, keys: list[bytes]) -> Mailing:
    config = SmtpConfig(
        host="127.0.0.1",
        port=mail_server.port,
        security="none",
        user="",
        password="",
        sender="flux@example.org",
    )
    mailer = SmtpMailer(config, lambda: datetime.now(UTC))
    return Mailing(database, Vault(lambda: keys), mailer, retry_seconds=(0.01, 0.02))


@asynccontextmanager
async def sending(*mailings: Mailing) -> AsyncGenerator[None]:
    tasks = [asyncio.create_task(mailing.run()) for mailing in mailings]
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def waiting(database: Database) -> list[UUID]:
    async with database.read() as uow:
        return list(await uow.session.scalars(select(WaitingMail.id)))


async def all_gone(database: Database) -> None:

    async def is_empty() -> bool:
        return not await waiting(database)

    await until(is_empty)


async def post_and_fail(database: Database, mailing: Mailing) -> None:
    async with database.transaction() as uow:
        await mailing.post(uow, Mail(to="eve@example.org", subject="x", text="x"))
        await uow.events.append(uow.new_id(), "test")


async def test_a_conversation_that_hangs_holds_up_no_mail_that_comes_later(
    database: Database, mailing: Mailing, mail_server: MailServer
):
    mail_server.held["slow@example.org"] = asyncio.Event()
    async with sending(mailing):
        for to in ("slow@example.org", "ann@example.org", "bob@example.org"):
            async with database.transaction() as uow:
                await mailing.post(uow, Mail(to=to, subject="x", text="x"))
            if not to.startswith("slow"):
                assert (await mail_server.next_mail())["to"] == to
        mail_server.held["slow@example.org"].set()
        assert (await mail_server.next_mail())["to"] == "slow@example.org"
        await all_gone(database)
    assert mail_server.count == 3


async def test_a_mail_waits_for_its_cause_and_goes_when_that_is_committed(
    database: Database, mailing: Mailing, mail_server: MailServer
):
    async with sending(mailing):
        with pytest.raises(UnknownWorkspaceError):
            await post_and_fail(database, mailing)
        async with database.transaction() as uow:
            await mailing.post(uow, MAIL)
        mail = await mail_server.next_mail()
        assert (mail["to"], text_of(mail)) == ("ann@example.org", f"{SECRET}\n")
        await all_gone(database)
    assert mail_server.count == 1


async def test_what_waits_outlives_the_process_and_lies_sealed(
    database: Database, mailing: Mailing, mail_server: MailServer, keys: list[bytes]
):
    async with database.transaction() as uow:
        await mailing.post(uow, MAIL)
    async with database.read() as uow:
        stored = str((await uow.session.execute(text("SELECT * FROM mails"))).all())
    assert "secret" not in stored
    assert "ann@" not in stored
    async with sending(open_mailing(database, mail_server, keys)):
        assert text_of(await mail_server.next_mail()) == f"{SECRET}\n"


async def test_later_is_tried_again_and_never_is_not(
    database: Database, mailing: Mailing, mail_server: MailServer
):
    mail_server.replies = ["451 later", "421 later", "550 no such person", "550 nobody asked"]
    async with database.transaction() as uow:
        await mailing.post(uow, MAIL)
    async with sending(mailing):
        await all_gone(database)
    assert mail_server.replies == ["550 nobody asked"]
    assert mail_server.count == 0


async def test_a_mail_is_given_up_after_a_day_with_a_line_in_the_log(
    database: Database,
    mailing: Mailing,
    mail_server: MailServer,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
):
    database.clock = clock
    async with database.transaction() as uow:
        await mailing.post(uow, MAIL)
    mail_server.replies = ["451 later"] * 1000
    clock.forward(hours=23)

    async def was_tried() -> bool:
        return len(mail_server.replies) < 1000

    async with sending(mailing):
        await until(was_tried)
        assert await waiting(database)
        clock.forward(hours=1, seconds=1)
        await all_gone(database)
    assert "a mail is given up: the mail server does not take a mail now (451)" in caplog.text
    assert "ann@" not in caplog.text


async def test_somebody_who_waits_goes_before_news(
    database: Database, mailing: Mailing, mail_server: MailServer
):
    async with database.transaction() as uow:
        for n in range(60):
            await mailing.post(uow, Mail(to=f"{n}@example.org", subject="x", text="x"), priority=USUAL)
        await mailing.post(uow, MAIL)
    async with sending(mailing):
        first = [(await mail_server.next_mail())["to"] for _ in range(10)]
        assert "ann@example.org" in first
        for _ in range(51):
            await mail_server.next_mail()


async def test_what_cannot_be_opened_holds_nobody_up(
    database: Database, mailing: Mailing, mail_server: MailServer, keys: list[bytes]
):
    async with database.transaction() as uow:
        await mailing.post(uow, MAIL)
    keys[:] = [b"n" * KEY_BYTES]  # as after a restore without the keys
    async with database.transaction() as uow:
        await mailing.post(uow, Mail(to="bob@example.org", subject="x", text="x"))
    async with sending(mailing):
        assert (await mail_server.next_mail())["to"] == "bob@example.org"


def maker(log: list[str]) -> Callable[[UnitOfWork, MailRequest], Awaitable[Mail | None]]:
    async def make(uow: UnitOfWork, request: MailRequest) -> Mail | None:
        log.append(request.about)
        return MAIL if request.about == "ann" else None

    return make


async def test_a_request_becomes_one_mail_however_often_that_is_tried(
    database: Database, mailing: Mailing, mail_server: MailServer
):
    made: list[str] = []
    mailing.makers["link"] = maker(made)
    mail_server.replies = ["451 later", "451 later"]
    async with database.transaction() as uow:
        await mailing.request(uow, MailRequest("link", "ann"))
        await mailing.request(uow, MailRequest("link", "nobody"))
    async with sending(mailing):
        await mail_server.next_mail()
        await all_gone(database)
    assert sorted(made) == ["ann", "nobody"]
    assert mail_server.count == 1


async def test_of_several_processes_one_sends(
    database: Database, mailing: Mailing, mail_server: MailServer, keys: list[bytes]
):
    async with sending(mailing, open_mailing(database, mail_server, keys)):
        for _ in range(5):
            async with database.transaction() as uow:
                await mailing.post(uow, MAIL)
            await mail_server.next_mail()
        await all_gone(database)
    assert mail_server.count == 5
