"""One delivery of a webhook: what is sent, how it is signed, and what counts as delivered."""

import secrets
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from integrations.errors import AddressRefusedError, ExchangeFailedError
from integrations.signatures import SECRET_BYTES, new_secret, signed_headers
from integrations.transport import Transport
from server import __version__
from storage.errors import BrokenSealError, UnknownKeyError
from storage.models import Event, Webhook
from storage.vault import Vault, place_of

TEST_TYPE = "webhook.test"


class Message(msgspec.Struct, frozen=True):
    """What a receiver gets as JSON."""

    type: str
    timestamp: datetime
    workspace_id: UUID
    position: int | None
    """The event's place among all of the workspace; None for a test."""
    actor: str | None
    subject: str | None
    data: dict[str, Any]


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one delivery."""

    status: int | None = None
    error: str | None = None
    response: str | None = None
    """The beginning of what was answered."""
    retry_after_seconds: int | None = None
    duration_ms: int

    @property
    def is_delivered(self) -> bool:
        """Tell whether the receiver has taken it: any 2xx."""
        return self.status is not None and 200 <= self.status < 300


class Courier:
    """Delivers single messages."""

    def __init__(self, transport: Transport, vault: Vault, clock: Callable[[], datetime]) -> None:
        self._transport = transport
        self._vault = vault
        self._clock = clock

    def make_secret(self, webhook_id: UUID) -> tuple[str, bytes]:
        """Return a new secret, for its owner to see once and sealed to be stored."""
        secret = new_secret(secrets.token_bytes(SECRET_BYTES))
        return secret, self._vault.seal(secret, place_of("webhooks", "secret", webhook_id))

    def retire_secret(self, webhook: Webhook) -> bytes:
        """Return the present secret sealed for the place of the previous one."""
        secret = self._vault.open(webhook.secret, place_of("webhooks", "secret", webhook.id))
        return self._vault.seal(secret, place_of("webhooks", "previous_secret", webhook.id))

    async def deliver(self, webhook: Webhook, event: Event) -> Attempt:
        """Send an event; its id is the message's, the same in each attempt."""
        message = Message(
            type=event.type,
            timestamp=event.created_at,
            workspace_id=event.workspace_id,
            position=event.position,
            actor=event.actor,
            subject=event.subject,
            data=event.payload,
        )
        return await self._send(webhook, event.id, message)

    async def deliver_test(self, webhook: Webhook, message_id: UUID) -> Attempt:
        """Send a message that is no event."""
        message = Message(
            type=TEST_TYPE,
            timestamp=self._clock(),
            workspace_id=webhook.workspace_id,
            position=None,
            actor=None,
            subject=f"webhook:{webhook.id}",
            data={},
        )
        return await self._send(webhook, message_id, message)

    async def _send(self, webhook: Webhook, message_id: UUID, message: Message) -> Attempt:
        body = msgspec.json.encode(message)
        begun = time.perf_counter()

        def elapsed_ms() -> int:
            return round((time.perf_counter() - begun) * 1000)

        try:
            headers = signed_headers(
                self._secrets(webhook), str(message_id), int(self._clock().timestamp()), body
            )
            headers |= {"Content-Type": "application/json", "User-Agent": f"IONFLUX/{__version__}"}
            answer = await self._transport.post(webhook.url, body, headers)
        except AddressRefusedError as error:
            return Attempt(error=f"not sent: {error}", duration_ms=elapsed_ms())
        except ExchangeFailedError as error:
            return Attempt(error=str(error), duration_ms=elapsed_ms())
        except (BrokenSealError, UnknownKeyError):
            return Attempt(error="not sent: the secret cannot be opened", duration_ms=elapsed_ms())
        return Attempt(
            status=answer.status,
            error=None if 200 <= answer.status < 300 else f"answered with {answer.status}",
            response=answer.body.decode("utf-8", "replace").replace("\x00", "\ufffd"),
            retry_after_seconds=_seconds(answer.headers.get("retry-after", "")),
            duration_ms=elapsed_ms(),
        )

    def _secrets(self, webhook: Webhook) -> list[str]:
        found = [self._vault.open(webhook.secret, place_of("webhooks", "secret", webhook.id))]
        until = webhook.previous_secret_until
        if webhook.previous_secret is not None and until is not None and until > self._clock():
            place = place_of("webhooks", "previous_secret", webhook.id)
            found.append(self._vault.open(webhook.previous_secret, place))
        return found


def _seconds(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else None
