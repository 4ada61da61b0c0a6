"""Mail where no mail server is set: a file each, for the operator to read, and a line in the log."""

import asyncio
import logging
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from integrations.errors import MailUnavailableError
from integrations.mail.models import Mail, compose

logger = logging.getLogger("ionflux.mail")


class OutboxMailer:
    """Writes mails (mode 0600) into a folder. Implements `integrations.mail.ports.Mailer`."""

    def __init__(self, folder: Path, sender: str, clock: Callable[[], datetime]) -> None:
        self._folder = folder
        self._sender = sender
        self._clock = clock

    async def send(self, mail: Mail) -> None:
        """Write a mail. Raises MailUnavailableError, MailRefusedError."""
        now = self._clock()
        message = compose(mail, self._sender, now=now)
        name = f"{now:%Y%m%dT%H%M%S.%fZ}-{os.urandom(3).hex()}.eml"
        try:
            await asyncio.to_thread(self._write, name, message.as_bytes())
        except OSError as error:
            raise MailUnavailableError(f"{self._folder} cannot be written: {error.strerror}") from error
        # The text holds the secret, so the line only says where it is (rule A1).
        logger.warning("no mail server is set: a mail, %r, is in %s", mail.subject, self._folder / name)

    def _write(self, name: str, content: bytes) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(self._folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
