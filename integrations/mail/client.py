"""Mail by SMTP: one connection a mail, encrypted before anything is said."""

from collections.abc import Callable
from datetime import datetime
from typing import Literal

import aiosmtplib
import msgspec

from integrations.errors import MailRefusedError, MailUnavailableError
from integrations.mail.models import Mail, compose

TIMEOUT_SECONDS = 20


class SmtpConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where mails are handed over, and as whom."""

    host: str
    port: int
    security: Literal["starttls", "tls", "none"]
    user: str
    password: str
    sender: str

    def __repr__(self) -> str:
        """Say nothing of the password."""
        return f"<SmtpConfig of {self.host}>"


class SmtpMailer:
    """Implements `integrations.mail.ports.Mailer`."""

    def __init__(self, config: SmtpConfig, clock: Callable[[], datetime]) -> None:
        self._config = config
        self._clock = clock

    async def send(self, mail: Mail) -> None:
        """Hand a mail over. Raises MailUnavailableError, MailRefusedError."""
        config = self._config
        message = compose(mail, config.sender, now=self._clock())
        try:
            await aiosmtplib.send(
                message,
                recipients=[mail.to],
                hostname=config.host,
                port=config.port,
                username=config.user or None,
                password=config.password or None,
                use_tls=config.security == "tls",
                start_tls=config.security == "starttls",
                timeout=TIMEOUT_SECONDS,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            # With one recipient, this is about that one.
            raise _refusal(error.recipients[0].code) from error
        except aiosmtplib.SMTPAuthenticationError as error:
            # The operator's to correct; the mail is as good as before.
            raise MailUnavailableError(f"the mail server refuses the credentials ({error.code})") from error
        except aiosmtplib.SMTPResponseException as error:
            raise _refusal(error.code) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            reason = type(error).__name__
            raise MailUnavailableError(f"the mail server cannot be used: {reason}") from error


def _refusal(code: int) -> MailUnavailableError | MailRefusedError:
    """Return what a reply means (RFC 5321, 4.2.1: 4yz is for now, 5yz for good)."""
    if 500 <= code < 600:
        return MailRefusedError(f"the mail server refuses a mail ({code})")
    return MailUnavailableError(f"the mail server does not take a mail now ({code})")
