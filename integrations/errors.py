"""What can go wrong between this server and other companies'.

IntegrationError
├── AddressRefusedError        a URL that no request is sent to
├── ExchangeFailedError        a request without an answer
└── MailError
    ├── MailUnavailableError   the mail server cannot be reached, or says "later"
    └── MailRefusedError       it will never take this mail

Messages are one line, made for operators, and contain no credential and no address of a person.
"""

from typing import ClassVar


class IntegrationError(Exception):
    """The root. `code` is stable and made for machines."""

    code: ClassVar[str] = "integration_error"


class AddressRefusedError(IntegrationError):
    """A URL of a user leads where no request of theirs may go."""

    code = "address_refused"


class ExchangeFailedError(IntegrationError):
    """A request was not answered: not in time, not at all, or not in HTTP."""

    code = "exchange_failed"


class MailError(IntegrationError):
    """A mail was not handed over."""

    code = "mail_failed"


class MailUnavailableError(MailError):
    """Not now: worth another try later."""

    code = "mail_unavailable"


class MailRefusedError(MailError):
    """Not this mail, however often it is tried."""

    code = "mail_refused"
