"""The server is killed between what happens and the mail that tells of it: the mail comes, and comes once."""

import asyncio
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import update

from storage.engine import Database
from storage.models import Notification, NotificationPreference
from tests.services.databases import BOTH
from tests.services.ionflux import IonfluxServer, expect_no_fault
from tests.services.smtp import MailServer, text_of

pytestmark = pytest.mark.chaos

ROUNDS = 4


@pytest.fixture
def server(
    tmp_path: Path, mail_server: MailServer, request: pytest.FixtureRequest
) -> Iterator[IonfluxServer]:
    settings = {
        "IONFLUX_SMTP_HOST": "127.0.0.1",
        "IONFLUX_SMTP_PORT": str(mail_server.port),
        "IONFLUX_SMTP_SECURITY": "none",
        "IONFLUX_MAIL_FROM": "flux@example.org",
    }
    if request.param == "postgres":
        settings["IONFLUX_DATABASE_URL"] = request.getfixturevalue("postgres_url")
    server = IonfluxServer(tmp_path, settings)
    server.start()
    yield server
    server.close()
    expect_no_fault(server.log_text())


@pytest.mark.parametrize("server", BOTH, indirect=True)
async def test_a_killed_server_mails_each_notification_once(server: IonfluxServer, mail_server: MailServer):
    ann, bob = await server.person("Ann"), await server.person("Bob")
    workspace = await ann.workspace()
    async with Database(server.database_url) as database, database.transaction() as uow:
        user = await uow.users.get(UUID(bob.user_id))
        assert user is not None
        await uow.users.set_verified(user)
    for round in range(ROUNDS):
        page = await ann.page(workspace, f"Page {round}")
        mail_server.replies = ["451 later"] * 2
        await ann.post(f"/v1/pages/{page.id}/grants", {"email": bob.email, "level": "read"})
        await asyncio.sleep(0.05 * round)  # the moment itself: before the row, the mail, or its first attempt
        await server.kill()
        await allow_another_mail(server)
        mail_server.replies = []
        await server.restart()
        while True:
            mail = await mail_server.next_mail(seconds=60)
            if mail["to"] == bob.email and "Confirm" not in mail["subject"]:
                break
        assert re.findall(r"shared the page (Page \d+)", text_of(mail)) == [f"Page {round}"]
        assert mail["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"


async def allow_another_mail(server: IonfluxServer) -> None:
    """Take the five minutes between two mails for over."""
    async with Database(server.database_url) as database, database.transaction() as uow:
        await uow.session.execute(update(NotificationPreference).values(last_mailed_at=None))
        # The row may have been written before the kill, with the time of its mail.
        due = update(Notification).where(Notification.mail_at.is_not(None)).values(mail_at=datetime.now(UTC))
        await uow.session.execute(due)
