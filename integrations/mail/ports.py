"""What callers need of whatever sends mail."""

from typing import Protocol

from integrations.mail.models import Mail


class Mailer(Protocol):
    """Hands mails over to something that delivers them."""

    async def send(self, mail: Mail) -> None:
        """Return when the mail is somebody else's to deliver.

        Raises MailUnavailableError where another try makes sense, MailRefusedError where it does not.
        """
        ...
