import logging
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from integrations.errors import MailRefusedError, MailUnavailableError
from integrations.mail.client import SmtpConfig, SmtpMailer
from integrations.mail.models import Mail
from integrations.mail.outbox import OutboxMailer
from tests.services.smtp import MailServer, html_of, text_of

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
MAIL = Mail(to="ann@example.org", subject="Your link", text="Hällo: https://x.example/#secret\n")

Mailers = Callable[..., SmtpMailer]


@pytest.fixture
def mailer(mail_server: MailServer) -> Mailers:
    def create(**other: str) -> SmtpMailer:
        known: dict[str, str] = {"user": "", "password": "", "security": "none", **other}
        config = SmtpConfig(
            host="127.0.0.1",
            port=mail_server.port,
            sender="IONFLUX <flux@example.org>",
            security=known["security"],  # pyright: ignore[reportArgumentType]  (the tests write real ones)
            user=known["user"],
            password=known["password"],
        )
        return SmtpMailer(config, lambda: NOW)

    return create


async def test_a_mail_arrives_as_it_was_written(mail_server: MailServer, mailer: Mailers):
    await mailer().send(MAIL)
    mail = await mail_server.next_mail()
    assert (mail["to"], mail["subject"]) == ("ann@example.org", "Your link")
    assert mail["from"] == "IONFLUX <flux@example.org>"
    assert mail["auto-submitted"] == "auto-generated"
    assert mail["message-id"].endswith("@example.org>")
    assert text_of(mail) == MAIL.text
    assert mail_server.envelopes[0].rcpt_tos == ["ann@example.org"]


async def test_a_subject_cannot_add_headers(mail_server: MailServer, mailer: Mailers):
    await mailer().send(Mail(to="ann@example.org", subject="Hi\r\nBcc: eve@example.org", text="x"))
    mail = await mail_server.next_mail()
    assert mail["bcc"] is None
    assert mail["subject"] == "Hi  Bcc: eve@example.org"


@pytest.mark.parametrize("address", ["a,b@example.org", "a@b@c", "<a@b>", "a", "a@", "a b@c", "a\r\nb@c"])
async def test_what_is_no_address_is_refused_before_the_server_is_asked(
    mail_server: MailServer, mailer: Mailers, address: str
):
    with pytest.raises(MailRefusedError):
        await mailer().send(Mail(to=address, subject="x", text="x"))
    assert mail_server.count == 0


@pytest.mark.parametrize(
    ("reply", "error"),
    [("550 no such person", MailRefusedError), ("451 later", MailUnavailableError)],
)
async def test_a_refusal_for_good_is_told_from_one_for_now(
    mail_server: MailServer, mailer: Mailers, reply: str, error: type[Exception]
):
    mail_server.replies = [reply]
    with pytest.raises(error) as caught:
        await mailer().send(MAIL)
    assert "ann" not in str(caught.value)


async def test_the_server_is_signed_in_to(mail_server: MailServer, mailer: Mailers):
    await mailer(user="flux", password="right").send(MAIL)
    assert mail_server.count == 1
    with pytest.raises(MailUnavailableError, match="refuses the credentials"):
        await mailer(user="flux", password="wrong").send(MAIL)


async def test_nothing_is_said_to_a_server_that_cannot_encrypt(mail_server: MailServer, mailer: Mailers):
    with pytest.raises(MailUnavailableError):
        await mailer(security="starttls").send(MAIL)
    assert mail_server.count == 0


async def test_a_server_that_is_away_is_worth_another_try(mail_server: MailServer, mailer: Mailers):
    mail_server.port = 1
    with pytest.raises(MailUnavailableError):
        await mailer().send(MAIL)


async def test_without_a_server_mails_are_private_files(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    outbox = tmp_path / "outbox"
    with caplog.at_level(logging.INFO):
        await OutboxMailer(outbox, "flux@example.org", lambda: NOW).send(MAIL)
    (file,) = outbox.iterdir()
    assert stat.S_IMODE(outbox.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    mail = message_from_bytes(file.read_bytes(), policy=policy.default)
    assert mail["to"] == "ann@example.org"
    assert file.name in caplog.text
    assert "secret" not in caplog.text
    assert "ann@" not in caplog.text


async def test_a_mail_says_the_same_in_html(mail_server: MailServer, mailer: Mailers):
    text = "News\n====\n\nHi <b>Ann</b>,\nsee https://x.example/a?b=1&c=2#s now\n"
    await mailer().send(Mail(to="ann@example.org", subject="x", text=text))
    html = html_of(await mail_server.next_mail())
    assert "<h2>News</h2>" in html
    assert "Hi &lt;b&gt;Ann&lt;/b&gt;,<br>" in html
    address = "https://x.example/a?b=1&amp;c=2#s"
    assert f'see <a href="{address}">{address}</a> now' in html


async def test_news_can_be_ended_by_one_click(mail_server: MailServer, mailer: Mailers):
    url = "https://flux.example/v1/unsubscribe?token=x"
    await mailer().send(Mail(to="ann@example.org", subject="x", text="x", unsubscribe_url=url))
    mail = await mail_server.next_mail()
    assert mail["list-unsubscribe"] == f"<{url}>"
    assert mail["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"
    await mailer().send(MAIL)
    assert (await mail_server.next_mail())["list-unsubscribe"] is None


async def test_a_mail_that_is_sent_twice_has_one_name(mail_server: MailServer, mailer: Mailers):
    for key in ("k", "k", ""):
        await mailer().send(Mail(to="ann@example.org", subject="x", text="x", key=key))
    names = [(await mail_server.next_mail())["message-id"] for _ in range(3)]
    assert names[0] == names[1] == "<k@example.org>"
    assert names[2] != names[0]
