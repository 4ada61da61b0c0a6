"""What can go wrong between this server and other companies'.

IntegrationError
└── MailError
    ├── MailUnavailableError   the mail server cannot be reached, or says "later"
    └── MailRefusedError       it will never take this mail

Messages are one line, made for operators, and contain no credential and no address of a person.
"""

from typing import ClassVar


class IntegrationError(Exception):
    """The root. `code` is stable and made for machines."""

    code: ClassVar[str] = "integration_error"


class MailError(IntegrationError):
    """A mail was not handed over."""

    code = "mail_failed"


class MailUnavailableError(MailError):
    """Not now: worth another try later."""

    code = "mail_unavailable"


class MailRefusedError(MailError):
    """Not this mail, however often it is tried."""

    code = "mail_refused"
