"""A real SMTP server that keeps what it is given and refuses as it is told."""

import asyncio
from collections.abc import AsyncIterator
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


class MailServer:
    """The server, its mails and its mood. Port 0 until it listens."""

    def __init__(self) -> None:
        self.port = 0
        self.replies: list[str] = []
        """What to answer to the next recipients instead of taking the mail."""
        self.held: dict[str, asyncio.Event] = {}
        """Recipient -> what a mail to them waits for before it is taken."""
        self._mails: asyncio.Queue[EmailMessage] = asyncio.Queue()
        self.envelopes: list[Envelope] = []

    async def next_mail(self, *, seconds: float = 30) -> EmailMessage:
        """Wait for the next mail, for so long."""
        return await asyncio.wait_for(self._mails.get(), seconds)

    @property
    def count(self) -> int:
        """How many mails have come."""
        return len(self.envelopes)

    # What aiosmtpd calls

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.replies:
            return self.replies.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        for recipient in envelope.rcpt_tos:
            if recipient in self.held:
                await self.held[recipient].wait()
        self.envelopes.append(envelope)
        assert isinstance(envelope.content, bytes)
        self._mails.put_nowait(message_from_bytes(envelope.content, EmailMessage, policy=policy.default))
        return "250 OK"

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        # Handled would be a refusal that has been said already.
        return AuthResult(success=data.password == b"right", handled=False)

    def protocol(self) -> SMTP:
        """Return what serves one connection."""
        return SMTP(self, authenticator=self.authenticate, auth_require_tls=False, hostname="mail.test")


def text_of(mail: EmailMessage) -> str:
    """Return the plain text of a mail."""
    return _part(mail, "plain")


def html_of(mail: EmailMessage) -> str:
    """Return the HTML of a mail."""
    return _part(mail, "html")


def _part(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return part.get_content().replace("\r\n", "\n")


@pytest.fixture
async def mail_server() -> AsyncIterator[MailServer]:
    """An SMTP server on this machine, without TLS."""
    mail_server = MailServer()
    listener = await asyncio.get_running_loop().create_server(mail_server.protocol, "127.0.0.1", 0)
    mail_server.port = listener.sockets[0].getsockname()[1]
    yield mail_server
    listener.close()
