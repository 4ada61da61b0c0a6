"""What a mail is here: one addressee, and a text that is sent as it is and as HTML."""

import secrets
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

import msgspec

from integrations.errors import MailRefusedError
from integrations.mail.markup import as_html


class Mail(msgspec.Struct, frozen=True):
    """A mail to one person. Its text may hold a secret link: neither is ever logged."""

    to: str
    subject: str
    text: str
    key: str = ""
    """Names the mail: one that is sent twice has the same Message-ID, so that mailboxes can tell."""
    unsubscribe_url: str = ""
    """Where a POST ends mails of this kind (RFC 8058); empty where they cannot be ended."""

    def __repr__(self) -> str:
        """Say nothing of whom it is for and what it says."""
        return "<Mail>"


def compose(mail: Mail, sender: str, *, now: datetime) -> EmailMessage:
    """Return the message to send. Raises MailRefusedError for an address that no mail can go to."""
    message = EmailMessage(policy=SMTP)
    try:
        message["From"] = sender
        # A header takes a list: as one parsed address, a comma in it cannot make two of it.
        message["To"] = Address(addr_spec=mail.to)
    except (MessageError, ValueError, IndexError) as error:
        raise MailRefusedError("an address is not one that mail can go to") from error
    message["Subject"] = "".join(c if c.isprintable() else " " for c in mail.subject)
    message["Date"] = format_datetime(now.astimezone(UTC))
    message["Message-ID"] = f"<{mail.key or secrets.token_hex(16)}@{_domain(sender)}>"
    message["Auto-Submitted"] = "auto-generated"
    if mail.unsubscribe_url:
        message["List-Unsubscribe"] = f"<{mail.unsubscribe_url}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(mail.text)
    message.add_alternative(as_html(mail.text), subtype="html")
    return message


def _domain(sender: str) -> str:
    return sender.rpartition("@")[2].strip(" <>") or "localhost"
